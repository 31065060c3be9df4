import type { Controls } from './controls.ts';
import { type Arms, type Evidence, errorsThatFail, evidenceOf } from './evidence.ts';
import type { CountFigures, CountMetric, Finding, GateInput } from './types.ts';
import { type Look, looksOf, sourcesOf, warmSamples, watchedMs } from './windows.ts';

/** How strongly a node's own ratio to its peers is drawn to 1: as if so many more errors had been seen at their share. */
const SHRINK_ERRORS = 10;
/** Cells of the window before, from which it is read whether errors come in bursts. */
const DISPERSION_CELLS = 6;

export type CountJudgement = { figures: CountFigures; findings: Finding[] };

/**
 * Tier 1 for one metric at significance `alpha`, on the nodes of the wave together. Against clean peers while they do
 * the same work, or (what is not a node's own) against the window before. Undefined where a node's own count
 * has no two clean peers: then invariants and probes decide.
 */
export function judgeCount(
  input: GateInput,
  metric: CountMetric,
  controls: Controls,
  alpha: number,
): CountJudgement | undefined {
  const byPeers = metric.scope === 'node';
  const peers = byPeers ? peersWith(input, metric, controls) : [];
  if (byPeers && peers.length < input.profile.minimumPeers) return undefined;
  const sources = byPeers ? input.wave.targets : sourcesOf(metric.scope as 'cluster' | 'clients', allNodes(input));
  const before = looksOf(input.before, sources, metric);
  const looks = looksOf(warmSamples(input), sources, metric);
  const peersBefore = peers.map((peer) => looksOf(input.before, [peer], metric));
  const arms: Arms = byPeers
    ? { against: 'peers', looks, control: looksOf(warmSamples(input), peers, metric) }
    : { against: 'own window', looks, control: sumOf(before) };
  const usual = share([before, ...peersBefore].flat());
  const rules = {
    nullRatio: byPeers ? nullRatioOf(sumOf(before), sumOf(peersBefore.flat())) : input.profile.ownWindowRatio,
    usual,
    burst: input.profile.burst,
    dispersion: dispersionOf([before, ...peersBefore]),
    threshold: 1 / alpha,
    leastRatio: input.profile.countRatio,
  };
  const seen = evidenceOf(arms, rules);
  const needed = errorsThatFail(seen, rules);
  const workNeeded = Math.ceil(Math.max(input.profile.minimumWork, needed / input.profile.smallestErrorShare));
  const control = byPeers ? peersBefore.flat() : before;
  const figures: CountFigures = {
    against: arms.against,
    errors: seen.errors,
    work: seen.work,
    controlErrors: seen.controlErrors,
    controlWork: seen.controlWork,
    nullRatio: round(rules.nullRatio),
    dispersion: round(rules.dispersion),
    evidence: round(Math.min(seen.most, 1e12)),
    threshold: round(rules.threshold),
    workNeeded,
    ...(input.othersTraffic &&
      isQuiet(input, { before, control, against: arms.against }, rules) && { quiet: true as const }),
    ...(seen.failed && { eventsToFail: seen.failed.events, failedAtMs: seen.failed.atMs }),
    ...ratioOf(seen),
  };
  return { figures, findings: findingsOf(metric, figures, input.profile.criticalRatio) };
}

function findingsOf({ name }: CountMetric, figures: CountFigures, criticalRatio: number): Finding[] {
  const { errors, work, controlErrors, controlWork, against, evidence, threshold, failedAtMs, workNeeded } = figures;
  const { quiet } = figures;
  if (failedAtMs !== undefined) {
    const compared = `${controlErrors} in ${controlWork} ${against === 'peers' ? 'on clean peers meanwhile' : 'in the window before'}`;
    const reason = `${name}: ${errors} in ${work} against ${compared}; evidence ${evidence} of ${threshold}`;
    const severity = (figures.ratio ?? Number.POSITIVE_INFINITY) >= criticalRatio ? 'critical' : 'fail';
    return [{ kind: 'fail', severity, reason, atMs: failedAtMs }];
  }
  if (quiet || (work >= workNeeded && controlWork > 0)) return [];
  const lacking =
    work >= workNeeded ? `nothing to compare with (${against})` : `${work} of ${workNeeded} that are needed`;
  return [{ kind: 'no-data', reason: `${name}: too little was done to judge it: ${lacking}` }];
}

