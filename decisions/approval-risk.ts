import type { ApprovalQuestion, ApprovalRisk } from '../workflows/approval-types.ts';
import type { Shown } from '../workflows/fix-types.ts';

export type Ranked = { score: number; reasons: string[] };

/**
 * How risky a question is, by what code knows of it, and why; of models a reviewer's objection alone counts, which can
 * only add. The numbers only order: what cannot be taken back comes before everything that can, then where it happens
 * and what stands against it.
 *
 * @param rehearsal environments that come before others: there to find out.
 */
export function rankOf(
  { kind, risk = {} }: Pick<ApprovalQuestion, 'kind' | 'risk'>,
  rehearsal: readonly string[],
): Ranked {
  const parts = [
    ...irreversible(kind, risk),
    ...places(kind, risk, rehearsal),
    ...findings(risk),
    ...notProven(risk),
    ...size(risk),
  ];
  const score = parts.reduce((sum, [points]) => sum + points, 0);
  return { score, reasons: parts.sort((a, b) => b[0] - a[0]).map(([, words]) => words) };
}

type Part = [points: number, words: string];

const irreversible = (kind: ApprovalQuestion['kind'], risk: ApprovalRisk): Part[] =>
  risk.irreversible || kind === 'one-way-release' || kind === 'finalise' ? [[100, 'cannot be taken back']] : [];

const BY_KIND: Partial<Record<ApprovalQuestion['kind'], Part>> = {
  unhold: [40, 'lets an artifact go again that was rolled back'],
  'verdict-waiver': [30, 'goes on in spite of tests of which nobody could tell'],
  expedite: [30, 'goes before others, without cool-down'],
  fix: [10, 'whatever reads it gets it at once'],
};

/** A change of files waits for what is made of it; of an artifact that was rolled back nobody said where it goes. */
function places(
  kind: ApprovalQuestion['kind'],
  { environments = [] }: ApprovalRisk,
  rehearsal: readonly string[],
): Part[] {
  const last = environments.filter((name) => !rehearsal.includes(name));
  if (last.length > 0) return [[40, `goes to ${last.join(', ')}, where nothing comes after`]];
  if (environments.length > 0) return [[10, `goes to ${environments.join(', ')}`]];
  const part = BY_KIND[kind];
  return part === undefined ? [] : [part];
}

const MOST_FINDINGS = 3;
const findings = ({ findings: n = 0 }: ApprovalRisk): Part[] =>
  n === 0 ? [] : [[10 * Math.min(n, MOST_FINDINGS), n === 1 ? '1 finding stands' : `${n} findings stand`]];

const NOT_PROVEN: Record<Shown, Part[]> = {
  proven: [],
  checked: [[15, 'a check passes, and nothing shows that it helps']],
  'looked-at': [[20, 'that it helps shows only once it is applied']],
  nothing: [[30, 'nothing could be tried']],
};
const notProven = ({ shown = 'proven' }: ApprovalRisk): Part[] => NOT_PROVEN[shown];

function size({ changed = 0 }: ApprovalRisk): Part[] {
  if (changed === 0) return [];
  const points = changed > 500 ? 15 : changed > 100 ? 10 : changed > 20 ? 5 : 1;
  return [[points, changed === 1 ? '1 line changes' : `${changed} lines change`]];
}

/** Lines that a patch adds and takes away. */
export const changedLines = (patch: string): number =>
  patch.split('\n').filter((line) => /^[+-]/.test(line) && !/^(\+\+\+|---) /.test(line)).length;

/** Environments that some fork goes through before another, and that none ends in. */
export function rehearsalOf(ways: readonly (readonly string[])[]): string[] {
  const last = new Set(ways.map((way) => way.at(-1)));
  return [...new Set(ways.flatMap((way) => way.slice(0, -1)))].filter((name) => !last.has(name));
}
