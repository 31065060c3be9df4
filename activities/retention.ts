import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { RetentionSettings } from '../config/storage.ts';
import { findDetached, stateOf } from '../lib/detached.ts';
import { logger } from '../lib/log.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';
import {
  alone,
  dropOldAgentRuns,
  dropOldTickets,
  dropOldTriages,
  dropSuiteRun,
  forgetHosts,
  forgetOldLogs,
  giveUpOldBuilds,
  neededDigests,
  oldSuiteRuns,
  recentSuiteRuns,
} from '../store/retention.ts';
import type { Digest } from '../workflows/types.ts';

export type CollectorDeps = {
  db: Db;
  artifacts: ArtifactStore;
  dataDir: string;
  retention: RetentionSettings;
  /** What was put a moment ago may not be recorded yet: younger bytes stay (24). */
  graceHours?: number;
};

export type Collected = Record<(typeof COUNTED)[number], number>;
const COUNTED = ['suiteRuns', 'logs', 'builds', 'agentRuns', 'tickets', 'triages', 'artifacts', 'bytes'] as const;

const HOST_DAYS = 7;
const TRASH = '.collected';
const EVERY_MS = 3_600_000;

/**
 * Removes what the configuration allows and nobody needs: first what the store knows of it, then the bytes to which
 * nothing refers any more. Killed at any point it leaves nothing broken: bytes without a reference are found the next
 * time, and a reference without bytes is never made. One at a time, over all workers; undefined where another is at it.
 */
export async function collect(deps: CollectorDeps): Promise<Collected | undefined> {
  const { db, retention } = deps;
  const done = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Collected;
  const taken = await alone(db, async () => {
    for (const suiteRun of await oldSuiteRuns(db, retention.results)) {
      await dropSuiteRun(db, suiteRun);
      done.suiteRuns += 1;
    }
    done.logs = await forgetOldLogs(db, retention.logs);
    const builds = await giveUpOldBuilds(db, retention.builds);
    done.builds = builds.length;
    for (const key of builds) await throwAway(deps.dataDir, join(deps.dataDir, 'builds', key));
    // Tickets before agents: a closed one that is gone needs none of its runs. Triages after the runs of their suites.
    done.tickets = await dropOldTickets(db, retention.tickets);
    done.agentRuns = await dropOldAgentRuns(db, retention.agents);
    done.triages = await dropOldTriages(db, retention.triage);
    await forgetHosts(db, HOST_DAYS);
    await removeUnneeded(deps, done);
  });
  return taken ? done : undefined;
}

async function removeUnneeded({ db, artifacts, dataDir, retention, graceHours = 24 }: CollectorDeps, done: Collected) {
  const young = Date.now() - graceHours * 3_600_000;
  // Before what is needed is asked for: what is put from now on is young.
  const needed = await neededDigests(db, retention.logs);
  for (const digest of installedDigests(dataDir)) needed.add(digest);
  for await (const { sha256, bytes, at } of artifacts.list()) {
    if (needed.has(sha256) || at.getTime() > young) continue;
    await artifacts.remove(sha256, at);
    done.artifacts += 1;
    done.bytes += bytes;
  }
}

/** Every digest that a file or a folder of the environments names: what lies on their nodes. */
function installedDigests(dataDir: string): Set<Digest> {
  const found = new Set<Digest>();
  const root = join(dataDir, 'env');
  const look = (folder: string, depth: number): void => {
    for (const entry of existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []) {
      if (/^[0-9a-f]{64}$/.test(entry.name)) found.add(entry.name);
      const path = join(folder, entry.name);
      if (entry.isDirectory() && depth > 0) look(path, depth - 1);
      if (!entry.isFile() || !entry.name.endsWith('.json')) continue;
      for (const [digest] of readFileSync(path, 'utf8').matchAll(/[0-9a-f]{64}/g)) found.add(digest);
    }
  };
  look(root, 4);
  return found;
}

type FolderDeps = Pick<CollectorDeps, 'db' | 'dataDir' | 'retention'>;

/** What runners left in this host's folder of suite runs that ended long ago. Returns how many; safe to repeat. */
export async function collectRunFolders({ db, dataDir, retention }: FolderDeps): Promise<number> {
  await rm(join(dataDir, TRASH), { recursive: true, force: true });
  const recent = await recentSuiteRuns(db, retention.runs);
  let removed = 0;
  for (const folder of runFolders(join(dataDir, 'runs'))) {
    const suiteRun = relative(join(dataDir, 'runs'), folder).split(sep).join('/');
    const { mtimeMs } = await stat(folder);
    const isOld = Date.now() - mtimeMs > retention.runs * 86_400_000;
    if (recent.has(suiteRun) || !isOld) continue;
    if (findDetached(folder).some((dir) => stateOf(dir).kind === 'running')) continue;
    await throwAway(dataDir, folder);
    removed += 1;
  }
  return removed;
}

/** `runs/<release>/<candidate>/<suite>`. */
function runFolders(root: string, depth = 3): string[] {
  if (!existsSync(root)) return [];
  if (depth === 0) return [root];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => runFolders(join(root, entry.name), depth - 1));
}

/** Gone from its place in one step; a kill leaves no half of it there. */
async function throwAway(dataDir: string, folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  mkdirSync(join(dataDir, TRASH), { recursive: true });
  const away = join(dataDir, TRASH, randomUUID());
  renameSync(folder, away);
  await rm(away, { recursive: true, force: true });
}

/**
 * Does a work once an hour while its worker lives, first after a while: a worker that begins has better things to do.
 * What fails is told and tried again. A timer and no schedule of Temporal: it needs no history, every host has a folder
 * of its own to look after, and two at once are kept apart by a lock in the store.
 */
export function hourly(what: string, work: () => Promise<unknown>, firstAfterMs = 60_000): () => void {
  const log = logger('retention');
  const once = () =>
    work().then(
      (done) => log.info({ what, done }, 'done for this hour'),
      (error: Error) => log.warn({ what, err: error.message }, 'not done; it is tried again in an hour'),
    );
  let timer = setTimeout(function again() {
    void once().finally(() => {
      timer = setTimeout(again, EVERY_MS);
      timer.unref();
    });
  }, firstAfterMs);
  timer.unref();
  return () => clearTimeout(timer);
}
