import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaEnvironmentSettings } from '../../config/environment.ts';
import { tellingLines } from '../../decisions/rehearsal.ts';
import type { Artifact } from '../../workflows/types.ts';
import { type Driver, openDriver, type TargetInfo } from '../deploy/driver.ts';
import { bringUp } from '../deploy/environment.ts';
import { brokerAddresses, environmentDir, requireCluster } from '../deploy/layout.ts';
import { outputSinceStart } from '../deploy/node.ts';
import type { ProvisionDeps } from '../deploy/provision.ts';
import { openSystem } from '../health/system.ts';
import { PREFIX, purge, watchClusterOf } from './leftovers.ts';

const HEAP = ['-Xms64m', '-Xmx256m'];
/** At the least; a machine on which the first start took long gets several times that. */
const READY_MS = 120_000;
const TIMES_THE_FIRST_START = 5;
const STOP_GRACE_MS = 15_000;
const IN_SYNC_MS = 120_000;
/** Where data lies and how nodes find each other: an environment's own must never be used here. */
const OWN_PLACES =
  /^(log\.dirs?|metadata\.log\.dir|node\.id|broker\.id|process\.roles|controller\.quorum\..*|(advertised\.)?listeners)$/;

/** A node that did not come up, in its own words. */
export class NodeDown extends Error {
  override name = 'NodeDown';
}

export type ThrowAway = {
  nodes: number;
  /** `host:port`, comma-separated. */
  bootstrap: string;
  /** For the ledger of what was written. */
  dir: string;
  /** Puts these artifacts on every node, one after the other, each in sync before the next. */
  roll(artifacts: Artifact[], options?: { killFirst?: boolean }): Promise<void>;
  /** The finalised metadata.version; undefined where not every broker tells. */
  level(): Promise<number | undefined>;
};

/** The environment's cluster in small: its library, properties and pinned level, a small heap, other places and ports. */
export function smallOf(
  settings: KafkaEnvironmentSettings,
  nodes: 1 | 3,
  metadataVersion: string | undefined,
): KafkaEnvironmentSettings {
  const { basePort: _kept, ...rest } = settings;
  const own = Object.entries(settings.properties).filter(([name]) => !OWN_PLACES.test(name));
  const alone = { 'offsets.topic.replication.factor': 1, 'transaction.state.log.replication.factor': 1 };
  const minIsr = { 'min.insync.replicas': 1, 'transaction.state.log.min.isr': 1 };
  const properties = {
    ...Object.fromEntries(own),
    'log.cleaner.backoff.ms': 1_000,
    ...(nodes === 1 && { ...alone, ...minIsr, 'default.replication.factor': 1 }),
  };
  const jvm = [...settings.jvm.filter((flag) => !/^-Xm[sx]|RAMPercentage|HeapSize/.test(flag)), ...HEAP];
  const rollout = { ...settings.rollout, ...(metadataVersion !== undefined && { metadataVersion }) };
  return { ...rest, provision: { combined: nodes }, initial: 'library', properties, jvm, rollout };
}

/**
 * Brings up a cluster with a name, ports and folders of its own, lets `work` use it, and removes it with everything in
 * it, however that ends. Should this process die, its guard removes the cluster (leftovers.ts).
 *
 * Once `signal` is aborted no node is stopped, changed or started any more: what would come after the removal would
 * bring the folder back. What only looks is left behind.
 *
 * @param initial what the nodes begin with in the place of the library's own jars
 */
export async function withThrowAway<T>(
  settings: KafkaEnvironmentSettings,
  deps: ProvisionDeps,
  { initial, endMs, signal }: { initial: Artifact[]; endMs: number; signal: AbortSignal },
  work: (cluster: ThrowAway) => Promise<T>,
): Promise<T> {
  const name = `${PREFIX}${randomBytes(6).toString('hex')}`;
  const dir = environmentDir(deps.dataDir, name);
  mkdirSync(dir, { recursive: true });
  watchClusterOf(dir, endMs);
  try {
    const up = await bringUp(name, settings, deps, initial);
    const slowest = Math.max(...up.map(({ seconds }) => seconds * 1000));
    const driver = openDriver(name, settings, deps);
    const targets = await driver.targets();
    const system = openSystem(settings, driver);
    const inSync = async () => {
      const { unread, offline, underReplicated } = await system.look();
      return [...unread, ...offline, ...underReplicated];
    };
    await settled(inSync, signal);
    return await work({
      nodes: targets.length,
      bootstrap: brokerAddresses(requireCluster(deps.dataDir, name)).join(','),
      dir,
      level: () => unlessAborted(signal, async () => (await system.levels?.before())?.level),
      async roll(artifacts, { killFirst = false } = {}) {
        for (const [index, target] of targets.entries()) {
          // A combined node that is alone hangs in a controlled shutdown.
          const graceMs = targets.length === 1 || (killFirst && index === 0) ? 0 : STOP_GRACE_MS;
          await replace(driver, target, artifacts, {
            graceMs,
            readyMs: Math.max(READY_MS, TIMES_THE_FIRST_START * slowest),
            signal,
          });
          await settled(inSync, signal);
        }
      },
    });
  } finally {
    await purge(dir);
  }
}

async function replace(
  driver: Driver,
  { name, dir }: TargetInfo,
  artifacts: Artifact[],
  { graceMs, readyMs, signal }: { graceMs: number; readyMs: number; signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  await driver.stop(name, { graceMs, kill: true });
  signal.throwIfAborted();
  await driver.install(name, artifacts);
  signal.throwIfAborted();
  await driver.start(name, { envUp: true });
  const began = Date.now();
  const { ready, detail } = await unlessAborted(signal, () => driver.waitReady(name, readyMs));
  if (ready) return;
  const said = tellingLines(outputSinceStart(dir)).join(' | ');
  const first = detail.split('\n')[0]?.replace(/; its log ends:$/, '');
  const after = Math.round((Date.now() - began) / 1000);
  throw new NodeDown(`${first} after ${after} s${said === '' ? '' : `: ${said}`}`);
}

async function settled(waitsFor: () => Promise<string[]>, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + IN_SYNC_MS;
  for (;;) {
    const open = await unlessAborted(signal, waitsFor);
    if (open.length === 0) return;
    if (Date.now() > deadline)
      throw new NodeDown(`not in sync after ${IN_SYNC_MS / 1000} s: ${open.slice(0, 5).join('; ')}`);
    await sleep(250);
  }
}

/** For what changes nothing: nobody waits for it once it is aborted. */
async function unlessAborted<T>(signal: AbortSignal, look: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([look(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The folder of a throw-away cluster where the client keeps what it wrote. */
export const ledgerIn = ({ dir }: ThrowAway) => join(dir, 'ledger.txt');
