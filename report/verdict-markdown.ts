import { holdsRelease } from '../decisions/failure-verdict.ts';
import { isQuarantined } from '../decisions/quarantine.ts';
import { artifactName, culpritWords, kindWords, testName } from '../decisions/verdict-words.ts';
import type { VerdictKind } from '../workflows/types.ts';
import { code, count, duration, md, plural, table } from './markdown-text.ts';
import type { ReportPatch, ReportSuite, ReportVerdict } from './report.ts';

/** More than this many get no paragraph of their own; the table has them all. */
const MAX_DETAILS = 30;

/** Everything about the verdicts of one suite: how many of which, a table, and what lies behind those that hold. */
export function verdictText({ verdicts, ...suite }: ReportSuite, patches: readonly ReportPatch[]): string {
  if (verdicts.length === 0) return '';
  const holding = verdicts.filter(({ kind, human }) => holdsRelease(kind) || human);
  return [
    costLine(verdicts, suite),
    verdictTable(verdicts, patches),
    details(holding, patches),
    quarantineText(verdicts),
  ]
    .filter(Boolean)
    .join('\n\n');
}

type Costs = Pick<ReportSuite, 'rerunSeconds' | 'culpritSeconds' | 'rerunBudgetSeconds'>;

function costLine(
  verdicts: readonly ReportVerdict[],
  { rerunSeconds, culpritSeconds, rerunBudgetSeconds }: Costs,
): string {
  const kinds: Partial<Record<VerdictKind, number>> = {};
  for (const { kind } of verdicts) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const budget = rerunBudgetSeconds === null ? '' : `, of ${duration(rerunBudgetSeconds)} that a release may take`;
  const culprits = culpritSeconds > 0 ? `; the search for culprits ${duration(culpritSeconds)}` : '';
  return `${plural(verdicts.length, 'verdict')}: ${md(kindWords(kinds))}. Their reruns took ${duration(rerunSeconds)} of test processes${budget}${culprits}.`;
}

function verdictTable(verdicts: readonly ReportVerdict[], patches: readonly ReportPatch[]): string {
  const runs = ({ pass, fail }: { pass: number; fail: number }) => `${pass} of ${pass + fail}`;
  const rows = verdicts.map((verdict) => [
    md(verdict.kind) +
      (verdict.orderDependent ? ' (order)' : '') +
      (isQuarantined(verdict) ? ' (quarantined)' : '') +
      (verdict.waiver ? ' (waived)' : ''),
    md(testName(verdict)),
    runs(verdict.candidate),
    runs(verdict.base),
    verdict.power === undefined ? '' : verdict.power.toFixed(2),
    (verdict.culprit ?? []).map((commit) => code(commit.slice(0, 12)) + positionOf(commit, patches)).join(' '),
    md(verdict.message, 160),
    verdict.cost === undefined ? '' : count(Math.round(verdict.cost.rerunSeconds)),
  ]);
  const head = ['verdict', 'test', 'candidate passed', 'base passed', 'power', 'culprit', 'message', 'rerun seconds'];
  return table(head, rows, [2, 3, 4, 7]);
}

function positionOf(commit: string, patches: readonly ReportPatch[]): string {
  const at = patches.findIndex((patch) => patch.commit === commit);
  return at < 0 ? '' : ` (${at + 1})`;
}

/** One paragraph for each that holds: why, which patch and how that is known, where to read on. */
function details(holding: readonly ReportVerdict[], patches: readonly ReportPatch[]): string {
  const shown = holding.slice(0, MAX_DETAILS).map((verdict) => {
    const culprit = culpritWords(verdict, patches);
    const lines = [
      verdict.reason === undefined ? '' : `${md(verdict.reason, 400)}.`,
      culprit === ''
        ? ''
        : `Culprit: ${md(culprit, 400)}${verdict.culpritReason ? `: ${md(verdict.culpritReason, 300)}` : ''}.`,
      againstText(verdict),
      verdict.waiver === undefined
        ? ''
        : `**Let through** by ${md(verdict.waiver.by.join(' and '))} (${md(verdict.waiver.approval)}): it does not hold.`,
      verdict.logDifference === undefined
        ? ''
        : `New in its log beside the base's: ${code(artifactName(verdict.logDifference))}.`,
      /^[0-9a-f]{64}$/.test(verdict.evidence) ? `Log: ${code(artifactName(verdict.evidence))}.` : '',
    ];
    return `- **${md(verdict.kind)}** ${md(testName(verdict))}: ${lines.filter(Boolean).join(' ')}`;
  });
  const more = holding.length - shown.length;
  return [...shown, ...(more > 0 ? [`- and ${count(more)} more`] : [])].join('\n');
}

function againstText({ against, baseBroken }: ReportVerdict): string {
  if (against === undefined) return '';
  if (baseBroken === undefined) return `The base lacks this test: ${md(against)} stands for it.`;
  return `Compared with ${md(against)}, since the base does not build: ${md(baseBroken, 300)}.`;
}

/** Tests that did not gate, and why; those that do again because their entry has ended. */
function quarantineText(verdicts: readonly ReportVerdict[]): string {
  return verdicts
    .flatMap(({ test, quarantine }) => {
      if (!quarantine) return [];
      const { ticket, until, expired } = quarantine;
      const state = expired
        ? `**its quarantine ended on ${md(until)}: it gates again**`
        : `does not gate until ${md(until)}`;
      return [`- ${md(test)}: ${state} (${md(ticket)})`];
    })
    .join('\n');
}
