import type { Controls } from './controls.ts';
import { allNodes, round } from './counts.ts';
import { type Change, changeOf, type Series } from './difference.ts';
import { studentQuantile, studentTail } from './student.ts';
import type { Finding, GateInput, LevelFigures, LevelMetric } from './types.ts';
import { blocksOf, sourcesOf, warmAtMs, warmSamples, wholeBlocks } from './windows.ts';

/** One thing that Tier 2 judges: a level, or how much it varies inside a block. */
type Test = {
  name: string;
  against: LevelFigures['against'];
  limit: number;
  needsData: boolean;
  /** -1 where less is worse: the series carry it, so that more is always worse. */
  sign: 1 | -1;
  wave: Series;
  peers: Series[];
};

export type LevelJudgement = {
  figures: Record<string, LevelFigures>;
  findings: Finding[];
  /** Metrics of nodes that have no two clean peers. */
  unjudged: string[];
};

/**
 * When Tier 2 looks, in blocks after warm-up, and the part of its α for each look: a first one that only what is
 * critical can fail, the one that decides, and one after an extension. Looks are fixed in blocks, so that it does
 * not matter how often the gate is asked in between.
 */
const LOOKS = [
  { share: 0.5, alpha: 0.2, criticalOnly: true },
  { share: 1, alpha: 0.5, criticalOnly: false },
  { share: 2, alpha: 0.3, criticalOnly: false },
] as const;

/** Of a 98 % interval. */
const INTERVAL_TAIL = 0.01;

/** Tier 2 for all levels of one wave, at family-wise significance `alpha` (Holm). */
export function judgeLevels(input: GateInput, controls: Controls, alpha: number): LevelJudgement {
  const metrics = input.metrics.filter((metric) => metric.kind === 'level');
  const least = input.profile.minimumBlocks;
  const unjudged: string[] = [];
  if (least === 0 || metrics.length === 0) return { figures: {}, findings: [], unjudged };
  const tests = metrics.flatMap((metric) => {
    const found = testsOf(input, metric, controls);
    if (found.length === 0) unjudged.push(metric.name);
    return found;
  });
  const after = wholeBlocks(warmSamples(input), warmAtMs(input), input.profile.blockSeconds * 1000);
  let judged: LevelJudgement = { figures: {}, findings: [], unjudged };
  for (const look of LOOKS) {
    const blocks = Math.round(look.share * least);
    if (after < blocks) break;
    const { figures, findings } = judgeLook(input, tests, blocks, { ...look, alpha: alpha * look.alpha });
    judged = { figures, findings, unjudged };
    if (findings.some(({ kind }) => kind === 'fail')) return judged;
  }
  if (after >= least || tests.length === 0) return judged;
  const reason = `levels need ${least} blocks of ${input.profile.blockSeconds} s; there are ${after}`;
  return { ...judged, findings: [{ kind: 'no-data', reason }] };
}

function judgeLook(
  { profile }: GateInput,
  tests: readonly Test[],
  blocks: number,
  { alpha, criticalOnly }: { alpha: number; criticalOnly: boolean },
) {
  const figures: Record<string, LevelFigures> = {};
  const findings: Finding[] = [];
  const changes = tests.map((test) => ({
    test,
    change: changeOf(
      cut(test.wave, blocks),
      test.peers.map((peer) => cut(peer, blocks)),
      profile.minimumBlocks / 2,
    ),
  }));
  const judged = changes.flatMap(({ test, change }) => (change ? [{ test, change, p: tailOf(change) }] : []));
  for (const { test, change } of changes) {
    if (!change && test.needsData && !criticalOnly) {
      findings.push({ kind: 'no-data', reason: `${test.name}: not read in enough blocks before and after` });
    }
  }
  let stillHolm = true;
  for (const [index, { test, change, p }] of judged.toSorted((a, b) => a.p - b.p).entries()) {
    const needed = alpha / (judged.length - index);
    stillHolm &&= p <= needed;
    const described = describe(test, change, { p, needed, blocks });
    figures[test.name] = described;
    const limit = criticalOnly ? Math.max(profile.criticalRatio, test.limit) : test.limit;
    if (stillHolm && described.ratio >= limit) findings.push(fail(test, described, profile.criticalRatio));
    else if (!criticalOnly && test.needsData && described.atMost >= profile.criticalRatio) {
      const reason = `${test.name}: too noisy to say that it is not ${profile.criticalRatio} times as bad (it may be ${described.atMost.toFixed(2)})`;
      findings.push({ kind: 'no-data', reason });
    }
  }
  return { figures, findings };
}

