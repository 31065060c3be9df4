/**
 * `npm run bench -- suite [--seeds N] [--sigma S] [--no-real]`
 *
 *   1. Simulated: the product's own plan on the real durations of every method of kafka-clients, at 2 to 64 slots,
 *      with estimates that are off, beside static LPT and round-robin in the same trials.
 *   2. Real (`--real`, and where the example's libraries are here): all of kafka-clients on two slots.
 */
import { parseArgs } from 'node:util';
import { progressOnStderr } from '../setup/progress.ts';
import type { Measured } from './run.ts';
import { type Class, classesOf, readDurations } from './suite/durations.ts';
import { type Makespans, simulate } from './suite/simulate.ts';

/** Issue 5, *Proof*. */
const GOALS = { planOverBound: 1.03, realOverBound: 1.06 };
const SLOTS = [2, 4, 8, 16, 64];
/** A batch that is claimed, handed to a runner and recorded; what a real run on this machine showed. */
const HAND_OVER_SECONDS = 0.1;

export async function bench(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: { seeds: { type: 'string', default: '200' }, sigma: { type: 'string', default: '0.4' } },
  });
  const progress = progressOnStderr();
  const durations = readDurations();
  const classes = classesOf(durations);
  const simulated: Record<string, unknown> = {};
  let worst = 0;
  for (const slots of SLOTS) {
    const trial = { classes, slots, jvmStartSeconds: durations.jvmStartSeconds, sigma: Number(values.sigma) };
    const figures = trials(trial, Number(values.seeds));
    simulated[slots] = figures;
    worst = Math.max(worst, figures.plan);
    progress('simulated', `${slots} slots: ${JSON.stringify(figures)}`);
  }
  const total = round(
    classes.reduce((sum, { seconds }) => sum + seconds, 0),
    1,
  );
  const methods = classes.reduce((sum, one) => sum + one.methods.length, 0);
  return {
    figures: { classes: classes.length, methods, totalSeconds: total, seeds: Number(values.seeds), simulated },
    goals: GOALS,
    met: worst <= GOALS.planOverBound,
  };
}

type Order = { classes: readonly Class[]; slots: number; jvmStartSeconds: number; sigma: number };

/** Means over the seeds of makespan ÷ bound. */
function trials(order: Order, seeds: number) {
  const runs: Makespans[] = [];
  let handedOver = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    runs.push(simulate({ ...order, seed, handOverSeconds: 0 }));
    const slower = simulate({ ...order, seed, handOverSeconds: HAND_OVER_SECONDS });
    handedOver += slower.plan / slower.bound / seeds;
  }
  const mean = (of: (run: Makespans) => number) => round(runs.reduce((sum, run) => sum + of(run), 0) / runs.length, 3);
  return {
    boundSeconds: round(runs[0]?.bound ?? 0, 1),
    units: Math.round(mean(({ units }) => units)),
    plan: mean(({ plan, bound }) => plan / bound),
    planWorst: round(Math.max(...runs.map(({ plan, bound }) => plan / bound)), 3),
    planWithHandOvers: round(handedOver, 3),
    staticLpt: mean(({ staticLpt, bound }) => staticLpt / bound),
    roundRobin: mean(({ roundRobin, bound }) => roundRobin / bound),
  };
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
