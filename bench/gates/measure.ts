import type { GateJudgement } from '../../decisions/gate/types.ts';
import { randomOf } from './random.ts';
import type { Scenario } from './scenarios.ts';
import { releaseTrial, type Setup, type Told } from './trial.ts';

/** Shares of runs. `detected`: failed by it. `noVerdict`: neither passed nor failed, which freezes. */
type Rates = { failed: number; noVerdict: number };

export type Measurement = {
  scenario: string;
  kind: Scenario['kind'];
  runs: number;
  gate: Rates;
  kayenta: Rates;
  threshold: Rates;
  /** Over both arms, of the counts that the gate failed on. */
  medianEvents?: number;
  p90Events?: number;
  /** Which tests failed it, by name. */
  failedBy: Record<string, number>;
};

/** Runs one scenario: whole releases where nothing is wrong, the first wave where something is. */
export function measure(scenario: Scenario, setup: Setup, runs: number, seed: number): Measurement {
  const told = { gate: [] as Told[], kayenta: [] as Told[], threshold: [] as Told[] };
  const failures: GateJudgement[] = [];
  for (let run = 0; run < runs; run += 1) {
    const random = randomOf(seed + run * 7_919);
    const trial = releaseTrial(
      random,
      scenario.nature,
      scenario.fault,
      setup,
      scenario.kind === 'clean' ? undefined : 1,
    );
    for (const rule of ['gate', 'kayenta', 'threshold'] as const) told[rule].push(trial[rule]);
    failures.push(...trial.gates.filter(({ kind }) => kind === 'fail'));
  }
  const events = failures
    .flatMap(({ figures }) => Object.values(figures.counts).flatMap(({ eventsToFail }) => eventsToFail ?? []))
    .sort((a, b) => a - b);
  return {
    scenario: scenario.name,
    kind: scenario.kind,
    runs,
    gate: ratesOf(told.gate),
    kayenta: ratesOf(told.kayenta),
    threshold: ratesOf(told.threshold),
    ...(events.length > 0 && { medianEvents: quantile(events, 0.5), p90Events: quantile(events, 0.9) }),
    failedBy: namesOf(failures),
  };
}

function ratesOf(told: readonly Told[]): Rates {
  const share = (what: Told) => Number((told.filter((one) => one === what).length / told.length).toFixed(4));
  return { failed: share('fail'), noVerdict: share('no verdict') };
}

const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

function namesOf(failures: readonly GateJudgement[]): Record<string, number> {
  const names: Record<string, number> = {};
  for (const name of failures.flatMap(({ reasons }) => reasons.map((reason) => reason.split(':')[0] ?? reason))) {
    names[name] = (names[name] ?? 0) + 1;
  }
  return names;
}