const tailOf = ({ effect, error, freedom }: Change) => studentTail(effect / error, freedom);

function describe(
  { against, sign }: Test,
  change: Change,
  { p, needed, blocks }: { p: number; needed: number; blocks: number },
): LevelFigures {
  const reach = change.error * studentQuantile(needed, change.freedom);
  return {
    against,
    before: round(Math.exp(sign * change.before)),
    after: round(Math.exp(sign * change.after)),
    ratio: round(Math.exp(change.effect)),
    atLeast: round(Math.exp(change.effect - reach)),
    p: round(p),
    needed: round(needed),
    blocks,
    atMost: round(
      Math.min(1e6, Math.exp(change.effect + change.error * studentQuantile(INTERVAL_TAIL, change.freedom))),
    ),
  };
}

function fail({ name, against, limit }: Test, figures: LevelFigures, criticalRatio: number): Finding {
  const compared = against === 'peers' ? 'its own window before and clean peers' : 'the window before';
  const reason = `${name}: ${figures.ratio.toFixed(2)} times as bad as ${compared} (at least ${figures.atLeast.toFixed(2)}; ${limit} fails), over ${figures.blocks} blocks`;
  return { kind: 'fail', severity: figures.ratio >= criticalRatio ? 'critical' : 'fail', reason };
}

function testsOf(input: GateInput, metric: LevelMetric, controls: Controls): Test[] {
  const { profile, wave } = input;
  const read = (source: string) => seriesOf(input, source, metric);
  const byPeers = metric.scope === 'node';
  const peers = byPeers ? controls.clean.map(read).filter(({ level }) => hasData(level)) : [];
  if (byPeers && peers.length < profile.minimumPeers) return [];
  const own = byPeers ? wave.targets : sourcesOf(metric.scope as 'cluster' | 'clients', allNodes(input));
  const sources = own.map(read);
  const against = byPeers ? ('peers' as const) : ('own window' as const);
  const limit = byPeers ? profile.failRatio : profile.ownWindowRatio;
  const level = {
    name: metric.name,
    against,
    limit,
    needsData: true,
    sign: metric.worse === 'higher' ? (1 as const) : (-1 as const),
    wave: meanOf(sources.map(({ level }) => level)),
    peers: peers.map(({ level }) => level),
  };
  if (!metric.spread || !byPeers) return [level];
  const spread = {
    ...level,
    name: `${metric.name} spread`,
    limit: profile.spreadRatio,
    needsData: false,
    sign: 1 as const,
    wave: meanOf(sources.map(({ spread }) => spread)),
    peers: peers.map(({ spread }) => spread),
  };
  return [level, spread];
}

function seriesOf(input: GateInput, source: string, metric: LevelMetric): { level: Series; spread: Series } {
  const blockMs = input.profile.blockSeconds * 1000;
  const warm = warmSamples(input);
  const fromMs = input.before[0]?.atMs ?? 0;
  const window = (samples: typeof warm, fromMs: number) =>
    blocksOf(samples, source, metric, { fromMs, blockMs, blocks: wholeBlocks(samples, fromMs, blockMs) });
  const before = window(input.before, fromMs);
  const after = window(warm, warmAtMs(input));
  return {
    level: { before: before.mean, after: after.mean },
    spread: { before: before.spread, after: after.spread },
  };
}

const hasData = ({ before, after }: Series) => [before, after].every((blocks) => blocks.some((x) => !Number.isNaN(x)));

const cut = ({ before, after }: Series, blocks: number): Series => ({ before, after: after.slice(0, blocks) });

/** Block by block over several sources; a source that was not read in a block is left out of it. */
function meanOf(series: readonly Series[]): Series {
  const one = (pick: (series: Series) => number[]) => {
    const length = Math.max(0, ...series.map((each) => pick(each).length));
    return Array.from({ length }, (_, block) => {
      const read = series.map((each) => pick(each)[block] ?? Number.NaN).filter((value) => !Number.isNaN(value));
      return read.length === 0 ? Number.NaN : read.reduce((a, b) => a + b, 0) / read.length;
    });
  };
  return { before: one(({ before }) => before), after: one(({ after }) => after) };
}
