/**
 * `npm run bench -- gates [--runs N] [--only REGEXP] [--seed N]`
 *
 * The gate of `decisions/gate-verdict.ts` over simulated releases, beside Kayenta's rule and a plain threshold over the
 * same looks (bench/gates/). Six brokers in three waves, each with two hours before and after it; where something is
 * wrong, the first wave alone. No server, no cluster; one core.
 */
import { parseArgs } from 'node:util';
import { type Measurement, measure } from './gates/measure.ts';
import { SCENARIOS } from './gates/scenarios.ts';
import { COMPRESSED, FULL, NO_PEERS } from './gates/trial.ts';
import type { Measured } from './run.ts';

/** Issue 6, *Proof*. Freezing what is clean is no false alarm, and costs a night all the same. */
const GOALS = {
  falseAlarmsPerRelease: 0.01,
  noVerdictOnCleanPerRelease: 0.01,
  medianEventsAtThreeTimes: 75,
  detectedAtThreeTimes: 0.99,
  detectedWhereThereWereNoErrors: 0.99,
  passedWithoutData: 0,
};

/** Half a minute cannot know what a node that errs twice as often in one minute does in the next. */
const NOT_IN_SECONDS = /bursts/;

/** What is tried once more with no peer left: time is the only control, and swings most where it drifts. */
const WITHOUT_PEERS = /^(clean|drifting|zero errors|errors 3 x)$/;

export async function bench(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '3000' },
      only: { type: 'string', default: '' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [runs, seed, only] = [Number(values.runs), Number(values.seed), new RegExp(values.only)];
  const began = Date.now();
  const measured: Measurement[] = [];
  const shortened: Measurement[] = [];
  const peerless: Measurement[] = [];
  for (const scenario of SCENARIOS.filter(({ name }) => only.test(name))) {
    measured.push(tell(measure(scenario, FULL, runs, seed)));
    if (scenario.kind !== 'faulty' && !NOT_IN_SECONDS.test(scenario.name))
      shortened.push(tell(measure(scenario, COMPRESSED, runs, seed), ' (compressed)'));
    if (WITHOUT_PEERS.test(scenario.name)) peerless.push(tell(measure(scenario, NO_PEERS, runs, seed), ' (no peers)'));
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const figures = { runs, seconds, full: measured, compressed: shortened, noPeers: peerless };
  return { figures, goals: GOALS, met: isMet(measured, [...shortened, ...peerless]) };
}

function isMet(full: readonly Measurement[], others: readonly Measurement[]): boolean {
  const all = [...full, ...others];
  const named = (name: string) => full.filter(({ scenario }) => scenario === name);
  return [
    all.every(({ kind, gate }) => kind !== 'clean' || gate.failed <= GOALS.falseAlarmsPerRelease),
    all.every(({ kind, gate }) => kind !== 'clean' || gate.noVerdict <= GOALS.noVerdictOnCleanPerRelease),
    all.every(({ kind, gate }) => kind !== 'blind' || passed(gate) <= GOALS.passedWithoutData),
    named('errors 3 x').every(
      ({ gate, medianEvents = Number.POSITIVE_INFINITY }) =>
        gate.failed >= GOALS.detectedAtThreeTimes && medianEvents <= GOALS.medianEventsAtThreeTimes,
    ),
    named('errors where there were none').every(({ gate }) => gate.failed >= GOALS.detectedWhereThereWereNoErrors),
  ].every(Boolean);
}

const passed = ({ failed, noVerdict }: Measurement['gate']) => Math.max(0, 1 - failed - noVerdict);

function tell(measurement: Measurement, note = ''): Measurement {
  const { scenario, gate, kayenta, threshold, medianEvents } = measurement;
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`.padStart(8);
  const events = medianEvents === undefined ? '' : `, median ${medianEvents} events`;
  process.stderr.write(
    `${`${scenario}${note}`.padEnd(44)} fails: gate ${percent(gate.failed)} (no verdict ${percent(gate.noVerdict)}${events}), ` +
      `Kayenta ${percent(kayenta.failed)}, threshold ${percent(threshold.failed)}\n`,
  );
  return measurement;
}
