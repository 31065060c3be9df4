import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../../lib/json-file.ts';
import { isAlive, type ProcessIdentity, selfIdentity } from '../../lib/process-identity.ts';
import { run } from '../../lib/run.ts';
import { baseFor, discard, uidsWithBase } from './bases.ts';
import { enterableFolder, writeRecord } from './folders.ts';
import { WORK } from './inside.ts';
import { endCommandOf, runningIn } from './running.ts';
import type { Sandbox, Workspace } from './types.ts';
import { isKept, leaseUid, tryUid, type UidLease } from './uids.ts';

/**
 * Workspaces, one a folder:
 *
 *   workspaces/ID/workspace.json   who opened it, its uid and base, until when it is kept
 *                command.json      the running command's sandbox
 *                lower             link to the base's tree (`overlay`)
 *                upper, work       what was written (`overlay`)
 *                merged            the mount point; the folder itself where it is no overlay
 */
export interface WorkspaceRecord {
  workspace: Workspace;
  opener: ProcessIdentity;
  openedAt: string;
  keepUntil?: string;
}

export interface WorkspaceOptions {
  /** Made by `ensureBase`; an empty workspace without. */
  base?: string;
  /** Named by the caller to be found again (`adoptWorkspace`); letters, digits, dots and hyphens. */
  id?: string;
  /** So long it outlives the process that opened it, counted from now. */
  keepMinutes?: number;
  /** How many there may be in this data folder. */
  most?: number;
}

/** Two for each slot of a large host, and what else runs there. */
const MOST = 256;
const HALF_MADE_MS = 60_000;
const leases = new Map<string, UidLease>();
export const workspacesOf = (sandbox: Sandbox) => join(sandbox.root, 'workspaces');

/**
 * A fresh workspace: an overlay over its base, so that it costs some milliseconds whatever the size.
 * It is the opener's; `closeWorkspace` destroys it, and a sweep does when the opener has died.
 *
 * @throws where there are too many, no uid is free, the id is taken or the base is not there.
 */
export async function openWorkspace(sandbox: Sandbox, options: WorkspaceOptions = {}): Promise<Workspace> {
  const id = options.id ?? randomBytes(8).toString('hex');
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,80}$/.test(id)) throw new Error(`"${id}" cannot name a workspace`);
  const all = workspacesOf(sandbox);
  const { base } = options;
  await makeRoom(sandbox, options.most ?? sandbox.settings?.mostWorkspaces ?? MOST);
  const dir = join(all, id);
  const lease = leaseFor(sandbox, dir, base);
  try {
    enterableFolder(all);
    mkdirSync(dir);
    enterableFolder(dir);
  } catch (error) {
    lease?.release();
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new Error(`there is a workspace ${id} already`);
    throw error;
  }
  try {
    const workspace = describe(sandbox, { id, dir, base, uid: lease?.uid });
    record(workspace, options.keepMinutes);
    await fill(sandbox, workspace);
    if (lease) leases.set(dir, lease);
    if (options.keepMinutes !== undefined) lease?.reserve();
    return workspace;
  } catch (error) {
    await discard(sandbox, dir);
    lease?.release();
    throw error;
  }
}

/** @throws where that many are in use; what crashes left does not count, and goes. */
async function makeRoom(sandbox: Sandbox, most: number): Promise<void> {
  const all = workspacesOf(sandbox);
  if (!existsSync(all) || readdirSync(all).length < most) return;
  const found = listWorkspaces(sandbox);
  for (const { dir } of found.filter(({ live }) => !live)) {
    endCommandOf(dir);
    await discard(sandbox, dir);
  }
  if (found.filter(({ live }) => live).length < most) return;
  throw new Error(
    `there are ${most} workspaces in ${all} already: wait for builds and suites that run, or allow more ` +
      '(`sandbox: {workspaces: …}` of the fork)',
  );
}

/**
 * Goes on with a kept workspace whose opener has died, or finds our own. What still ran in it is ended.
 *
 * @throws where it is not there (its time is over, or it was closed), or another live process has it.
 */
export function adoptWorkspace(
  sandbox: Sandbox,
  id: string,
  { keepMinutes }: { keepMinutes?: number } = {},
): Workspace {
  const dir = join(workspacesOf(sandbox), id);
  const found = readJsonFile<WorkspaceRecord>(join(dir, 'workspace.json'));
  if (found === undefined) throw new Error(`there is no workspace ${id}: it was closed, or its time is over`);
  const ours = isSelf(found.opener);
  if (!ours && isAlive(found.opener)) throw new Error(`process ${found.opener.pid} has the workspace ${id}`);
  const { workspace } = found;
  if (workspace.uid !== undefined && !leases.has(dir)) {
    const lease = tryUid(workspace.uid, dir);
    if (lease === undefined) throw new Error(`the uid ${workspace.uid} of the workspace ${id} is in use`);
    leases.set(dir, lease);
  }
  if (keepMinutes !== undefined) leases.get(dir)?.reserve();
  if (!ours) endCommandOf(dir);
  record(workspace, keepMinutes);
  return workspace;
}

