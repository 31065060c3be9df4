import type { ApprovalQuestion } from '../workflows/approval-types.ts';
import type { Build, Digest, Patch, SuiteOutcome, Verdict, VerdictKind, Waiver } from '../workflows/types.ts';
import { notCounted } from './approval.ts';
import { countWords, culpritWords, type PatchName, testName } from './verdict-words.ts';

/** What nobody knows, and a person may answer for. What the patches were shown to have caused is none of it. */
export const WAIVABLE = ['undecided', 'untestable'] as const satisfies readonly VerdictKind[];
export type Waivable = (typeof WAIVABLE)[number];

export type HeldTest = Verdict & { suite: string };

/** Whether it is worth to ask at all: each suite counts, and what holds is of these kinds, as far as the outcomes say. */
export function couldBeWaived(outcomes: readonly SuiteOutcome[]): boolean {
  const holding = outcomes.flatMap((outcome) => outcome.holding);
  const counts = outcomes.every(({ problem }) => problem === undefined);
  return counts && holding.length > 0 && holding.every(({ kind }) => isWaivable(kind, WAIVABLE));
}

/** All that holds a candidate (an outcome names the first of many), or nothing where one of them may not be let through. */
export function waivable<T extends HeldTest>(holding: readonly T[], policy: readonly Waivable[]): T[] {
  return holding.every(({ kind }) => isWaivable(kind, policy)) ? [...holding] : [];
}

const isWaivable = (kind: VerdictKind, policy: readonly Waivable[]) => policy.some((one) => one === kind);

/** What is decided on, of each: what was run and what came of it. Neither its cost nor what an earlier waiver left. */
export function waivedFacts(tests: readonly HeldTest[]) {
  return tests.map(
    ({ suite, unit, test, kind, candidate, base, reason, power, against, baseBroken, message, evidence }) => {
      const facts = { suite, unit, test, kind, candidate, base, message, evidence };
      return {
        ...facts,
        ...(reason !== undefined && { reason }),
        ...(power !== undefined && { power }),
        ...(against !== undefined && { against }),
        ...(baseBroken !== undefined && { baseBroken }),
      };
    },
  );
}

/** One test, for whoever decides: both arms, what the runs could have shown, what was tried, what it said. */
export function heldTestWords(held: HeldTest, patches: readonly PatchName[]): string {
  const { suite, kind, reason, power, cost, message, orderDependent } = held;
  const culprit = culpritWords(held, patches);
  const seconds = Math.round((cost?.rerunSeconds ?? 0) + (cost?.culpritSeconds ?? 0));
  const parts = [
    countWords(held),
    power === undefined ? '' : `power ${power}: so likely would these runs have shown a real difference`,
    reason === undefined ? '' : `tried: ${reason}`,
    orderDependent === true ? 'in the order of its batch' : '',
    culprit,
    `${seconds} s of reruns`,
    `it said: ${message}`,
  ];
  return `${kind} in ${suite}: ${testName(held)}: ${parts.filter(Boolean).join('; ')}`;
}

type About = {
  release: string;
  n: number;
  candidate: Pick<Build, 'commit' | 'version' | 'digest'>;
  base: Pick<Build, 'digest'>;
  /** Over `waivedFacts` of all of them. */
  verdicts: Digest;
};

/** What a waiver is bound to; read anew from the store when it is used. */
export function waiverBinds({ release, n, candidate, base, verdicts }: About): Record<string, string> {
  const { commit, version, digest } = candidate;
  return { release, candidate: String(n), artifacts: digest, commit, version, base: base.digest, verdicts };
}

/** What stands in a message; the whole of it is beside it. */
const SUMMARY_CHARACTERS = 2_900;

export function waiverQuestion(
  about: About & {
    id: string;
    settings: Digest;
    requestedBy: string;
    patches: readonly Pick<Patch, 'author' | 'subject'>[];
    /** Whoever asked for changes of a repair that is in it. */
    steered?: readonly string[];
    tests: number;
    kinds: readonly VerdictKind[];
    /** `heldTestWords` of the first of them. */
    lines: readonly string[];
    details: Digest;
  },
): ApprovalQuestion {
  const {
    id,
    settings,
    release,
    n,
    candidate,
    requestedBy,
    patches,
    steered = [],
    tests,
    kinds,
    lines,
    details,
  } = about;
  const count = `${tests} test${tests === 1 ? '' : 's'}`;
  const head = [
    `${candidate.version} (${candidate.commit.slice(0, 12)}) is held by these alone. It was neither shown that the patches broke them nor that they did not: more runs, or a quarantine, would be the other ways on.`,
    'Who approves answers for it: exactly this candidate goes on with exactly these, and its report says so. Otherwise it stays held.',
    `Patches: ${patches.map(({ subject }) => subject).join('; ')}`.slice(0, 600),
  ];
  return {
    ...{ id, kind: 'verdict-waiver', settings, release },
    title: `${release}: may candidate ${n} go on in spite of ${count} (${kinds.join(', ')})?`,
    summary: [...head, ...fitting(lines, tests, SUMMARY_CHARACTERS - head.join('\n').length)].join('\n'),
    details,
    binds: waiverBinds(about),
    requester: requestedBy,
    excluded: notCounted(patches, steered),
  };
}

/** As many whole lines as there is room for, and how many there are beside them. */
function fitting(lines: readonly string[], all: number, room: number): string[] {
  const shown: string[] = [];
  let used = 0;
  for (const line of lines) {
    used += line.length + 3;
    if (used > room) break;
    shown.push(`- ${line}`);
  }
  const more = all - shown.length;
  return more === 0 ? shown : [...shown, `- and ${more} more: all of it by approvals --show`];
}

/** For the thread, once it goes on. */
export function waivedWords(n: number, { by, approval }: Waiver, lines: readonly string[], tests: number): string {
  const who = by.join(' and ');
  const head = `Candidate ${n} goes on in spite of ${tests} test${tests === 1 ? '' : 's'}, which ${who} let${by.length === 1 ? 's' : ''} through (${approval}):`;
  return [head, ...fitting(lines, tests, 2_000)].join('\n');
}
