import { cleanPeers } from './gate/controls.ts';
import { isOfWave, judgeCount } from './gate/counts.ts';
import { judgeGroup } from './gate/group.ts';
import { brokenInvariants } from './gate/invariants.ts';
import { judgeLevels } from './gate/levels.ts';
import { judgeProbes } from './gate/probes.ts';
import { alphaOfWave } from './gate/profile.ts';
import type { CountFigures, Finding, GateFigures, GateInput, GateJudgement, GateMetric } from './gate/types.ts';
import { isWhole, observedMs, unwatchedMs, warmAtMs, warmSamples } from './gate/windows.ts';

/** Looks that a moment late does not make late. */
const SLACK_GAPS = 2;
/** A bake of seconds, on a machine that is slow for a while, may need a minute until enough was done to judge it. */
const LEAST_EXTENSION_SECONDS = 60;

/**
 * The gate after a wave, from what was looked at and nothing else: asked after every look, and again years later from
 * the stored looks, it says the same (`gate replay`).
 *
 *   Tier 0  invariants, at once and in warm-up too
 *   probes  what clients see, against their own window before the roll, and whether their group reads on
 *   Tier 1  counts, by a sequential test that may be looked at after every look
 *   Tier 2  levels, by difference in differences, at looks that are fixed in blocks
 *
 * Nothing that failed passes later: every test looks along the path that it was given. What was not observed is not
 * bake; without data it never passes: it is extended once, by as long as the bake (a minute at least), then
 * inconclusive. That clock stands still while nobody looked: a worker that was away is no verdict.
 */
export function judgeGate(given: GateInput): GateJudgement {
  const { theirs, notTheirs } = metricsOfWave(given);
  const input = { ...given, metrics: theirs };
  const controls = cleanPeers(input);
  const alpha = alphasOf(input);
  const withClients = input.before.some(({ clients }) => clients !== undefined);
  const counts = judgeCounts(input, controls, alpha.count);
  const levels = judgeLevels(input, controls, alpha.level);
  const probes = judgeProbes(input);
  const group = judgeGroup(input);
  const warm = warmSamples(input);
  const leftOut = [...new Set(input.after.flatMap((sample) => sample.leftOut ?? []))].sort();
  const bakeSeconds = bakeOf(input);
  const reduced = reducedWords(input, counts, levels);
  const slackMs = SLACK_GAPS * input.profile.gapSeconds * 1000;
  const deadlineMs = warmAtMs(input) + bakeSeconds * 1000 + slackMs + unwatchedMs(warm, input);
  const extensionMs = Math.max(bakeSeconds, LEAST_EXTENSION_SECONDS) * 1000;
  const figures: GateFigures = {
    profile: input.profile.name,
    observedSeconds: Math.floor(observedMs(warm, input.profile, withClients) / 1000),
    bakeSeconds,
    looks: warm.length,
    unreadLooks: warm.filter((sample) => !isWhole(sample, withClients)).length,
    extended: input.nowMs > deadlineMs,
    controls: controls.clean,
    notControls: controls.not,
    notOfTheWave: notTheirs,
    ...(leftOut.length > 0 && { leftOut }),
    reducedEvidence: reduced.length > 0,
    alpha,
    counts: counts.figures,
    levels: levels.figures,
    ...(probes && { probes: probes.figures }),
    ...(group && { group: group.figures }),
  };
  const findings = [
    ...brokenInvariants(input),
    ...(probes?.findings ?? []),
    ...(group?.findings ?? []),
    ...counts.findings,
    ...levels.findings,
  ];
  return conclude(figures, findings, {
    reduced,
    late: input.nowMs > deadlineMs + extensionMs,
    unread: [...new Set(warm.flatMap(({ unread }) => unread))],
  });
}

