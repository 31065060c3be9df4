import { Writable } from 'node:stream';
import { type Client, WorkflowIdConflictPolicy, WorkflowNotFoundError } from '@temporalio/client';
import { allowedEnvironment, GIT_ENVIRONMENT, systemUser } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import { joinedRelease } from '../../decisions/joined-release.ts';
import { tipOf } from '../../git/clone.ts';
import { ExitError, type ExitStatus } from '../../lib/exit-error.ts';
import { run } from '../../lib/run.ts';
import type { Db } from '../../store/database.ts';
import { findRelease, keepSettings, openRelease, runningReleases } from '../../store/releases.ts';
import type { ReleaseInput } from '../../workflows/release.ts';
import type { ReleaseOutcome } from '../../workflows/types.ts';

export type ReleaseRequest = { fork: string; ref?: string; suites?: string[]; expedite?: boolean };

/**
 * Starts a release of a fork, or finds the one that runs of the same commit in the same lane, with the same suites. Returns its id.
 * Starting is safe to repeat: what the store knows as running is started in Temporal if it is not there.
 */
export async function startRelease(
  { db, client }: { db: Db; client: Client },
  settings: Settings,
  request: ReleaseRequest,
): Promise<{ id: string; joined: boolean }> {
  const fork = settings.forks[request.fork];
  if (fork === undefined) {
    const known = Object.keys(settings.forks).join(', ') || 'none';
    throw new ExitError(2, `no fork "${request.fork}" is configured; there are: ${known}`);
  }
  const suites = request.suites?.length ? request.suites : fork.release.suites;
  const unknown = suites.filter((suite) => !(suite in fork.suites));
  if (unknown.length > 0) {
    throw new ExitError(
      2,
      `no suite "${unknown.join('", "')}" in ${request.fork}; there are: ${Object.keys(fork.suites).join(', ')}`,
    );
  }
  const { ref = fork.branch, expedite = false } = request;
  const tip = await tipOf({ run, environment: allowedEnvironment(GIT_ENVIRONMENT) }, fork.repository, ref);
  const asked = { ref, expedite, suites, ...(tip !== undefined && { tip }) };
  const running = joinedRelease(await runningReleases(db, request.fork), asked);
  if (running !== undefined) {
    await ensureWorkflow(db, client, running.id);
    return { id: running.id, joined: true };
  }
  const id = await openRelease(db, {
    ...asked,
    fork: request.fork,
    requestedBy: personOf(settings),
    environments: fork.release.environments,
    settings: await keepSettings(db, settings),
  });
  await ensureWorkflow(db, client, id);
  return { id, joined: false };
}

/** Starts the workflow of a release that the store holds; one that runs, or has ended, is left alone. */
async function ensureWorkflow(db: Db, client: Client, id: string): Promise<void> {
  const row = await db.selectFrom('release').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const input: ReleaseInput = {
    release: id,
    fork: row.fork,
    ref: row.ref,
    requestedBy: row.requested_by,
    suites: row.suites,
    environments: row.environments,
    expedite: row.expedite,
    settings: row.settings,
  };
  await client.workflow.start('release', {
    workflowId: `release:${id}`,
    taskQueue: 'patchwright',
    args: [input],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    staticSummary: `${row.fork} ${row.ref}`,
  });
}

/** The operating system's user, as the person of the configuration where one is mapped (design, *Who acts*). */
export function personOf(settings: Settings): string {
  const user = systemUser();
  const person = Object.entries(settings.people).find(([, { user: mapped }]) => mapped === user);
  return person?.[0] ?? user;
}

/** Asks a running release to end: it aborts what it has under way and says so. */
export async function cancelRelease({ db, client }: { db: Db; client: Client }, idOrLatest: string): Promise<string> {
  const id = await requireRelease(db, idOrLatest);
  try {
    await client.workflow.getHandle(`release:${id}`).cancel();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new ExitError(1, `${id} does not run (any more)`);
    throw error;
  }
  return id;
}

/**
 * Starts a new release of what an ended one released: the same fork, ref, suites and lane, with today's settings. One
 * that was superseded is gone back to on purpose: it is the commit that is meant, whatever its branch names by now.
 */
export async function retryRelease(
  connected: { db: Db; client: Client },
  settings: Settings,
  idOrLatest: string,
): Promise<{ id: string; joined: boolean }> {
  const id = await requireRelease(connected.db, idOrLatest);
  const row = await connected.db.selectFrom('release').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  if (row.outcome?.kind === 'released') throw new ExitError(1, `${id} is released; there is nothing to try again`);
  return startRelease(connected, settings, {
    ...{
      fork: row.fork,
      ref: (row.outcome?.kind === 'superseded' && row.tip) || row.ref,
      suites: row.suites,
      expedite: row.expedite,
    },
  });
}

export async function requireRelease(db: Db, idOrLatest: string): Promise<string> {
  const id = await findRelease(db, idOrLatest);
  if (id !== undefined) return id;
  throw new ExitError(
    1,
    idOrLatest === 'latest'
      ? 'there is no release yet; start one with: npx patchwright release FORK'
      : `there is no release ${idOrLatest}; see: npx patchwright releases`,
  );
}

/** 0 released · 4 ours or the machine's fault · 1 every other answer. */
export function exitOf(outcome: ReleaseOutcome): ExitStatus {
  if (outcome.kind === 'released') return 0;
  return outcome.kind === 'failed' ? 4 : 1;
}

/** Where a story goes when only its document is wanted. */
export function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
