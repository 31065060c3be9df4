import type { Figures, GateMetric, GateSample } from '../../decisions/gate/types.ts';
import type { Random } from './random.ts';

/** What a simulated cluster is like, before any candidate. Shares and deviations are of logarithms where they vary. */
export type Nature = {
  errorShare: number;
  /** Standard deviation of a level from minute to minute. */
  noise: number;
  /** How much of a minute's deviation the next one keeps. */
  autocorrelation: number;
  /** How much nodes differ for ever: in levels, and in errors. */
  levelOffset: number;
  errorOffset: number;
  /** Amplitude of the common swing of a day, in load, levels and errors. */
  swing: number;
  /** How each node drifts by itself, an hour. */
  ownDrift: number;
  /** Deviation of a minute's error rate (bursts), autocorrelated likewise. */
  errorNoise: number;
};

/** What the candidate does to the nodes that carry it. */
export type Fault = {
  errors?: number;
  /** Errors beside what was there, as a share: a zero that is multiplied stays zero. */
  errorShareMore?: number;
  level?: number;
  noise?: number;
  /** `figures`: the node's figures are gone. `errors-and-work`: one metric's are. `looks`: nothing is read for most of the time. */
  missing?: 'figures' | 'errors-and-work' | 'looks';
};

export const QUIET: Nature = {
  errorShare: 5e-5,
  noise: 0.15,
  autocorrelation: 0,
  levelOffset: 0,
  errorOffset: 0,
  swing: 0,
  ownDrift: 0,
  errorNoise: 0,
};

/** What a gate over brokers would be configured with: three counts, four levels. */
export const METRICS: GateMetric[] = [
  { kind: 'count', name: 'produce errors', scope: 'node', errors: ['produceErrors'], work: 'produceRequests' },
  { kind: 'count', name: 'fetch errors', scope: 'node', errors: ['fetchErrors'], work: 'fetchRequests' },
  { kind: 'count', name: 'client errors', scope: 'clients', errors: ['failed'], work: 'acknowledged' },
  {
    kind: 'level',
    name: 'local time',
    scope: 'node',
    figure: 'localTimeMs',
    worse: 'higher',
    floor: 0.5,
    spread: true,
  },
  { kind: 'level', name: 'heap', scope: 'node', figure: 'heapMib', worse: 'higher', floor: 16 },
  { kind: 'level', name: 'handler idle', scope: 'node', figure: 'handlerIdle', worse: 'lower', floor: 0.01 },
  { kind: 'level', name: 'produce time', scope: 'cluster', figure: 'produceTimeMs', worse: 'higher', floor: 1 },
];

const LEVELS = [
  ['localTimeMs', 4],
  ['heapMib', 900],
  ['handlerIdle', 0.6],
  ['produceTimeMs', 12],
] as const;
/** A second. */
const REQUESTS = 200;
const CLIENT_REQUESTS = 240;

/**
 * A cluster, looked at every `lookSeconds`. `look` gives the next one; the state (offsets, drift, what a look keeps of
 * the last) lives as long as the world.
 */
export function worldOf(random: Random, nature: Nature, names: readonly string[], lookSeconds: number) {
  const nodes = names.map((name) => nodeOf(random, nature, name, lookSeconds));
  const clients: Figures = { acknowledged: 0, failed: 0 };
  const phase = random.uniform() * 2 * Math.PI;
  let looks = 0;
  return {
    nowMs: () => looks * lookSeconds * 1000,
    look(carriers: ReadonlySet<string>, fault: Fault): GateSample {
      looks += 1;
      const hours = (looks * lookSeconds) / 3600;
      const common = nature.swing * Math.sin(phase + (hours / 12) * Math.PI);
      for (const node of nodes) node.step(common, hours, carriers.has(node.name) ? fault : {});
      const share = carriers.size / nodes.length;
      const acknowledged = Math.round(CLIENT_REQUESTS * lookSeconds * Math.exp(common));
      clients.acknowledged = (clients.acknowledged ?? 0) + acknowledged;
      const more = 1 + share * ((fault.errors ?? 1) - 1);
      const errorShare = nature.errorShare * more * Math.exp(common) + share * (fault.errorShareMore ?? 0);
      clients.failed = (clients.failed ?? 0) + random.poisson(acknowledged * errorShare);
      const p50Ms = 3 * Math.exp(common + 0.1 * random.normal());
      return seen(
        nodes,
        { ...clients, p50Ms, unwritableMs: 50 },
        { atMs: looks * lookSeconds * 1000, carriers, fault, random },
      );
    },
  };
}

function seen(
  nodes: readonly { name: string; figures: Figures }[],
  clients: Figures,
  { atMs, carriers, fault, random }: { atMs: number; carriers: ReadonlySet<string>; fault: Fault; random: Random },
): GateSample {
  const sample: GateSample = { atMs, unread: [], invariants: {}, nodes: {}, clients };
  const blind = fault.missing === 'looks' && carriers.size > 0 && random.uniform() < 0.7;
  for (const { name, figures } of nodes) {
    const carrier = carriers.has(name);
    if (blind || (carrier && fault.missing === 'figures')) {
      sample.unread.push(name);
    } else if (carrier && fault.missing === 'errors-and-work') {
      const { produceErrors: _, produceRequests: __, ...rest } = figures;
      sample.nodes[name] = rest;
    } else sample.nodes[name] = { ...figures };
  }
  return sample;
}

function nodeOf(random: Random, nature: Nature, name: string, lookSeconds: number) {
  const figures: Figures = { produceRequests: 0, fetchRequests: 0, produceErrors: 0, fetchErrors: 0 };
  const keep = nature.autocorrelation ** (lookSeconds / 60);
  const fresh = Math.sqrt(1 - keep * keep);
  const errorOffset = nature.errorOffset * random.normal();
  const levels = LEVELS.map(([figure, base]) => ({
    figure,
    base: Math.log(base) + nature.levelOffset * random.normal(),
    drift: nature.ownDrift * random.normal(),
    deviation: random.normal(),
  }));
  let errorDeviation = random.normal();
  return {
    name,
    figures,
    step(common: number, hours: number, fault: Fault): void {
      errorDeviation = keep * errorDeviation + fresh * random.normal();
      const swing = Math.exp(common);
      const requests = Math.round(REQUESTS * lookSeconds * swing);
      const burst = nature.errorNoise * errorDeviation - nature.errorNoise ** 2 / 2;
      const usual = nature.errorShare * swing * Math.exp(errorOffset + burst);
      const share = usual * (fault.errors ?? 1) + (fault.errorShareMore ?? 0);
      for (const kind of ['produce', 'fetch'] as const) {
        figures[`${kind}Requests`] = (figures[`${kind}Requests`] ?? 0) + requests;
        const hurt = kind === 'produce' ? share : usual;
        figures[`${kind}Errors`] = (figures[`${kind}Errors`] ?? 0) + random.poisson(requests * hurt);
      }
      for (const level of levels) {
        level.deviation = keep * level.deviation + fresh * random.normal();
        const hurt = level.figure === 'localTimeMs';
        const noise = nature.noise * (hurt ? (fault.noise ?? 1) : 1);
        const more = hurt ? Math.log(fault.level ?? 1) : 0;
        figures[level.figure] = Math.exp(level.base + common + more + level.drift * hours + noise * level.deviation);
      }
    },
  };
}
