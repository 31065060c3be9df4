/**
 * A process of a node, as its driver tells it. `startedAt` is the restart token: opaque, and only equality means
 * anything. `pid` only where it is a process of this machine.
 */
export type NodeProcess = { state: string; pid?: number; startedAt?: string };

/** What disk and process table say of one node now. */
export type NodeFacts = NodeProcess & {
  artifacts: readonly { name: string; sha256: string }[];
  /** Which ledger entry let it start last, where it was one. */
  startedFor?: string;
};

/** One open ledger entry: what the node is to hold, and the process that ran when the intent was written. */
export type NodeIntent = {
  key: string;
  before: NodeProcess;
  to: readonly { name: string; sha256: string }[];
};

export type NextStep =
  | { do: 'stop' }
  | { do: 'install' }
  | { do: 'start' }
  | { do: 'done' }
  | { do: 'give-up'; why: string }
  | { do: 'hold'; why: string }
  | { do: 'look-again'; why: string };

/**
 * K20: what to do next with a node whose change is intended, from its disk and its process alone. Nobody's
 * memory is asked, so that whoever comes next, after a crash at any point, does the same: one intent
 * restarts its node at most once.
 *
 * | process                              | disk          | next                                               |
 * |--------------------------------------|---------------|----------------------------------------------------|
 * | the one from before the intent       | any           | stop: nothing was done yet                         |
 * | none, never started for this intent  | not as wanted | install: stopped by us, or died by itself          |
 * | none, never started for this intent  | as wanted     | start                                              |
 * | none, but started for this intent    | any           | give up: it ended again; it is not started twice   |
 * | started for this intent              | as wanted     | done: from here on it is waited for                |
 * | started for this intent              | not as wanted | hold: somebody changed a file under it             |
 * | another one                          | any           | hold: somebody else restarted it                   |
 * | cannot be told                       | any           | look again (K19)                                   |
 */
export function nextStep(facts: NodeFacts, intent: NodeIntent): NextStep {
  const ours = facts.startedFor === intent.key;
  const installed = holds(facts, intent.to);
  if (facts.state === 'stopped') {
    // The permit is written a moment before the start: only another start than before proves that it happened.
    if (ours && facts.startedAt !== undefined && facts.startedAt !== intent.before.startedAt) {
      return { do: 'give-up', why: 'it ended after it was started' };
    }
    return installed ? { do: 'start' } : { do: 'install' };
  }
  if (facts.state !== 'running' && facts.state !== 'starting') {
    return { do: 'look-again', why: `the state of its process is ${facts.state}` };
  }
  if (isSameProcess(facts, intent.before)) return { do: 'stop' };
  if (!ours) return { do: 'hold', why: `somebody else started ${named(facts)}` };
  return installed ? { do: 'done' } : { do: 'hold', why: 'its files were changed by hand after it was started' };
}

/** Whether the disk holds all of these artifacts. */
export function holds(facts: Pick<NodeFacts, 'artifacts'>, wanted: NodeIntent['to']): boolean {
  return wanted.every(({ name, sha256 }) =>
    facts.artifacts.some((file) => file.name === name && file.sha256 === sha256),
  );
}

/** The same start, of both that live. A process id alone is used again; a driver may have none. */
export function isSameProcess(a: NodeProcess, b: NodeProcess): boolean {
  return lives(a) && lives(b) && a.startedAt !== undefined && a.startedAt === b.startedAt && a.pid === b.pid;
}

const lives = ({ state }: NodeProcess) => state === 'running' || state === 'starting';

const named = ({ pid, startedAt = '?' }: NodeProcess) =>
  pid === undefined ? `the start ${startedAt}` : `process ${pid} at ${startedAt}`;

export type StrangeProcess = {
  target: string;
  kind: 'ended' | 'recovered' | 'restarted';
  why: string;
  /** Of one that ended, where somebody was left to write it. */
  exitCode?: number | undefined;
};

/**
 * The nodes whose process is not the one that the ledger knows (*not the candidate's fault*): `ended` by
 * itself, `recovered` by `env up` after that, or `restarted` by somebody else. A node with an open intent is
 * ours to restart and not looked at.
 */
export function strangeProcesses(
  known: readonly { target: string; seen: NodeProcess; open: boolean }[],
  facts: ReadonlyMap<string, NodeProcess & { byEnvUp: boolean; exitCode?: number }>,
): StrangeProcess[] {
  return known.flatMap(({ target, seen, open }): StrangeProcess[] => {
    const now = facts.get(target);
    if (open || !now || now.state === 'unknown' || isSameProcess(now, seen)) return [];
    const was = lives(seen) ? `was ${named(seen)}` : 'did not run';
    if (now.state === 'stopped') {
      if (seen.state === 'stopped') return [];
      const how = now.exitCode === undefined ? '' : ` with exit code ${now.exitCode}`;
      const why = `${target} ended${how}, and not by this roll-out (it ${was})`;
      return [{ target, kind: 'ended', why, exitCode: now.exitCode }];
    }
    const is = `${target} is ${named(now)}, and ${was}`;
    if (now.byEnvUp) return [{ target, kind: 'recovered', why: `${is}: it was started again by env up` }];
    return [{ target, kind: 'restarted', why: `${is}: somebody else restarted it` }];
  });
}

/** SIGKILL, SIGTERM, SIGINT, or nobody was left to say (the machine went down): no process does that to itself. */
const FROM_OUTSIDE = new Set<number | undefined>([undefined, 137, 143, 130]);

/**
 * What follows from strange processes. One that was restarted by somebody else stops everything. One that
 * ended by itself and carries the candidate is the candidate's doing; one that was ended from outside,
 * whatever it carries, is waited for. One that `env up` brought back is told, since it was away for a while.
 */
export function judgeStanding(strange: readonly StrangeProcess[], carriers: readonly string[]) {
  const reasons = (some: readonly StrangeProcess[]) => some.map(({ why }) => why);
  const restarted = strange.filter(({ kind }) => kind === 'restarted');
  if (restarted.length > 0) return { kind: 'foreign' as const, reasons: reasons(restarted) };
  const ended = strange.filter(({ kind }) => kind === 'ended');
  const carried = ended.filter(({ target }) => carriers.includes(target));
  const crashed = carried.filter(({ exitCode }) => !FROM_OUTSIDE.has(exitCode));
  if (crashed.length > 0) return { kind: 'crashed' as const, reasons: reasons(crashed) };
  if (ended.length > 0) return { kind: 'waiting' as const, reasons: reasons(ended), suspect: carried.length > 0 };
  const recovered = strange.filter(({ kind }) => kind === 'recovered');
  return { kind: 'whole' as const, ...(recovered.length > 0 && { recovered: reasons(recovered) }) };
}

/**
 * K13: a node that did not return keeps every other untouched, and so does one in the middle of its change.
 * The node to touch itself is not counted.
 */
export function k13OthersInTheWay(
  ledger: readonly { target: string; direction: string; state: string; failure?: string }[],
  target: string,
): string[] {
  const latest = new Map<string, { state: string; failure?: string }>();
  // What puts a node back comes after what changed it: the last word about a node counts.
  for (const entry of [...ledger].sort((a, b) => b.direction.localeCompare(a.direction))) {
    if (entry.state === 'planned') continue;
    latest.set(entry.target, entry);
  }
  latest.delete(target);
  return [...latest].flatMap(([name, { state, failure }]) => {
    if (state === 'failed')
      return [`${name} did not return${failure ? ` (${failure})` : ''}: no second node is touched`];
    if (state === 'intent' || state === 'changed') return [`${name} is in the middle of its change`];
    return [];
  });
}
