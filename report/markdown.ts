import type { GateFigures } from '../decisions/gate/types.ts';
import { leftOutWords, nearestFirst } from '../decisions/gate-words.ts';
import { rehearsalWords } from '../decisions/rehearsal.ts';
import { code, count, duration, md, plural, table } from './markdown-text.ts';
import type {
  Report,
  ReportCandidate,
  ReportOutcome,
  ReportPatch,
  ReportRollout,
  ReportSuite,
  ReportTarget,
} from './report.ts';
import { verdictText } from './verdict-markdown.ts';

/** The report as a page for people: how it ended first, then the evidence in the order in which it came about. */
export function renderMarkdown(report: Report, { plots = [] }: { plots?: readonly string[] } = {}): string {
  const parts = [
    `# ${md(report.release)}: ${headline(report.outcome)}`,
    summary(report),
    outcomeReasons(report.outcome),
    section('Where the time went', secondsTable(report)),
    section('Patches', patchTable(report)),
    ...report.candidates.map((candidate) => candidateText(candidate, report.candidates.length, report.patches, plots)),
    section(
      'Decisions',
      table(
        ['id', 'digest', 'decision', 'by'],
        report.approvals.map((one) => [one.id, one.digest, one.decision, one.by].map((cell) => md(cell))),
      ),
    ),
    section('Tests that agents added or touched: no proof of their changes', agentTests(report)),
    section('Effects', effectTable(report)),
    section('Story', story(report)),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function headline(outcome: ReportOutcome | null): string {
  if (!outcome) return 'running';
  return outcome.at === undefined ? outcome.kind : `${outcome.kind} at ${md(outcome.at)}`;
}

function summary(report: Report): string {
  const whole = Object.values(report.seconds).reduce((sum, seconds) => sum + seconds, 0);
  const end =
    report.endedAt === null ? `running for ${duration(whole)}` : `ended ${report.endedAt}, after ${duration(whole)}`;
  const base =
    report.base === null ? 'not cut yet' : `${md(report.base)} (${code(report.baseCommit?.slice(0, 12) ?? '')})`;
  return [
    `- fork ${md(report.fork)}, ref ${code(report.ref)}, base ${base}`,
    `- asked for by ${md(report.requestedBy)}, started ${report.startedAt}, ${end}`,
    ...agentLine(report),
  ].join('\n');
}

function agentLine({ agent: { runs, turns, tokens, money, seconds } }: Report): string[] {
  if (runs === 0) return [];
  const spent = `${plural(turns, 'turn')}, ${count(tokens)} tokens, ${money.toFixed(2)} of money, ${duration(seconds)}`;
  return [`- agents: ${plural(runs, 'run')}, ${spent}`];
}

const agentTests = ({ agent: { tests } }: Report): string =>
  table(
    ['test', "agent's run"],
    tests.map(({ path, run }) => [code(path), md(run)]),
  );

function outcomeReasons(outcome: ReportOutcome | null): string {
  return (outcome?.reasons ?? []).map((reason) => `> ${md(reason, 1000)}`).join('\n>\n');
}

function section(title: string, body: string, level = 2): string {
  return body === '' ? '' : `${'#'.repeat(level)} ${title}\n\n${body}`;
}

function secondsTable({ seconds }: Report): string {
  const whole = Object.values(seconds).reduce((sum, one) => sum + one, 0);
  const rows = Object.entries(seconds).map(([step, one]) => [
    md(step),
    one.toFixed(1),
    `${Math.round((100 * one) / (whole || 1))} %`,
  ]);
  return table(['step', 'seconds', 'share'], [...rows, ['**all**', `**${whole.toFixed(1)}**`, '']], [1, 2]);
}

function patchTable({ patches }: Report): string {
  const rows = patches.map((patch) => [
    code(patch.commit.slice(0, 12)),
    md(patch.subject),
    md(patch.reason),
    md(patch.upstreamStatus),
    md(patch.dropWhen),
  ]);
  return table(['commit', 'subject', 'reason', 'upstream', 'drop when'], rows);
}

function candidateText(
  candidate: ReportCandidate,
  all: number,
  patches: readonly ReportPatch[],
  plots: readonly string[],
): string {
  const { build } = candidate;
  const facts = [
    `- version ${code(candidate.version)}, commit ${code(candidate.commit)}`,
    candidate.digest === null ? '- not built' : `- digest ${code(candidate.digest)}`,
    build && `- built in ${duration(build.seconds)} by ${code(build.command.join(' '))}`,
    build?.log && `- log of the build ${code(`artifacts/${build.log.slice(0, 2)}/${build.log}`)}`,
    build &&
      `- toolchain: ${
        Object.entries(build.toolchain)
          .map(([name, version]) => `${md(name)} ${md(version)}`)
          .join(', ') || 'not recorded'
      }`,
    `- sandbox ${candidate.sandbox === 'on' ? 'on' : `off: ${md(candidate.sandbox.off)}`}`,
  ];
  const artifacts = table(
    ['artifact', 'sha256', 'bytes'],
    candidate.artifacts.map((one) => [md(one.name), code(one.sha256), count(one.bytes)]),
    [2],
  );
  return [
    `## Candidate${all > 1 ? ` ${candidate.n}: ${headline(candidate.outcome)}` : ''}`,
    facts.filter(Boolean).join('\n'),
    artifacts,
    ...candidate.suites.map((suite) => suiteText(suite, patches)),
    candidate.rehearsals.map((rehearsed) => `- ${md(rehearsalWords(rehearsed), 1000)}`).join('\n'),
    ...candidate.rollouts.map((rollout) => rolloutText(rollout, candidate.n, plots)),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function suiteText(suite: ReportSuite, patches: readonly ReportPatch[]): string {
  const { tests } = suite;
  const lines = [
    `${count(tests.passed)} passed, ${count(tests.failed)} failed, ${count(tests.skipped)} skipped, in ${duration(suite.seconds)} on ${plural(suite.slots, 'slot')}` +
      ` (no schedule could beat ${duration(suite.boundSeconds)}${suite.efficiency === null ? '' : `: ${Math.round(suite.efficiency * 100)} % of what is possible`}).`,
    `${plural(suite.units, 'unit')}, ${plural(suite.executions, 'execution')}, ${count(suite.repeated)} of finished units.`,
    suite.problem && `**It does not count:** ${md(suite.problem, 1000)}`,
  ];
  return section(
    `Suite ${md(suite.name)}`,
    [lines.filter(Boolean).join('\n'), verdictText(suite, patches)].filter(Boolean).join('\n\n'),
    3,
  );
}

/** What the plot of one gate is called, in the report's folder. */
export const plotName = (environment: string, candidate: number, wave: number) =>
  `${environment}${candidate > 1 ? `-candidate-${candidate}` : ''}-wave-${wave}.svg`;

function rolloutText(rollout: ReportRollout, candidate: number, plots: readonly string[]): string {
  const { traffic } = rollout;
  const account = traffic
    ? `Traffic: ${count(traffic.acknowledged)} records acknowledged, ${count(traffic.read)} read, **${count(traffic.lost)} lost**; ` +
      `offsets moved back ${count(traffic.offsetsMovedBack)} times; ${plural(traffic.stuckConsumers, 'stuck consumer')}; ` +
      `longest time that a partition could not be written ${count(traffic.longestUnwritableMs)} ms.`
    : '';
  const waves = rollout.waves.map(({ targets, why, gate }, n) => {
    const verdict = gate ? [`**${gate.kind}**`, ...gate.reasons.map((part) => md(part))].join(': ') : 'not reached';
    const plot = plotName(rollout.environment, candidate, n + 1);
    return [
      `- wave ${n + 1} (${targets.map((name) => md(name)).join(', ')}${why === undefined ? '' : `: ${md(why)}`}): ${verdict}`,
      ...(gate ? figureLines(gate.figures) : []),
      ...(plots.includes(plot) ? [`\n  ![what the gate judged](${plot})\n`] : []),
    ].join('\n');
  });
  const reasons = rollout.reasons.map((reason) => `> ${md(reason, 1000)}`).join('\n>\n');
  const body = [
    reasons,
    account,
    waves.join('\n'),
    targetTable(rollout.targets),
    section('Rolled back', targetTable(rollout.rolledBack), 4),
  ];
  return section(
    `Roll-out to ${md(rollout.environment)}: ${rollout.outcome ?? 'running'}`,
    body.filter(Boolean).join('\n\n') || 'Nothing was changed.',
    3,
  );
}

/** The gated figures, nearest to its limit first; none of the soaks from before there were gates. */
function figureLines(figures: Record<string, unknown>): string[] {
  if (!('counts' in figures && 'levels' in figures)) return [];
  const gated = figures as unknown as GateFigures;
  const watched = `  - ${gated.profile}: ${gated.observedSeconds} s of ${gated.bakeSeconds} s observed in ${count(gated.looks)} looks; controls: ${gated.controls.map((name) => md(name)).join(', ') || 'none'}`;
  const leftOut = gated.leftOut ? [`  - ${md(leftOutWords(gated.leftOut))}`] : [];
  return [watched, ...leftOut, ...nearestFirst(gated).map(({ words }) => `  - ${md(words)}`)];
}

function targetTable(targets: readonly ReportTarget[]): string {
  const rows = targets.map((target) => [
    md(target.name),
    md(target.state) + (target.failure === undefined ? '' : `: ${md(target.failure)}`),
    md(target.from),
    md(target.to),
    target.readBack
      ? [
          code(target.readBack.commit.slice(0, 12)),
          ...target.readBack.artifacts.map(({ sha256 }) => code(sha256.slice(0, 12))),
        ].join(' ')
      : '',
    target.seconds.toFixed(1),
    Object.entries(target.secondsBy)
      .map(([part, seconds]) => `${md(part)} ${seconds.toFixed(1)}`)
      .join(', '),
  ]);
  return table(['target', 'state', 'from', 'to', 'read back: commit, files', 'seconds', 'of which'], rows, [5]);
}

function effectTable({ effects }: Report): string {
  const rows = effects.map((effect) => [
    code(effect.key),
    md(effect.kind),
    effect.state + (effect.found ? ' (found done)' : ''),
    String(effect.attempts),
    effect.reason === undefined ? '' : md(effect.reason),
  ]);
  return table(['key', 'kind', 'state', 'attempts', 'last failure'], rows, [3]);
}

function story({ thread }: Report): string {
  return thread
    .map(
      ({ at, text }) =>
        `- ${at.slice(11, 19)} ${text
          .split('\n')
          .map((line) => md(line, 1000))
          .join('<br>')}`,
    )
    .join('\n');
}
