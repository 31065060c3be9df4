import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ProcessEnvironmentSettings, ProcessTargetSettings } from '../../config/environment.ts';
import type { TargetInfo } from './driver.ts';
import { nodeDir } from './layout.ts';
import { type NodeProgram, nodeFiles } from './node.ts';
import type { StartSetting } from './start-settings.ts';

const run = promisify(execFile);

/** The targets of a plain-process environment, without ports. */
export function plannedPlainTargets(
  dataDir: string,
  environment: string,
  { targets }: ProcessEnvironmentSettings,
): TargetInfo[] {
  return targets.map(({ name, rack }) => ({
    name,
    roles: ['process'],
    ...(rack ? { rack } : {}),
    host: '127.0.0.1',
    ports: {},
    dir: nodeDir(dataDir, environment, name),
  }));
}

/** How to run one plain process: nothing is known of it but what the settings say. */
export function plainProgram(
  settings: ProcessTargetSettings,
  info: TargetInfo,
  hostEnv: Readonly<Record<string, string>>,
): NodeProgram {
  const fill = (text: string) => text.replaceAll('{port}', String(info.ports.main)).replaceAll('{dir}', info.dir);
  const [command = '', ...args] = settings.start.map(fill);
  const configured = Object.entries(settings.environment).map(([name, value]) => [name, fill(value)]);
  const env = { PATH: '/usr/bin:/bin', ...hostEnv, ...Object.fromEntries(configured) };
  return {
    info,
    managed: Object.fromEntries(Object.entries(settings.files).map(([name, path]) => [name, join(info.dir, path)])),
    command,
    args,
    env,
    cwd: info.dir,
    startSettings: () => [
      { kind: 'configuration', name: 'start', value: JSON.stringify(settings.start) },
      ...Object.entries(settings.environment).map(([name, value]): StartSetting => {
        return { kind: 'configuration', name: `environment.${name}`, value };
      }),
    ],
    stopSignal: settings.stopSignal,
    ready: 'log' in settings.ready ? { log: new RegExp(settings.ready.log, 'm') } : { http: fill(settings.ready.http) },
    log: nodeFiles.stdout(info.dir),
    commit: () => commitOf(settings.commit, info, fill, env),
  };
}

async function commitOf(
  commit: ProcessTargetSettings['commit'],
  info: TargetInfo,
  fill: (text: string) => string,
  env: Record<string, string>,
): Promise<string> {
  if (!commit) return '';
  if ('file' in commit) return readFileSync(join(info.dir, commit.file), 'utf8').trim();
  if ('http' in commit) {
    const response = await fetch(fill(commit.http), { signal: AbortSignal.timeout(5_000) });
    const text = (await response.text()).trim();
    if (!response.ok)
      throw new Error(`${info.name} does not report its commit: ${response.status} ${text.slice(0, 200)}`);
    return text;
  }
  const [command = '', ...args] = commit.command.map(fill);
  const { stdout } = await run(command, args, { cwd: info.dir, env, timeout: 10_000 });
  return stdout.trim();
}
