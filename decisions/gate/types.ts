/**
 * What was read of one node, or of the clients, at one moment, by figure: counters as they stand (they only grow,
 * until a restart), levels as they are. What is not there was not read.
 */
export type Figures = Record<string, number>;

/** One look at an environment. Plain data: a gate can be computed again from the stored looks. */
export type GateSample = {
  atMs: number;
  /** What could not be read. A look that is not whole is not bake. */
  unread: string[];
  /** Nodes of which nothing counts, since somebody waived them as dead. Absent where there are none. */
  leftOut?: string[];
  /** Tier 0, by invariant: the names of what breaks it. Empty or absent: it holds. */
  invariants: Record<string, string[]>;
  nodes: Record<string, Figures>;
  /** The client probes; absent where the environment has none. */
  clients?: Figures;
};

/**
 * Where a figure comes from, which decides what it is compared with. `node`: the node's own work alone, compared
 * with itself before the roll and with clean peers. `cluster`: read on nodes, and moved by all of them (how
 * long an `acks=all` request waits for others): compared with its own window before. `clients`: likewise.
 */
export type Scope = 'node' | 'cluster' | 'clients';

/** Tier 1: how often something goes wrong in so much work. `errors` are summed; a missing one is zero beside `work`. */
export type CountMetric = { kind: 'count'; name: string; scope: Scope; errors: string[]; work: string };

/**
 * Tier 2: how high something stands. Below `floor` it is as good as the floor (1 ms against 2 ms is no regression).
 * `spread`: how much it varies inside a block is judged beside it.
 */
export type LevelMetric = {
  kind: 'level';
  name: string;
  scope: Scope;
  figure: string;
  worse: 'higher' | 'lower';
  floor: number;
  spread?: boolean;
};

/** Tier 0 as a counter: one more of it fails at once, in warm-up too (an unclean election). */
export type NeverMetric = { kind: 'never'; name: string; counter: string };

export type GateMetric = CountMetric | LevelMetric | NeverMetric;

/** Numbers of a gate (rollout-rules.md, last table); `decisions/gate/profile.ts` has the defaults. */
export type GateProfile = {
  name: string;
  warmUpSeconds: number;
  bakeSeconds: number;
  /** More than this between two looks was not observed. */
  gapSeconds: number;
  /** Of Tier 2. */
  blockSeconds: number;
  minimumBlocks: number;
  /** Spent over one release: every wave of every environment, every metric. */
  alpha: number;
  /** The part of a wave's α that Tier 1 has; Tier 2 has the rest. */
  countShare: number;
  /** Of levels, between nodes. */
  failRatio: number;
  /** Of error shares: proved, but less than so many times what is usual, is drift. */
  countRatio: number;
  criticalRatio: number;
  /** Where time itself is the only control, this ratio fails: a day has its own ups and downs. */
  ownWindowRatio: number;
  spreadRatio: number;
  /** Work that every counted metric has to have seen on the nodes of the wave, whatever went wrong in it. */
  minimumWork: number;
  /** The error share that must be seen if it is there: less work than shows it is inconclusive. */
  smallestErrorShare: number;
  /** So many errors of one look count, and ten times what is usual: one burst is one event, not a hundred. */
  burst: number;
  minimumPeers: number;
  /** How long an invariant may be broken; one that is not named here fails at once. */
  lastingSeconds: Record<string, number>;
  probes: ProbeRules;
};

/** The client probes' own rules: by how much, and for how long without a pause. */
export type ProbeRules = {
  errorShare: number;
  slowFactor: number;
  slowFloorMs: number;
  slowSeconds: number;
};

/** Which nodes a gate judges, and when each was settled again (K11). */
export type GateWave = {
  /** Position among all the waves of the release, over its environments, from 0: α is spent along it. */
  index: number;
  targets: string[];
  /** When the last of them had settled: warm-up begins. */
  settledAtMs: number;
};

export type GateInput = {
  profile: GateProfile;
  metrics: GateMetric[];
  wave: GateWave;
  /** Nodes that carry the candidate from earlier waves, or were touched otherwise: never a control. */
  touched: string[];
  /** From before the first node of the wave was touched. */
  before: GateSample[];
  /** No traffic of ours is there: work that was not there before the roll is not asked for after it. */
  othersTraffic?: true;
  /** From the start of the wave on; oldest first. */
  after: GateSample[];
  nowMs: number;
};

/** Every figure that a verdict rests on, by metric; plain numbers and words, for the report and for a replay. */
export type GateFigures = {
  profile: string;
  observedSeconds: number;
  bakeSeconds: number;
  looks: number;
  unreadLooks: number;
  extended: boolean;
  controls: string[];
  notControls: Record<string, string>;
  /** Metrics of nodes that no node of the wave has. */
  notOfTheWave: string[];
  /** Nodes that were waived as dead, and of which nothing counted. Absent where there were none. */
  leftOut?: string[];
  reducedEvidence: boolean;
  alpha: { release: number; wave: number; count: number; level: number };
  counts: Record<string, CountFigures>;
  levels: Record<string, LevelFigures>;
  probes?: ProbeFigures;
  /** Absent in verdicts from before the group was watched. */
  group?: GroupFigures;
};

export type CountFigures = {
  against: 'peers' | 'own window';
  errors: number;
  work: number;
  controlErrors: number;
  controlWork: number;
  /** As many times the control's share as an unchanged node may show. */
  nullRatio: number;
  dispersion: number;
  /** The most that the e-value has reached; fails at `threshold`. */
  evidence: number;
  threshold: number;
  /** Errors of both arms when it was reached. */
  eventsToFail?: number;
  failedAtMs?: number;
  ratio?: number;
  workNeeded: number;
  /** The window before had too little of others' work for so much, or nothing to compare with: it is not asked for. */
  quiet?: true;
};

export type LevelFigures = {
  against: 'peers' | 'own window';
  before: number;
  after: number;
  /** Above 1 is worse, whatever the direction of the metric. */
  ratio: number;
  /** Lower end of the one-sided interval at the metric's own level. */
  atLeast: number;
  p: number;
  /** What p has to be under (Holm, among the levels of this wave and look). */
  needed: number;
  blocks: number;
  /** Upper end of the 98 % interval: a pass needs it to be under the critical ratio. */
  atMost: number;
};

export type ProbeFigures = {
  acknowledged: number;
  failed: number;
  failedShareBefore: number;
  p50MsBefore?: number;
  worstP50Ms: number;
  limitMs: number;
  longestSlowSeconds: number;
  worstUnwritableMs: number;
};

/** Of the group that reads what the clients wrote. */
export type GroupFigures = { longestStuckSeconds: number; offsetsMovedBack: number };

/**
 * `watching`: not decided yet; go on looking. `inconclusive` is final (it was extended once already): freeze, never
 * promote. `severity` critical: far beyond the limit, or an invariant.
 */
export type GateJudgement =
  | { kind: 'watching'; reasons: string[]; figures: GateFigures }
  | { kind: 'pass'; reasons: string[]; figures: GateFigures }
  | { kind: 'fail'; severity: 'fail' | 'critical'; reasons: string[]; figures: GateFigures }
  | { kind: 'inconclusive'; reasons: string[]; figures: GateFigures };

/** What one test of a gate says, before they are put together. */
export type Finding =
  | { kind: 'fail'; severity: 'fail' | 'critical'; reason: string; atMs?: number }
  | { kind: 'no-data'; reason: string };
