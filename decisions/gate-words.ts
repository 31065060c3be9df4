import type { GateFigures, GateProfile } from './gate/types.ts';

const ms = (value: number) => `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ms`;
const few = (value: number) => Number(value.toPrecision(3));

/** How long a wave is watched, for the plan that is shown before it starts. */
export function profileWords({ name, warmUpSeconds, bakeSeconds, alpha }: GateProfile): string {
  return `${name}: ${seconds(warmUpSeconds)} warm-up, ${seconds(bakeSeconds)} bake, α ${alpha} a release`;
}

function seconds(value: number): string {
  if (value >= 7200) return `${few(value / 3600)} h`;
  return value >= 120 ? `${few(value / 60)} min` : `${few(value)} s`;
}

/** For the thread and the report: what nobody looked at, on whose word. */
export const leftOutWords = (nodes: readonly string[]) =>
  `${nodes.join(', ')} left out: waived as dead (rollout.waivers)`;

/** One gated figure: how near it came to its limit (1 and more fails), and what it was, in words. */
export type Nearness = { name: string; near: number; words: string };

/** Every gated figure of a verdict, the one nearest to its limit first. */
export function nearestFirst({ counts, levels, probes }: GateFigures): Nearness[] {
  const found: Nearness[] = [];
  for (const [name, figures] of Object.entries(counts)) {
    const { errors, work, controlErrors, controlWork, evidence, threshold, against } = figures;
    const near = Math.max(0, Math.log(Math.max(evidence, 1)) / Math.log(Math.max(threshold, Math.E)));
    const compared = `${few(controlErrors)} in ${Math.round(controlWork)} ${against === 'peers' ? 'on peers' : 'before'}`;
    found.push({
      name,
      near,
      words: `${name} ${errors} in ${Math.round(work)} (${compared}; evidence ${few(evidence)} of ${few(threshold)})`,
    });
  }
  for (const [name, { ratio, before, after, p, needed }] of Object.entries(levels)) {
    const near = ratio <= 1 ? 0 : Math.min(1.5, Math.log(Math.max(p, 1e-12)) / Math.log(Math.min(needed, 0.5)));
    found.push({ name, near, words: `${name} ${few(before)} → ${few(after)} (${few(ratio)} times as bad)` });
  }
  if (probes && probes.limitMs > 0) {
    const { worstP50Ms, limitMs, p50MsBefore = 0, failed, acknowledged } = probes;
    const near = worstP50Ms / limitMs;
    const words = `client p50 at worst ${ms(worstP50Ms)} (${ms(p50MsBefore)} before, ${ms(limitMs)} allowed)`;
    found.push({ name: 'client p50', near, words: `${words}, ${failed} of ${acknowledged + failed} requests failed` });
  }
  return found.sort((a, b) => b.near - a.near);
}

/** A gate in one sentence: verdict, how long was watched, and the figure that came nearest to its limit. */
export function gateWords(
  where: string,
  { kind, reasons, figures }: { kind: string; reasons: readonly string[]; figures: GateFigures },
): string {
  const said = kind === 'pass' ? 'passed' : kind === 'fail' ? 'FAILED' : 'is inconclusive';
  const [nearest] = nearestFirst(figures);
  const watched = `${figures.observedSeconds} s observed after warm-up`;
  const worst = nearest ? `; nearest to its limit: ${nearest.words}` : '';
  const why = reasons.length > 0 ? `: ${reasons.slice(0, 3).join('; ')}` : '';
  const leftOut = figures.leftOut ? `; ${leftOutWords(figures.leftOut)}` : '';
  return `${where}: gate ${said} (${watched}${worst}${leftOut})${why}`;
}
