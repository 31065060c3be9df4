import { judgeProbes } from './gate/probes.ts';
import type { Figures, GateInput, GateMetric, GateSample } from './gate/types.ts';
import { looksOf } from './gate/windows.ts';

/** A figure of one source over time, before the roll and after it; `wave`: of a node that was changed. */
export type Line = {
  source: string;
  role: 'wave' | 'peer' | 'carrier' | 'clients';
  points: [atMs: number, value: number][];
};

/** One gated figure as it is plotted. */
export type Panel = { title: string; unit: string; limit?: number; lines: Line[] };

/** What a gate judged, as series: of each metric by node, and of the clients. From the stored input alone. */
export function panelsOf(input: GateInput): Panel[] {
  return [...probePanels(input), ...input.metrics.flatMap((metric) => panelOf(input, metric))].filter(({ lines }) =>
    lines.some(({ points }) => points.length > 1),
  );
}

function probePanels(input: GateInput): Panel[] {
  const probes = judgeProbes(input);
  if (!probes) return [];
  const points = both(input).flatMap(({ atMs, clients }): [number, number][] =>
    clients?.p50Ms === undefined ? [] : [[atMs, clients.p50Ms]],
  );
  const lines: Line[] = [{ source: 'clients', role: 'clients', points }];
  return [{ title: 'client p50', unit: 'ms', limit: probes.figures.limitMs, lines }];
}

function panelOf(input: GateInput, metric: GateMetric): Panel[] {
  if (metric.kind === 'never') return [];
  const sources = metric.scope === 'clients' ? ['clients'] : nodesOf(input);
  const roleOf = (source: string): Line['role'] => {
    if (source === 'clients') return 'clients';
    if (input.wave.targets.includes(source)) return 'wave';
    return input.touched.includes(source) ? 'carrier' : 'peer';
  };
  const lines = sources.map(
    (source): Line => ({ source, role: roleOf(source), points: pointsOf(input, source, metric) }),
  );
  return [{ title: metric.name, unit: metric.kind === 'count' ? 'errors a look' : '', lines }];
}

function pointsOf(
  input: GateInput,
  source: string,
  metric: Exclude<GateMetric, { kind: 'never' }>,
): [number, number][] {
  if (metric.kind === 'level') {
    return both(input).flatMap((sample): [number, number][] => {
      const value = figuresOf(sample, source)?.[metric.figure];
      return value === undefined ? [] : [[sample.atMs, value]];
    });
  }
  return [input.before, input.after].flatMap((samples) =>
    looksOf(samples, [source], metric)
      .slice(1)
      .flatMap(({ atMs, errors, work }): [number, number][] => (work === 0 && errors === 0 ? [] : [[atMs, errors]])),
  );
}

const both = ({ before, after }: GateInput): GateSample[] => [...before, ...after];

const figuresOf = (sample: GateSample, source: string): Figures | undefined =>
  source === 'clients' ? sample.clients : sample.nodes[source];

const nodesOf = (input: GateInput) => [...new Set(both(input).flatMap(({ nodes }) => Object.keys(nodes)))].sort();
