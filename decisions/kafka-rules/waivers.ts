import type { RuleFinding } from '../../workflows/types.ts';
import { type Finding, few } from './snapshot.ts';

/** As configured (`rollout.waivers`); `until` is the last day, in UTC, on which it holds. */
export type RuleWaiver = {
  rule: string;
  topic?: string | undefined;
  node?: string | undefined;
  reason: string;
  until: string;
};

/**
 * Rules about what cannot be seen or undone are never waived, but for a dead broker (dead-broker.ts). What a person can
 * know better (K2) is.
 */
const WAIVABLE = new Set(['K1', 'K2', 'K4', 'K5', 'K6', 'K7', 'K8', 'K9', 'K10', 'K14']);

/** What a rule found, after waivers: what still blocks, and what was waived by whose words. */
export type Judgement = { blocks: RuleFinding[]; waived: { finding: RuleFinding; waiver: RuleWaiver }[] };

/** One of them, as it is told. */
export type Waived = RuleFinding & { because: string };

export const waivedAs = ({ finding, waiver }: Judgement['waived'][number]): Waived => ({
  ...finding,
  because: `${waiver.reason} (until ${waiver.until})`,
});

/** The first finding of each rule and waiver. */
export function firstOfEachWaiver(waived: Judgement['waived']): Judgement['waived'] {
  const isSame = (one: Judgement['waived'][number], other: Judgement['waived'][number]) =>
    one.finding.rule === other.finding.rule && waivedAs(one).because === waivedAs(other).because;
  return waived.filter((one, index) => waived.findIndex((other) => isSame(one, other)) === index);
}

/**
 * What is said of each, and the key under which it is said once a roll-out: a waiver that was told before the first
 * node is not told again at each, one that first applies in the middle is.
 */
export function waivedWords(waived: readonly Waived[]): { key: string; text: string }[] {
  return waived.map(({ rule, reason, because }, index) => {
    const first = waived.findIndex((other) => other.rule === rule && other.because === because) === index;
    const key = `waived/${rule}/${because}${first ? '' : `/${index}`}`;
    return { key, text: `${rule} is waived: ${reason}; ${because}` };
  });
}

/** Applies the waivers that hold on this day, and tells of the rest how to waive it. */
export function applyWaivers(findings: readonly Finding[], waivers: readonly RuleWaiver[], now: string): Judgement {
  const today = now.slice(0, 10);
  const blocks: RuleFinding[] = [];
  const waived: Judgement['waived'] = [];
  for (const finding of findings) {
    const waiver = waivers.find((waiver) => covers(waiver, finding) && today <= waiver.until);
    if (waiver) {
      waived.push({ finding: plain(finding), waiver });
    } else {
      const lapsed = waivers.find((waiver) => covers(waiver, finding));
      blocks.push({ rule: finding.rule, reason: `${finding.reason}${howToWaive(finding, lapsed)}` });
    }
  }
  return { blocks, waived };
}

function covers(waiver: RuleWaiver, finding: Finding): boolean {
  return (
    WAIVABLE.has(finding.rule) &&
    waiver.rule === finding.rule &&
    (waiver.topic === undefined || waiver.topic === finding.topic) &&
    (waiver.node === undefined || waiver.node === finding.node)
  );
}

function howToWaive({ rule, topic, node, dead }: Finding, lapsed: RuleWaiver | undefined): string {
  if (dead !== undefined)
    return `. It is ${dead}'s, which is down and shares no partition with what is to roll; to waive it, add to rollout.waivers: {rule: ${rule}, node: ${dead}, reason: …, until: YYYY-MM-DD}`;
  if (!WAIVABLE.has(rule)) return '';
  if (lapsed) return `. Its waiver ended on ${lapsed.until}`;
  const scope = topic ? `topic: ${topic}, ` : node ? `node: ${node}, ` : '';
  return `. To waive it, add to rollout.waivers: {rule: ${rule}, ${scope}reason: …, until: YYYY-MM-DD}`;
}

const plain = ({ rule, reason }: Finding): RuleFinding => ({ rule, reason });

/** For a sentence in the thread: `K7: …` of the first few. */
export function reasonsOf(findings: readonly RuleFinding[], shown = 6): string[] {
  const lines = findings.slice(0, shown).map(({ rule, reason }) => `${rule}: ${reason}`);
  const more = findings.slice(shown).map(({ rule }) => rule);
  return more.length ? [...lines, `and ${more.length} more findings (${few([...new Set(more)])})`] : lines;
}
