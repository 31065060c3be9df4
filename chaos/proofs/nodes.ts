import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCluster } from '../../activities/deploy/layout.ts';
import type { EnvironmentSettings } from '../../config/environment.ts';
import type { Report } from '../../report/report.ts';
import { nodeProcesses } from '../kill.ts';
import type { World } from '../world.ts';

/**
 * What lies on every node's disk and what its process says, read here: each file that an artifact replaces has
 * the digest that the candidate's artifact has; exactly one process runs in the node's folder; it reports the commit.
 */
export async function proveNodes(
  world: World,
  environment: string,
  settings: EnvironmentSettings,
  report: Report,
): Promise<string[]> {
  const candidate = report.candidates[0];
  if (!candidate) return [`${report.release} has no candidate`];
  const wanted = new Map(candidate.artifacts.map(({ name, sha256 }) => [name, sha256]));
  const targets = readCluster(world.data, environment)?.targets ?? [];
  const problems = targets.length > 0 ? [] : [`${environment} has no nodes`];
  for (const { name, host, ports } of targets) {
    const dir = join(world.data, 'env', environment, 'nodes', name);
    const at = `${environment}/${name}`;
    for (const [artifact, file] of filesOf(settings, name, dir)) {
      const found = existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'nothing';
      if (found !== wanted.get(artifact)) problems.push(`${at}: ${artifact} is ${found}, not ${wanted.get(artifact)}`);
    }
    const processes = nodeProcesses(dir);
    if (processes.length !== 1) problems.push(`${at}: ${processes.length} processes run in its folder`);
    const commit = await commitOf(settings, host, ports);
    // A jar carries the commit's first sixteen digits (Kafka's own convention).
    if (commit !== undefined && !(commit !== '' && candidate.commit.startsWith(commit)))
      problems.push(`${at}: its process reports the commit ${commit}, not ${candidate.commit}`);
  }
  if (settings.system === 'kafka') problems.push(...proveTraffic(world, environment));
  return problems;
}

/** One traffic process in the environment. */
function proveTraffic(world: World, environment: string): string[] {
  const running = nodeProcesses(join(world.data, 'env', environment, 'traffic'));
  return running.length === 1 ? [] : [`${environment}: ${running.length} traffic processes`];
}

function filesOf(settings: EnvironmentSettings, node: string, dir: string): [artifact: string, file: string][] {
  if (settings.system === 'kafka')
    return Object.entries(settings.artifacts).map(([artifact, jar]) => [artifact, join(dir, libsIn(dir), jar)]);
  // What is on the user's own hosts cannot be read from here.
  if (settings.system === 'command') return [];
  const files = settings.targets.find(({ name }) => name === node)?.files ?? {};
  return Object.entries(files).map(([artifact, path]) => [artifact, join(dir, path)]);
}

function libsIn(dir: string): string {
  return readdirSync(dir).includes('libs') ? 'libs' : '.';
}

/** Undefined where the process has no way to say it (a KRaft controller that is none of the brokers has one too). */
async function commitOf(
  settings: EnvironmentSettings,
  host: string,
  ports: Record<string, number>,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(10_000);
  if (settings.system === 'process')
    return (await (await fetch(`http://${host}:${ports.main}/`, { signal })).text()).trim();
  const read = 'read/kafka.server:type=app-info/commit-id';
  const answer = (await (await fetch(`http://${host}:${ports.jolokia}/jolokia/${read}`, { signal })).json()) as {
    value?: string;
  };
  return answer.value;
}
