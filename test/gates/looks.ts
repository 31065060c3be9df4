import { FULL_PROFILE } from '../../decisions/gate/profile.ts';
import type { Figures, GateInput, GateMetric, GateProfile, GateSample } from '../../decisions/gate/types.ts';

/** A gate small enough for a table: ten minutes of bake after one of warm-up, blocks of a minute, a look every ten seconds. */
export const PROFILE: GateProfile = {
  ...FULL_PROFILE,
  name: 'table',
  warmUpSeconds: 60,
  bakeSeconds: 600,
  gapSeconds: 25,
  blockSeconds: 60,
  minimumBlocks: 8,
  minimumWork: 1_000,
  smallestErrorShare: 0.02,
  lastingSeconds: { underReplicated: 30 },
  probes: { errorShare: 0.01, slowFactor: 5, slowFloorMs: 100, slowSeconds: 30 },
};

export const METRICS: GateMetric[] = [
  { kind: 'never', name: 'unclean elections', counter: 'unclean' },
  { kind: 'count', name: 'errors', scope: 'node', errors: ['errors', 'otherErrors'], work: 'requests' },
  { kind: 'count', name: 'client errors', scope: 'clients', errors: ['failed'], work: 'acknowledged' },
  { kind: 'level', name: 'local time', scope: 'node', figure: 'localMs', worse: 'higher', floor: 1 },
  { kind: 'level', name: 'idle', scope: 'node', figure: 'idle', worse: 'lower', floor: 0.01 },
  { kind: 'level', name: 'produce time', scope: 'cluster', figure: 'produceMs', worse: 'higher', floor: 1 },
];

const LOOK_SECONDS = 10;
const BEFORE_LOOKS = 62;
/** When the wave had settled, and when its warm-up was over. */
export const SETTLED_MS = BEFORE_LOOKS * LOOK_SECONDS * 1000;
export const WARM_MS = SETTLED_MS + PROFILE.warmUpSeconds * 1000;

/** What a row changes of one node in one look: counters by so much since the last look, levels as they are. */
export type Change = Partial<Record<'requests' | 'errors' | 'localMs' | 'idle' | 'produceMs' | 'unclean', number>>;

type ClientFigure = 'acknowledged' | 'failed' | 'p50Ms' | 'unwritableMs' | 'stuckPartitions' | 'offsetsMovedBack';

export type Story = {
  nodes?: string[];
  targets?: string[];
  touched?: string[];
  metrics?: GateMetric[];
  profile?: Partial<GateProfile>;
  /** Looks after the wave had settled; the default is as many as the bake takes. */
  looks?: number;
  /** Counters and levels of a node in a look; `second` counts from the end of warm-up, and is negative before it. */
  node?: (name: string, second: number) => Change;
  /** Clients in a look: `acknowledged` and `failed` since the last one. */
  clients?: (second: number) => Partial<Record<ClientFigure, number>>;
  /** Last changes to a finished look. */
  look?: (sample: GateSample, second: number) => GateSample;
};

/** A whole gate's input: three quiet nodes of which `n1` was changed, and what the story changes of it. */
export function inputOf(story: Story = {}): GateInput {
  const { nodes = ['n1', 'n2', 'n3'], targets = ['n1'], touched = [], metrics = METRICS, looks = 68 } = story;
  const samples: GateSample[] = [];
  const counters = new Map<string, Figures>(nodes.map((name) => [name, { requests: 0, errors: 0, unclean: 0 }]));
  const clients: Figures = { acknowledged: 0, failed: 0 };
  for (let look = 1; look <= BEFORE_LOOKS + looks; look += 1) {
    const atMs = look * LOOK_SECONDS * 1000;
    const second = (atMs - WARM_MS) / 1000;
    const seen: GateSample = { atMs, unread: [], invariants: {}, nodes: {} };
    for (const [name, counted] of counters) {
      const { requests = 100, errors = 0, unclean = 0, ...levels } = story.node?.(name, second) ?? {};
      add(counted, { requests, errors, unclean });
      // A little of everything, and the same in every run: what never varies has no error to judge by.
      const wobble = 1 + 0.02 * Math.sin(look * 2.3 + name.charCodeAt(1));
      seen.nodes[name] = { ...counted, localMs: 4 * wobble, idle: 0.6 * wobble, produceMs: 10 * wobble, ...levels };
    }
    const { acknowledged = 200, failed = 0, offsetsMovedBack = 0, ...levels } = story.clients?.(second) ?? {};
    add(clients, { acknowledged, failed, offsetsMovedBack });
    seen.clients = { ...clients, p50Ms: 3, unwritableMs: 10, stuckPartitions: 0, ...levels };
    samples.push(story.look?.(seen, second) ?? seen);
  }
  const before = samples.filter(({ atMs }) => atMs <= SETTLED_MS);
  const after = samples.filter(({ atMs }) => atMs > SETTLED_MS);
  const wave = { index: 0, targets, settledAtMs: SETTLED_MS };
  const nowMs = samples.at(-1)?.atMs ?? 0;
  return { profile: { ...PROFILE, ...story.profile }, metrics, wave, touched, before, after, nowMs };
}

function add(counted: Figures, more: Figures): void {
  for (const [name, value] of Object.entries(more)) counted[name] = (counted[name] ?? 0) + value;
}