function conclude(
  figures: GateFigures,
  findings: readonly Finding[],
  { reduced, late, unread }: { reduced: string[]; late: boolean; unread: string[] },
): GateJudgement {
  const failed = findings.filter((finding) => finding.kind === 'fail');
  if (failed.length > 0) {
    const severity = failed.some((finding) => finding.severity === 'critical') ? 'critical' : 'fail';
    return { kind: 'fail', severity, reasons: failed.map(({ reason }) => reason), figures };
  }
  const { observedSeconds, bakeSeconds } = figures;
  const short = `${observedSeconds} s of ${bakeSeconds} s could be observed`;
  const blind = unread.slice(0, 5).map((what) => `not read: ${what}`);
  const missing = [
    ...(observedSeconds < bakeSeconds ? [short, ...blind] : []),
    ...findings.map(({ reason }) => reason),
  ];
  if (missing.length > 0) return { kind: late ? 'inconclusive' : 'watching', reasons: missing, figures };
  return { kind: 'pass', reasons: reduced, figures };
}

/** What a pass does not rest on. */
function reducedWords(
  { othersTraffic, metrics }: GateInput,
  counts: Pick<ReturnType<typeof judgeCounts>, 'figures' | 'unjudged'>,
  levels: { unjudged: string[] },
): string[] {
  const unjudged = [...counts.unjudged, ...levels.unjudged];
  const quiet = Object.entries(counts.figures).flatMap(([name, figures]) => (figures.quiet ? [name] : []));
  const say = (names: readonly string[], why: string) =>
    names.length > 0 ? [`reduced evidence: ${why} ${names.join(', ')}`] : [];
  return [
    ...say(unjudged, 'fewer clean peers than are needed to judge'),
    ...say(quiet, 'too little was done before the roll to ask for enough to judge'),
    ...(othersTraffic && metrics.length === 0
      ? ['reduced evidence: no figures are read, invariants alone were judged']
      : []),
  ];
}

function judgeCounts(input: GateInput, controls: ReturnType<typeof cleanPeers>, alpha: number) {
  const figures: Record<string, CountFigures> = {};
  const findings: Finding[] = [];
  const unjudged: string[] = [];
  for (const metric of input.metrics) {
    if (metric.kind !== 'count') continue;
    const judged = judgeCount(input, metric, controls, alpha);
    if (!judged) {
      unjudged.push(metric.name);
      continue;
    }
    figures[metric.name] = judged.figures;
    findings.push(...judged.findings);
  }
  return { figures, findings, unjudged };
}

/** Without the node's own figures that no node of the wave has (a controller's requests): α is not spent on them. */
function metricsOfWave(input: GateInput): { theirs: GateMetric[]; notTheirs: string[] } {
  const isTheirs = (metric: GateMetric) =>
    metric.kind === 'never' ||
    metric.scope !== 'node' ||
    isOfWave(input, metric.kind === 'count' ? metric.work : metric.figure);
  const theirs = input.metrics.filter(isTheirs);
  return { theirs, notTheirs: input.metrics.filter((metric) => !isTheirs(metric)).map(({ name }) => name) };
}

/** α of the release: its wave's part; of that Tier 1's, evenly over its metrics, and Tier 2's for all its metrics together. */
function alphasOf({ profile, wave, metrics }: GateInput): GateFigures['alpha'] {
  const ofWave = alphaOfWave(profile.alpha, wave.index);
  const counts = metrics.filter(({ kind }) => kind === 'count').length;
  const levels = profile.minimumBlocks > 0 ? metrics.filter(({ kind }) => kind === 'level').length : 0;
  const countShare = levels === 0 ? 1 : counts === 0 ? 0 : profile.countShare;
  return {
    release: profile.alpha,
    wave: ofWave,
    count: counts === 0 ? 0 : (ofWave * countShare) / counts,
    level: ofWave * (1 - countShare),
  };
}

/** As long as the profile says, and as long as its blocks take where levels are judged. */
function bakeOf({ profile, metrics }: GateInput): number {
  const blocks = metrics.some(({ kind }) => kind === 'level') ? profile.minimumBlocks * profile.blockSeconds : 0;
  return Math.max(profile.bakeSeconds, blocks);
}