/**
 * Where only others' clients are, a cluster may have less work than a gate would like: then a good candidate would be
 * frozen for the lack of it, again and again. Told from the window before alone, so that a candidate that drives its
 * clients away is no data: at that window's rate the bake would have had too little, or the control had nothing to do.
 */
function isQuiet(
  { before: samples, profile }: GateInput,
  { before, control, against }: { before: readonly Look[]; control: readonly Look[]; against: Arms['against'] },
  rules: Parameters<typeof errorsThatFail>[1],
): boolean {
  const seconds = watchedMs(samples, profile.gapSeconds) / 1000;
  // A window that nobody watched says nothing of what was done in it.
  if (seconds === 0) return false;
  const inBake = ({ work }: Look) => (work / seconds) * profile.bakeSeconds;
  const work = inBake(sumOf(before));
  const controlWork = against === 'peers' ? inBake(sumOf(control)) : sumOf(control).work;
  const needed = errorsThatFail({ work, controlWork }, rules) / profile.smallestErrorShare;
  return work < Math.max(profile.minimumWork, needed) || controlWork === 0;
}

/**
 * Whether the wave has this count at all: a dedicated controller serves no requests, and is not missing them. What a
 * node told before the roll and tells no more is no data.
 */
export function isOfWave({ before, wave }: GateInput, figure: string): boolean {
  return before.some(({ nodes }) => wave.targets.some((target) => nodes[target]?.[figure] !== undefined));
}

/** Peers that tell this count in both windows. */
function peersWith(input: GateInput, metric: CountMetric, { clean }: Controls): string[] {
  const tells = (samples: GateInput['before'], peer: string) =>
    samples.some(({ nodes }) => nodes[peer]?.[metric.work] !== undefined);
  return clean.filter((peer) => tells(input.before, peer) && tells(input.after, peer));
}

export const allNodes = ({ before, after }: GateInput): string[] =>
  [...new Set([...before, ...after].flatMap(({ nodes }) => Object.keys(nodes)))].sort();

/**
 * How many times its peers' error share an unchanged node may show: its own ratio in the window before (never below
 * 1), drawn to 1 by as much as that window saw too little.
 */
function nullRatioOf(own: Look, peers: Look): number {
  const expected = peers.work > 0 ? (peers.errors / peers.work) * own.work : 0;
  return Math.max(1, (own.errors + SHRINK_ERRORS) / (expected + SHRINK_ERRORS));
}

/**
 * Pearson's dispersion of errors over cells of the window before, each source by its own share: 1 where they come one
 * by one, more where they come in bursts. From before the roll alone, so that a fault cannot hide by bursting.
 */
function dispersionOf(windows: readonly (readonly Look[])[]): number {
  let [sum, freedom] = [0, 0];
  for (const looks of windows) {
    const usual = share(looks);
    if (usual === 0) continue;
    const size = Math.max(1, Math.ceil(looks.length / DISPERSION_CELLS));
    let cells = 0;
    for (let from = 0; from < looks.length; from += size) {
      const cell = sumOf(looks.slice(from, from + size));
      if (cell.work === 0) continue;
      sum += (cell.errors - usual * cell.work) ** 2 / (usual * cell.work);
      cells += 1;
    }
    freedom += Math.max(0, cells - 1);
  }
  if (freedom === 0) return 1;
  const dispersion = sum / freedom;
  // Within its own error it is the one that single events have.
  return dispersion <= 1 + Math.sqrt(2 / freedom) ? 1 : dispersion;
}

const sumOf = (looks: readonly Look[]): Look =>
  looks.reduce((a, b) => ({ atMs: b.atMs, errors: a.errors + b.errors, work: a.work + b.work }), NONE);
const NONE: Look = { atMs: 0, errors: 0, work: 0 };

function share(looks: readonly Look[]): number {
  const { errors, work } = sumOf(looks);
  return work > 0 ? errors / work : 0;
}

/** Undefined where the control had no error: as many times nothing says nothing. */
function ratioOf({ errors, work, controlErrors, controlWork }: Evidence): { ratio?: number } {
  if (controlErrors === 0 || work === 0) return {};
  return { ratio: round(errors / work / (controlErrors / controlWork)) };
}

export const round = (value: number) => Number(value.toPrecision(6));
