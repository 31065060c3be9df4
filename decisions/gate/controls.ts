import type { GateInput, GateSample } from './types.ts';

/** In so many of the looks of each window a control has to have been read. */
const READ_SHARE = 0.9;

export type Controls = { clean: string[]; not: Record<string, string> };

/**
 * Which peers may stand for what would have happened without the candidate: never a node of this wave or one that
 * carries it already, none that was restarted while we looked, none that was not read throughout.
 */
export function cleanPeers(input: GateInput): Controls {
  const { wave, touched, before, after, metrics } = input;
  const names = new Set([...before, ...after].flatMap(({ nodes }) => Object.keys(nodes)));
  const work = metrics.flatMap((metric) =>
    metric.kind === 'count' && metric.scope !== 'clients' ? [metric.work] : [],
  );
  const clean: string[] = [];
  const not: Record<string, string> = {};
  for (const name of [...names].sort()) {
    if (wave.targets.includes(name)) continue;
    const why = touched.includes(name)
      ? 'carries the candidate, or was touched'
      : restarted([...before, ...after], name, work)
        ? 'was restarted while it was looked at'
        : Math.min(readShare(before, name), readShare(after, name)) < READ_SHARE
          ? 'could not be read throughout'
          : undefined;
    if (why) not[name] = why;
    else clean.push(name);
  }
  return { clean, not };
}

function readShare(samples: readonly GateSample[], name: string): number {
  return samples.length === 0 ? 0 : samples.filter(({ nodes }) => nodes[name]).length / samples.length;
}

/** A counter of work never goes down but by a restart. */
function restarted(samples: readonly GateSample[], name: string, counters: readonly string[]): boolean {
  return counters.some((counter) => {
    let last = Number.NEGATIVE_INFINITY;
    for (const { nodes } of samples) {
      const value = nodes[name]?.[counter];
      if (value === undefined) continue;
      if (value < last) return true;
      last = value;
    }
    return false;
  });
}
