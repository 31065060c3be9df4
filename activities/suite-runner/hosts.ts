import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { allotSlots, type SuiteHost, totalSlots } from '../../decisions/host-slots.ts';
import { logger } from '../../lib/log.ts';
import { holdersOf, liveHosts, raiseSlots, renewHost, revokeLeases } from '../../store/suite-hosts.ts';
import { suiteRunOf } from '../../store/suites.ts';
import { pollWithHeartbeat } from '../heartbeat.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';

const LOOK_MS = 1_000;
/** Without a word for so long a host is lost: a killed worker is back much sooner, with its runners. */
const LOST_AFTER_SECONDS = 60;
type HostDeps = Pick<SuiteRunnerDeps, 'db' | 'hostId' | 'slots' | 'lostAfterSeconds'>;
export const lostAfter = ({ lostAfterSeconds = LOST_AFTER_SECONDS }: HostDeps) => lostAfterSeconds;

/** A word so often: several may go astray. */
const renewMs = (deps: HostDeps) => (lostAfter(deps) * 1_000) / 12;
/** After a pause of our own, or of the database, everybody is given time to say a word again. */
const settleMs = (deps: HostDeps) => 3 * renewMs(deps);

/**
 * The name of this host: its hostname for people, and a number kept in its data folder. A new disk is a new host: what
 * ran on the old one is lost.
 */
export function hostIdentity(dataDir: string): string {
  const file = join(dataDir, 'host');
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true });
    const fresh = `${file}.${randomUUID()}`;
    writeFileSync(fresh, randomUUID().slice(0, 8), { flush: true });
    try {
      // Two that begin at once agree on one name: only the first link is made.
      linkSync(fresh, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(fresh, { force: true });
    }
  }
  const name = hostname()
    .replace(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 60);
  return `${name}-${readFileSync(file, 'utf8').trim()}`;
}

export const queueOf = (hostId: string) => `suite-${hostId}`;

/** What a worker says of itself: again and again while it lives. */
export async function sayThere({ db, hostId, slots }: HostDeps): Promise<void> {
  await renewHost(db, { host: hostId, queue: queueOf(hostId), slots });
}

/** Joins the hosts and stays until stopped. A database that is away is asked again: nobody is lost by that. */
export async function joinHosts(deps: HostDeps): Promise<() => void> {
  await sayThere(deps);
  const renew = () =>
    sayThere(deps).catch((error: Error) =>
      logger('suite-hosts').warn({ err: error.message }, 'this host could not say that it is there; it tries again'),
    );
  const timer = setInterval(renew, renewMs(deps));
  return () => clearInterval(timer);
}

/** The hosts that a suite may begin with, this one among them. */
export async function firstHosts(deps: SuiteRunnerDeps, limit: number | undefined): Promise<SuiteHost[]> {
  await sayThere(deps);
  return allotSlots(await liveHosts(deps.db, lostAfter(deps)), [], limit);
}

export type WatchOrder = { suiteRun: string; known: SuiteHost[] };

/**
 * Answers when the hosts of a suite run are no longer those that are known, or when a lost one's work was taken back
 * for the others. Work is taken back only while somebody is there to do it. Safe to repeat, and to run twice at once:
 * it looks, and what it takes back is taken once.
 */
export async function watchHosts(deps: SuiteRunnerDeps, { suiteRun, known }: WatchOrder): Promise<SuiteHost[]> {
  const run = await suiteRunOf(deps.db, suiteRun);
  const { slots: limit } = suiteSettings(await deps.settings(run.settings), run.fork, run.suite);
  const look = hostLooker(deps, suiteRun);
  return pollWithHeartbeat(LOOK_MS, async () => {
    const { present, tookBack } = await look(known);
    const hosts = allotSlots(present, known, limit);
    await raiseSlots(deps.db, suiteRun, totalSlots(hosts));
    return tookBack || !sameHosts(hosts, known) ? hosts : undefined;
  });
}

/** One look at who is there. A host is missed only by one who has looked without a pause for a while. */
function hostLooker(deps: SuiteRunnerDeps, suiteRun: string) {
  let steadySince = Date.now();
  let last = Date.now();
  return async (known: readonly SuiteHost[]): Promise<{ present: SuiteHost[]; tookBack: boolean }> => {
    const live = await liveHosts(deps.db, lostAfter(deps));
    const now = Date.now();
    if (now - last > 2 * renewMs(deps)) steadySince = now;
    last = now;
    const there = new Set(live.map(({ host }) => host));
    if (live.length === 0 || now - steadySince < settleMs(deps)) {
      return { present: [...known.filter(({ host }) => !there.has(host)), ...live], tookBack: false };
    }
    const lost = (await holdersOf(deps.db, suiteRun)).filter((host) => !there.has(host));
    let batches = 0;
    for (const host of lost) batches += await revokeLeases(deps.db, suiteRun, host);
    if (lost.length > 0) logger('suite-hosts').warn({ suiteRun, lost, batches }, 'lost hosts: others take over');
    return { present: live, tookBack: batches > 0 };
  };
}

function sameHosts(some: readonly SuiteHost[], others: readonly SuiteHost[]): boolean {
  const words = (hosts: readonly SuiteHost[]) =>
    hosts
      .map(({ host, slots }) => `${host} ${slots}`)
      .sort()
      .join();
  return words(some) === words(others);
}
