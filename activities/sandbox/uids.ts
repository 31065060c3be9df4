import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../../lib/json-file.ts';
import { holderOf, type LockHolder, tryLock } from '../../lib/lock.ts';
import { sendSignal } from './process-tree.ts';
import type { UidRange } from './types.ts';

/**
 * Uids that no system hands out (systemd's table of uids leaves 60578–61183 free), low enough for
 * a container that has only the first 65,536.
 */
export const UID_RANGE: UidRange = { kind: 'range', first: 60_600, count: 500 };

// Of the machine, not of a data folder: two of them would otherwise share uids.
const LOCKS = '/run/patchwright/uids';

export interface UidLease {
  uid: number;
  /** For a workspace that outlives us: nobody else takes the uid as long as that is kept. */
  reserve(): void;
  release(): void;
}

// Given back by a workspace of this process and not yet to the machine: taking one anew costs files and syncs.
const idle: { uid: number; lock: () => void }[] = [];
const MOST_IDLE = 4;

/**
 * Takes a uid that no live sandbox has. A holder that died (process id and start time) has lost its own,
 * unless the workspace it was for is kept for whoever goes on with it.
 *
 * `prefer`: those for which a base is ready come first. `workspace`: the state folder it is for.
 *
 * @throws when every uid is taken.
 */
export function leaseUid(who: UidRange, workspace: string, prefer: readonly number[] = []): UidLease {
  const ready = idle.find(({ uid }) => prefer.length === 0 || prefer.includes(uid));
  const ours = ready && tryUid(ready.uid, workspace);
  if (ours) return ours;
  const all = Array.from({ length: who.count }, (_, index) => who.first + index);
  for (const uid of new Set([...prefer.filter((uid) => all.includes(uid)), ...all])) {
    const lease = tryUid(uid, workspace);
    if (lease) return lease;
  }
  throw new Error(`all ${who.count} uids of the sandbox are taken (${LOCKS}): too many sandboxes at once`);
}

/** Exactly this uid, for a workspace that goes on; undefined where another live process has it. */
export function tryUid(uid: number, workspace: string): UidLease | undefined {
  const index = idle.findIndex((each) => each.uid === uid);
  const [ours] = index < 0 ? [] : idle.splice(index, 1);
  if (ours) return leaseOf(ours, workspace);
  const folder = join(LOCKS, String(uid));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = tryLock(join(folder, 'lock'), workspace);
  if (lock.kind === 'held') return undefined;
  const note = noteOf(uid);
  const kept = existsSync(note) ? readFileSync(note, 'utf8') : '';
  if (kept !== '' && kept !== workspace) {
    if (isKept(kept)) {
      lock.release();
      return undefined;
    }
    rmSync(note);
  }
  return leaseOf({ uid, lock: lock.release }, workspace);
}

const noteOf = (uid: number) => join(LOCKS, String(uid), 'workspace');

function leaseOf(held: { uid: number; lock: () => void }, workspace: string): UidLease {
  const { uid } = held;
  return {
    uid,
    reserve: () => writeFileSync(noteOf(uid), workspace),
    release: () => {
      rmSync(noteOf(uid), { force: true });
      if (idle.length < MOST_IDLE) idle.push(held);
      else held.lock();
    },
  };
}

/** The live process that has leased this uid, if any. */
export function holderOfUid(uid: number): LockHolder | undefined {
  return holderOf(join(LOCKS, String(uid), 'lock'));
}

/** Whether its opener asked for it to outlive them, and the time has not passed. */
export function isKept(workspace: string): boolean {
  const record = readJsonFile<{ keepUntil?: string }>(join(workspace, 'workspace.json'));
  return record?.keepUntil !== undefined && Date.parse(record.keepUntil) > Date.now();
}

/**
 * Ends every process of a uid of the range that no live process has leased: what a crash left, if
 * anything slipped the kernel's own ways. Says how many there were.
 */
export function endLeftovers(who: UidRange): number {
  let ended = 0;
  for (const [uid, processes] of processesByUid(who)) {
    // Held for the while, so that nobody starts one between the look and the blow.
    const lock = tryLock(join(LOCKS, String(uid), 'lock'), 'sweep');
    if (lock.kind === 'held') continue;
    for (const pid of processes) {
      if (uidOf(pid) === uid && sendSignal(pid, 'SIGKILL')) ended += 1;
    }
    lock.release();
  }
  return ended;
}

function processesByUid(who: UidRange): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const uid = uidOf(Number(name));
    if (uid === undefined || uid < who.first || uid >= who.first + who.count) continue;
    found.set(uid, [...(found.get(uid) ?? []), Number(name)]);
  }
  return found;
}

/** The real uid of a process, or undefined where it has ended (and perhaps nobody has asked for its exit code). */
function uidOf(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    if (/^State:\t[ZX]/m.test(status)) return undefined;
    return Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