/** Destroys it. Safe to repeat. @throws while a command runs in it. */
export async function closeWorkspace(sandbox: Sandbox, workspace: Workspace): Promise<void> {
  const { dir } = workspace;
  if (runningIn(dir)) throw new Error(`a command runs in the workspace ${workspace.id}: end it first`);
  if (existsSync(dir)) await discard(sandbox, dir);
  leases.get(dir)?.release();
  leases.delete(dir);
}

/** Opens, works, and closes whatever happened. */
export async function withWorkspace<T>(
  sandbox: Sandbox,
  options: WorkspaceOptions,
  work: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  const workspace = await openWorkspace(sandbox, options);
  try {
    return await work(workspace);
  } finally {
    await closeWorkspace(sandbox, workspace);
  }
}

/** What is in the data folder now, and which of it nobody wants any more. */
export function listWorkspaces(
  sandbox: Sandbox,
): { id: string; dir: string; record?: WorkspaceRecord; live: boolean }[] {
  const all = workspacesOf(sandbox);
  if (!existsSync(all)) return [];
  return readdirSync(all).map((id) => {
    const dir = join(all, id);
    const found = readJsonFile<WorkspaceRecord>(join(dir, 'workspace.json'));
    const live = found === undefined ? isYoung(dir) : isAlive(found.opener) || isKept(dir);
    return { id, dir, live, ...(found === undefined ? {} : { record: found }) };
  });
}

/** One that is just being made has no record yet. */
function isYoung(dir: string): boolean {
  const made = statSync(dir, { throwIfNoEntry: false });
  return made !== undefined && Date.now() - made.mtimeMs < HALF_MADE_MS;
}

function leaseFor(sandbox: Sandbox, dir: string, base: string | undefined): UidLease | undefined {
  if (sandbox.kind === 'none' || sandbox.who.kind === 'own') return undefined;
  return leaseUid(sandbox.who, dir, base === undefined ? [] : uidsWithBase(sandbox, base));
}

function describe(
  sandbox: Sandbox,
  { id, dir, base, uid }: { id: string; dir: string; base: string | undefined; uid: number | undefined },
): Workspace {
  const overlay = sandbox.kind === 'on' && sandbox.overlay && base !== undefined;
  const kind = overlay ? 'overlay' : base === undefined ? 'empty' : 'copy';
  const written = join(dir, overlay ? 'upper' : 'merged');
  const inside = sandbox.kind === 'on' ? WORK : written;
  return {
    id,
    dir,
    kind,
    inside,
    written,
    ...(uid === undefined ? {} : { uid }),
    ...(base === undefined ? {} : { base }),
  };
}

function record(workspace: Workspace, keepMinutes: number | undefined): void {
  const keep =
    keepMinutes === undefined ? {} : { keepUntil: new Date(Date.now() + keepMinutes * 60_000).toISOString() };
  const value: WorkspaceRecord = { workspace, opener: selfIdentity(), openedAt: new Date().toISOString(), ...keep };
  writeRecord(join(workspace.dir, 'workspace.json'), value);
}

async function fill(sandbox: Sandbox, workspace: Workspace): Promise<void> {
  const { dir, uid, kind, base } = workspace;
  const tree = base === undefined ? undefined : await baseFor(sandbox, base, uid);
  const folder = (name: string, mode: number) => {
    mkdirSync(join(dir, name), { recursive: true });
    chmodSync(join(dir, name), mode);
    if (uid !== undefined) chownSync(join(dir, name), uid, uid);
  };
  if (kind === 'overlay') {
    // Relative: the sandbox's folder may stand elsewhere at the launch.
    symlinkSync(join('..', '..', 'bases', tree as string), join(dir, 'lower'));
    folder('upper', 0o755);
    folder('work', 0o700);
  }
  if (kind !== 'copy') return folder('merged', 0o755);
  const from = join(sandbox.root, 'bases', tree as string);
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  const args = ['-a', '--reflink=auto', from, join(dir, 'merged')];
  const { exitCode, stderr } = await run('cp', args, { cwd: '/', env, timeoutMs: 600_000 });
  if (exitCode !== 0) throw new Error(`the base ${base} cannot be copied: ${stderr.trim().slice(-500)}`);
}

function isSelf(identity: ProcessIdentity): boolean {
  const self = selfIdentity();
  return self.pid === identity.pid && self.startTime === identity.startTime;
}
