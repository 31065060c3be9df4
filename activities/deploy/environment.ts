import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentSettings } from '../../config/environment.ts';
import { findDetached, stateOf, stopDetached } from '../../lib/detached.ts';
import { logger } from '../../lib/log.ts';
import type { Artifact } from '../../workflows/types.ts';
import { type Driver, openDriver, type TargetFacts, type TargetInfo } from './driver.ts';
import { environmentDir, readCluster } from './layout.ts';
import { type ProvisionDeps, provision } from './provision.ts';

const READY_MS = 120_000;
/** A graceful stop takes 1 to 3 seconds on this size of cluster; `down` does not wait longer than this for one. */
const DOWN_GRACE_MS = 10_000;
/** Controllers without brokers end in less than a second, unless their quorum is gone: then never. */
const CONTROLLER_GRACE_MS = 2_000;

export type UpResult = { name: string; pid?: number; adopted: boolean; seconds: number }[];

/**
 * Brings an environment up: lays out what is missing, adopts what runs, starts only what does not, and
 * waits until all are ready. Safe to repeat at any point. The caller starts the traffic.
 *
 * @param initial artifacts for nodes that are laid out now; [] leaves the library's own jars
 * @throws where a node does not become ready, with the end of its log
 */
export async function bringUp(
  environment: string,
  settings: EnvironmentSettings,
  deps: ProvisionDeps,
  initial: Artifact[],
): Promise<UpResult> {
  await provision(environment, settings, deps, initial);
  const driver = openDriver(environment, settings, deps);
  const targets = await driver.targets();
  // A quorum needs its majority to come up, brokers need the quorum: all at once, and no order to wait in.
  return Promise.all(targets.map(({ name }) => startOne(environment, driver, name)));
}

async function startOne(environment: string, driver: Driver, name: string) {
  const began = Date.now();
  const { pid, adopted } = await driver.start(name, { envUp: true });
  const { ready, detail } = await driver.waitReady(name, READY_MS);
  const seconds = (Date.now() - began) / 1000;
  if (!ready) throw new Error(`environment ${environment}: after ${Math.round(seconds)} s ${detail}`);
  logger('deploy', { environment }).info({ target: name, pid, adopted, seconds }, adopted ? 'adopted' : 'ready');
  return { name, ...(pid !== undefined && { pid }), adopted, seconds };
}

export type DownResult = { name: string; stopped: boolean; killed: boolean }[];

/**
 * Ends an environment and leaves no process: traffic, then brokers one by one, then controllers. The last
 * broker, and what remains of a quorum, cannot end gracefully (nobody is left to take over) and are killed.
 * Data is kept unless `purge`, which removes the whole folder, node names and ports included.
 */
export async function takeDown(
  environment: string,
  { dataDir, purge = false }: { dataDir: string; purge?: boolean },
): Promise<DownResult> {
  const dir = environmentDir(dataDir, environment);
  const traffic = join(dir, 'traffic');
  const results: DownResult = [];
  if (existsSync(traffic)) {
    const state = await stopDetached(traffic, { graceMs: DOWN_GRACE_MS });
    results.push({ name: 'traffic', stopped: state.kind !== 'running', killed: false });
  }
  const targets = (readCluster(dataDir, environment)?.targets ?? []).filter(runs);
  for (const [place, graceMs] of graces(targets))
    results.push(...(await Promise.all(place.map((t) => end(t, graceMs)))));
  // Whatever else lives in a state folder below: a node of an earlier layout, a helper of the traffic.
  for (const folder of findDetached(dir)) await stopDetached(folder, { graceMs: CONTROLLER_GRACE_MS });
  if (purge) rmSync(dir, { recursive: true, force: true });
  return results;
}

const runs = ({ dir }: TargetInfo) => stateOf(dir).kind === 'running';

/** Which targets end together, and how long each may take (0: killed at once). */
function graces(targets: TargetInfo[]): [TargetInfo[], number][] {
  const brokers = targets.filter(({ roles }) => roles.includes('broker'));
  const others = targets.filter(({ roles }) => !roles.includes('broker'));
  const last = brokers.length - 1;
  return [
    ...brokers.map((broker, i): [TargetInfo[], number] => [[broker], i === last ? 0 : DOWN_GRACE_MS]),
    [others, others.some(({ roles }) => roles.includes('controller')) ? CONTROLLER_GRACE_MS : DOWN_GRACE_MS],
  ];
}

async function end({ name, dir }: TargetInfo, graceMs: number) {
  const signal: NodeJS.Signals = graceMs === 0 ? 'SIGKILL' : 'SIGTERM';
  const began = Date.now();
  const state = await stopDetached(dir, { signal, graceMs });
  return { name, stopped: state.kind !== 'running', killed: graceMs === 0 || Date.now() - began >= graceMs };
}

/** For `patchwright down`: ends every environment of a data folder, without configuration or database. */
export async function stopEnvironmentProcesses(dataDir: string): Promise<void> {
  const root = join(dataDir, 'env');
  if (!existsSync(root)) return;
  await Promise.all(readdirSync(root).map((environment) => takeDown(environment, { dataDir })));
}

export type ShownTarget = TargetInfo & TargetFacts & { commit?: string; commitProblem?: string };

/** Everything `env show` tells of the targets, read from disk and processes now. */
export async function showTargets(driver: Driver): Promise<ShownTarget[]> {
  const targets = await driver.targets();
  return Promise.all(
    targets.map(async (target) => {
      const facts = await driver.facts(target.name);
      if (facts.state !== 'running') return { ...target, ...facts };
      try {
        const { commit } = await driver.readBack(target.name);
        return { ...target, ...facts, commit };
      } catch (error) {
        return { ...target, ...facts, commitProblem: (error as Error).message };
      }
    }),
  );
}
