import { randomFrom, shuffled } from '../lib/random.ts';

/** What is killed. `supervisor` is started again as a person would; a `broker` is brought back by `env up`. */
export type TargetKind =
  | 'worker workflow'
  | 'worker activity'
  | 'worker suite'
  | 'Temporal'
  | 'PostgreSQL'
  | 'supervisor'
  | 'broker'
  | SuiteTarget
  | AgentTarget
  | TicketTarget;

/** What only chaos in a suite kills: the suite worker of a second host, and a test runner of either. */
export type SuiteTarget = 'second worker suite' | 'runner';

/** What only chaos in repairs kills: the worker that runs agents' commands. */
export type AgentTarget = 'worker agent';

/** What only chaos under tickets kills: the worker that listens to Slack. */
export type TicketTarget = 'worker inbound';

/** `afterMs` after the kill before it; `pick` in [0, 1) chooses among several (which broker). */
export type PlannedKill = { target: TargetKind; afterMs: number; pick: number };

export type PlanOptions = { kills: number; meanGapMs: number; brokers: boolean };

export type Weights = Partial<Record<TargetKind, number>>;

const RELEASE_WEIGHTS: Weights = {
  'worker workflow': 4,
  'worker activity': 6,
  'worker suite': 4,
  Temporal: 4,
  PostgreSQL: 4,
  supervisor: 2,
  broker: 3,
};

/** In a roll-out the activities do the work; brokers are left alone, so that whoever is down is down by us. */
const ROLLOUT_WEIGHTS: Weights = {
  'worker workflow': 4,
  'worker activity': 8,
  Temporal: 3,
  PostgreSQL: 3,
  supervisor: 1,
};

export const planRolloutKills = (seed: number, options: { kills: number; meanGapMs: number }): PlannedKill[] =>
  planByWeight(seed, ROLLOUT_WEIGHTS, options);

/** The kills of a release by its seed. */
export function planKills(seed: number, { kills, meanGapMs, brokers }: PlanOptions): PlannedKill[] {
  const { broker = 0, ...others } = RELEASE_WEIGHTS;
  return planByWeight(seed, brokers ? { ...others, broker } : others, { kills, meanGapMs });
}

/**
 * The kills of a seed: the same seed, the same targets after the same pauses. Each kind comes once before any
 * comes twice where there are kills enough; after that by weight.
 */
export function planByWeight(
  seed: number,
  weights: Weights,
  { kills, meanGapMs }: { kills: number; meanGapMs: number },
): PlannedKill[] {
  const random = randomFrom(seed);
  const kinds = Object.keys(weights) as TargetKind[];
  const first = shuffled(kinds, random);
  return Array.from({ length: kills }, (_, index) => ({
    target: first[index] ?? weighted(kinds, weights, random),
    // Exponential: many soon after one another, in the middle of a recovery, some alone. Bounded, to end in time.
    afterMs: Math.round(Math.min(-Math.log(1 - random()) * meanGapMs, 4 * meanGapMs)),
    pick: random(),
  }));
}

function weighted(kinds: readonly TargetKind[], weights: Weights, random: () => number): TargetKind {
  const weightOf = (kind: TargetKind) => weights[kind] ?? 0;
  let at = random() * kinds.reduce((sum, kind) => sum + weightOf(kind), 0);
  for (const kind of kinds) {
    at -= weightOf(kind);
    if (at < 0) return kind;
  }
  return kinds[0] as TargetKind;
}
