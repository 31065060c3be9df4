import { type Client, WorkflowIdConflictPolicy } from '@temporalio/client';
import { openDriver } from '../../activities/deploy/driver.ts';
import { type DownResult, type ShownTarget, showTargets, takeDown } from '../../activities/deploy/environment.ts';
import { readCluster } from '../../activities/deploy/layout.ts';
import type { TrafficFigures } from '../../activities/traffic/samples.ts';
import { openTraffic, type TrafficState } from '../../activities/traffic.ts';
import { allowedEnvironment, HOST_ENVIRONMENT } from '../../config/env.ts';
import type { EnvironmentSettings } from '../../config/environment.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { Db } from '../../store/database.ts';
import { keepSettings } from '../../store/releases.ts';
import type { EnvironmentUpOrder } from '../../workflows/environment-up.ts';
import { type Look, paint } from '../terminal.ts';

const RECENT_SECONDS = 30;

/** What `env show` says, and its `--json`. `new`: never brought up. `partly`: some nodes run. */
export type EnvironmentView = {
  environment: string;
  system: EnvironmentSettings['system'];
  state: 'up' | 'partly' | 'down' | 'new';
  targets: ShownTarget[];
  traffic?: TrafficState & { lastSeconds: TrafficFigures };
};

/** Exit 2 with the names that there are. */
export function requireEnvironment(settings: Settings, name: string): EnvironmentSettings {
  const found = environmentIn(settings, name);
  if (found) return found;
  const known = Object.keys(settings.environments).join(', ') || 'none';
  throw new ExitError(2, `no environment "${name}" is configured; there are: ${known}`);
}

/** `env show`: read from disk, processes and the traffic's own records now. Needs nothing of ours that runs. */
export async function envShow(
  settings: Settings,
  name: string,
  { dataDir }: { dataDir: string },
): Promise<EnvironmentView> {
  const environment = requireEnvironment(settings, name);
  const about = { environment: name, system: environment.system };
  if (!readCluster(dataDir, name)) return { ...about, state: 'new', targets: [] };
  // Looking starts nothing: no artifact, library or program is asked for.
  const never = async () => {
    throw new Error('env show only looks');
  };
  const driver = openDriver(name, environment, {
    dataDir,
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
    artifacts: { fetch: never },
  });
  const targets = await showTargets(driver);
  const running = targets.filter(({ state }) => state === 'running' || state === 'starting').length;
  const state = running === targets.length ? 'up' : running > 0 ? 'partly' : 'down';
  const traffic = openTraffic(name, environment, { dataDir, cacheDir: '', hostEnv: {}, library: never });
  if (!traffic.observed) return { ...about, state, targets };
  const lastSeconds = await traffic.recent(RECENT_SECONDS);
  return { ...about, state, targets, traffic: { ...(await traffic.state()), lastSeconds } };
}

/** The same for a terminal. */
export function envShowText(view: EnvironmentView, look: Look): string {
  const { environment, system, state, targets, traffic } = view;
  const tone = state === 'up' ? 'green' : state === 'partly' ? 'yellow' : 'dim';
  const head = `${paint(look, 'bold', environment)}  ${system}  ${paint(look, tone, state)}`;
  if (state === 'new') return `${head}\nnever brought up; run: npx patchwright env up ${environment}\n`;
  const width = (field: (target: ShownTarget) => string) => Math.max(...targets.map((target) => field(target).length));
  const nameWidth = width(({ name }) => name);
  const roleWidth = width(({ roles }) => roles.join('+'));
  const lines = targets.flatMap((target) => {
    const line = [
      `  ${target.name.padEnd(nameWidth)}`,
      target.roles.join('+').padEnd(roleWidth),
      paint(look, target.state === 'running' ? 'green' : 'yellow', target.state.padEnd(8)),
      (target.pid ? `pid ${target.pid}` : '').padEnd(11),
      Object.entries(target.ports)
        .map(([use, port]) => `${use} ${port}`)
        .join(' '),
      target.artifacts.map(({ name, sha256 }) => `${oneLine(name, 40)} ${sha256.slice(0, 12)}`).join(' '),
      target.commit ? `commit ${oneLine(target.commit, 16)}` : '',
    ].join('  ');
    const problems = [...target.strangers, ...(target.commitProblem ? [target.commitProblem] : [])];
    return [line.trimEnd(), ...problems.map((problem) => `    ${paint(look, 'red', `! ${oneLine(problem, 300)}`)}`)];
  });
  return `${[head, ...lines, ...(traffic ? [trafficLine(traffic)] : [])].join('\n')}\n`;
}

function trafficLine(traffic: TrafficState & { lastSeconds: TrafficFigures }): string {
  if (traffic.kind === 'stopped') return '  traffic  stopped';
  const { acknowledged, errors, timeouts, p50Ms, p99Ms, lag } = traffic.lastSeconds;
  const latency = p50Ms === undefined ? '' : `, p50 ${p50Ms} ms, p99 ${p99Ms} ms`;
  return `  traffic  pid ${traffic.pid}, ${traffic.rate}/s; last ${RECENT_SECONDS} s: ${acknowledged} acknowledged, ${errors} errors, ${timeouts} time-outs${latency}, ${lag} not yet read`;
}

/** `env down`: traffic, brokers, controllers; no process is left. `purge` removes the data too. */
export async function envDown(
  settings: Settings,
  name: string,
  options: { dataDir: string; purge?: boolean },
): Promise<DownResult> {
  const { system } = requireEnvironment(settings, name);
  if (system === 'command' && !options.purge) {
    const why = `what runs in ${name} is not ours to take down: stop it by your own means`;
    throw new ExitError(2, `${why} (--purge forgets what is known of it here, and touches no target)`);
  }
  return takeDown(name, options);
}

/**
 * `env up`: by a workflow, so that it is finished even if this terminal, or a worker, is not there at its
 * end. One that runs already is joined. Returns a sentence a node.
 */
export async function envUp(
  { db, client }: { db: Db; client: Client },
  settings: Settings,
  name: string,
): Promise<string[]> {
  requireEnvironment(settings, name);
  const fork = Object.entries(settings.forks).find(([, { release }]) => release.environments.includes(name))?.[0];
  const order: EnvironmentUpOrder = {
    environment: name,
    ...(fork === undefined ? {} : { fork }),
    settings: await keepSettings(db, settings),
  };
  const handle = await client.workflow.start('environmentUp', {
    workflowId: `environment-up:${name}`,
    taskQueue: 'patchwright',
    args: [order],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    staticSummary: `env up ${name}`,
  });
  return (await handle.result()) as string[];
}
