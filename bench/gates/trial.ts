import { COMPRESSED_PROFILE, FULL_PROFILE } from '../../decisions/gate/profile.ts';
import type { GateInput, GateJudgement, GateProfile, GateSample } from '../../decisions/gate/types.ts';
import { judgeGate } from '../../decisions/gate-verdict.ts';
import { kayentaFails, type Pair, thresholdFails } from './kayenta.ts';
import type { Random } from './random.ts';
import { type Fault, METRICS, type Nature, worldOf } from './world.ts';

/** A release: its waves are its nodes. */
export type Setup = { profile: GateProfile; waves: string[][]; lookSeconds: number };

/** Six brokers: one node, two, the rest; two hours before and after each, a look every hundred seconds. */
export const FULL: Setup = {
  profile: FULL_PROFILE,
  waves: [['b1'], ['b2', 'b3'], ['b4', 'b5', 'b6']],
  lookSeconds: 100,
};
/** All six at once: no peer is left to compare with, as after the last wave. */
export const NO_PEERS: Setup = { ...FULL, waves: [FULL.waves.flat()] };
/** Three nodes, one after the other; half a minute before and after each. */
export const COMPRESSED: Setup = { profile: COMPRESSED_PROFILE, waves: [['n1'], ['n2'], ['n3']], lookSeconds: 2 };

export type Told = 'pass' | 'fail' | 'no verdict';
export type Trial = { gate: Told; kayenta: Told; threshold: Told; gates: GateJudgement[] };

/** Kayenta's guidance: an hour's lifetime or more, fifty points or more. */
const POINTS = 60;

/**
 * One release of a candidate with this fault through a cluster of this nature: wave after wave, each with its own
 * window before, all three rules over the same looks. A rule that failed one wave has failed the release.
 */
export function releaseTrial(
  random: Random,
  nature: Nature,
  fault: Fault,
  { profile, waves, lookSeconds }: Setup,
  only = waves.length,
): Trial {
  const nodes = waves.flat();
  const world = worldOf(random, nature, nodes, lookSeconds);
  const carriers = new Set<string>();
  const gates: GateJudgement[] = [];
  const others = { kayenta: 'pass' as Told, threshold: 'pass' as Told };
  for (const [index, targets] of waves.slice(0, only).entries()) {
    const input = waveOf(world, { index, targets, carriers, fault, profile, lookSeconds });
    let verdict = judgeGate(input);
    // Extended once, then it is final.
    if (verdict.kind === 'watching') verdict = judgeGate(extend(world, input, { carriers, fault }));
    gates.push(verdict);
    const pairs = pairsOf(
      input,
      nodes.filter((name) => !carriers.has(name)),
    );
    if (pairs.length > 0) {
      if (kayentaFails(pairs)) others.kayenta = 'fail';
      if (thresholdFails(pairs)) others.threshold = 'fail';
    }
    if (verdict.kind === 'fail' && others.kayenta === 'fail' && others.threshold === 'fail') break;
  }
  return { gate: told(gates), ...others, gates };
}

function told(gates: readonly GateJudgement[]): Told {
  if (gates.some(({ kind }) => kind === 'fail')) return 'fail';
  return gates.every(({ kind }) => kind === 'pass') ? 'pass' : 'no verdict';
}

/** As long again, and a moment more than a gate waits. */
function extend(
  world: ReturnType<typeof worldOf>,
  input: GateInput,
  { carriers, fault }: { carriers: Set<string>; fault: Fault },
): GateInput {
  const after = [...input.after];
  const extraMs = bakeMs(input.profile) + 3 * input.profile.gapSeconds * 1000;
  while (world.nowMs() <= input.nowMs + extraMs) after.push(world.look(carriers, fault));
  return { ...input, after, nowMs: world.nowMs() };
}

const bakeMs = (profile: GateProfile) =>
  1000 * Math.max(profile.bakeSeconds, profile.minimumBlocks * profile.blockSeconds);

type WaveOrder = {
  lookSeconds: number;
  index: number;
  targets: string[];
  carriers: Set<string>;
  fault: Fault;
  profile: GateProfile;
};

function waveOf(
  world: ReturnType<typeof worldOf>,
  { index, targets, carriers, fault, profile, lookSeconds }: WaveOrder,
): GateInput {
  const touched = [...carriers];
  const looks = Math.ceil(bakeMs(profile) / 1000 / lookSeconds) + 1;
  const before: GateSample[] = [];
  for (let look = 0; look < looks; look += 1) before.push(world.look(carriers, fault));
  const settledAtMs = world.nowMs();
  for (const target of targets) carriers.add(target);
  const after: GateSample[] = [];
  for (let look = 0; look < looks + profile.warmUpSeconds / lookSeconds; look += 1)
    after.push(world.look(carriers, fault));
  const wave = { index, targets, settledAtMs };
  return { profile, metrics: METRICS, wave, touched, before, after, nowMs: world.nowMs() };
}

const RATES = [
  ['errors', 'produceErrors', 'produceRequests'],
  ['errors', 'fetchErrors', 'fetchRequests'],
] as const;
const LEVELS = [
  ['latency', 'localTimeMs', 1],
  ['saturation', 'heapMib', 1],
  // Kayenta's Decrease and ours: less is worse, so that the reciprocal is compared.
  ['saturation', 'handlerIdle', -1],
] as const;

/** The last sixty looks, one by one: the mean of the wave's nodes beside the mean of the nodes without the candidate. */
function pairsOf({ after, wave }: GateInput, peers: readonly string[]): Pair[] {
  if (peers.length === 0) return [];
  const window = after.slice(-POINTS - 1);
  const rate = (nodes: readonly string[], errors: string, work: string) =>
    window.slice(1).flatMap((sample, index) => {
      const grown = (figure: string) =>
        nodes.map(
          (node) => (sample.nodes[node]?.[figure] ?? Number.NaN) - (window[index]?.nodes[node]?.[figure] ?? Number.NaN),
        );
      const shares = grown(errors).map((value, node) => value / (grown(work)[node] ?? Number.NaN));
      return known(shares);
    });
  const level = (nodes: readonly string[], figure: string, power: number) =>
    window
      .slice(1)
      .flatMap((sample) => known(nodes.map((node) => (sample.nodes[node]?.[figure] ?? Number.NaN) ** power)));
  return [
    ...RATES.map(([group, errors, work]) => ({
      group,
      experiment: rate(wave.targets, errors, work),
      control: rate(peers, errors, work),
    })),
    ...LEVELS.map(([group, figure, power]) => ({
      group,
      experiment: level(wave.targets, figure, power),
      control: level(peers, figure, power),
    })),
  ];
}

/** The mean of those nodes that were read, or nothing. */
function known(values: readonly number[]): number[] {
  const read = values.filter((value) => !Number.isNaN(value));
  return read.length === 0 ? [] : [read.reduce((a, b) => a + b, 0) / read.length];
}
