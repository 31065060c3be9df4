import type { JvmSpec } from '../../runner/protocol.ts';
import { findSuiteRun, reopenSuiteRun, savePlan } from '../../store/suites.ts';
import type { Build, Digest, Patch, Source } from '../../workflows/types.ts';
import { prepareArm, runnerSpec } from './arms.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';
import { planUnits } from './units.ts';

/** One suite of one candidate. `patches` and `sources`: each prefix of the stack, oldest first, the last one the candidate. */
export type SuiteOrder = {
  suiteRun: string;
  release: string;
  candidateNumber: number;
  fork: string;
  suite: string;
  settings: Digest;
  candidate: Build;
  base: Build;
  patches: Patch[];
  sources: Source[];
};

export type PreparedSuite =
  | { kind: 'planned'; queue: string; slots: number; units: number }
  /** The suite cannot be run as it is configured: a sentence. */
  | { kind: 'unplannable'; queue: string; reason: string };

/** Makes the plan and keeps it. A suite run that has a plan keeps it, and goes on with what had not finished. */
export async function prepareSuite(deps: SuiteRunnerDeps, order: SuiteOrder): Promise<PreparedSuite> {
  const queue = `suite-${deps.hostId}`;
  const settings = await deps.settings(order.settings);
  const suite = suiteSettings(settings, order.fork, order.suite);
  const slots = Math.min(deps.slots, suite.slots ?? deps.slots);
  const known = await findSuiteRun(deps.db, order.suiteRun);
  const context = { suiteRun: order.suiteRun, suite, settings };
  const arms = {
    candidate: await prepareArm(deps, context, 'candidate', order.candidate),
    base: await prepareArm(deps, context, 'base', order.base),
  };
  if (known) {
    await reopenSuiteRun(deps.db, order.suiteRun);
    return { kind: 'planned', queue, slots: known.slots, units: known.units };
  }

  const plan = await planUnits(deps, { order, suite, settings, slots }, arms.candidate as JvmSpec['arms'][string]);
  if ('reason' in plan) return { kind: 'unplannable', queue, reason: plan.reason };
  const { suiteRun, release, candidateNumber, fork } = order;
  const run = { suiteRun, release, candidateNumber, fork, suite: order.suite, settings: order.settings, slots };
  await savePlan(deps.db, { ...run, runner: await runnerSpec(deps, suite, arms) }, plan.units);
  return { kind: 'planned', queue, slots, units: plan.units.length };
}
