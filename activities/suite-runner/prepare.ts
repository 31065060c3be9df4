import { type SuiteHost, totalSlots } from '../../decisions/host-slots.ts';
import type { PlannedUnit } from '../../decisions/unit-plan.ts';
import type { JvmSpec } from '../../runner/protocol.ts';
import { findSuiteRun, reopenSuiteRun, savePlan } from '../../store/suites.ts';
import type { Build, Digest, Patch, Source, StandIn } from '../../workflows/types.ts';
import { prepareArm } from './arms.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';
import { type FoundPlan, planFound, saveFound } from './found.ts';
import { firstHosts } from './hosts.ts';
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
  /** What is given as the base is another build, since the base does not build. */
  standIn?: StandIn;
  patches: Patch[];
  sources: Source[];
  /** Judge what this triage has read instead of running the suite. */
  triage?: string;
  /** Files of tests that the candidate's last change touched, where it is run to prove that change. */
  touched?: string[];
  /** Run only what these files touch (decisions/touched-units.ts): a list of paths in the artifact store. */
  limitedTo?: Digest;
  /** The history begins anew after so many events (1,500). */
  eventsARun?: number;
};

export type PreparedSuite =
  /** `hosts`: those that are there now; others may join. */
  | { kind: 'planned'; hosts: SuiteHost[]; units: number }
  /** The suite cannot be run as it is configured: a sentence. */
  | { kind: 'unplannable'; reason: string };

type Plan = { units: PlannedUnit[]; failures?: FoundPlan['failures'] } | { reason: string };

/**
 * Makes the plan and keeps it; nothing of this host is in it. A suite run that has a plan keeps it, and goes on with
 * what had not finished.
 */
export async function prepareSuite(deps: SuiteRunnerDeps, order: SuiteOrder): Promise<PreparedSuite> {
  const { suiteRun, release, candidateNumber, fork, candidate, base } = order;
  const settings = await deps.settings(order.settings);
  const suite = suiteSettings(settings, fork, order.suite);
  const hosts = await firstHosts(deps, suite.slots);
  const known = await findSuiteRun(deps.db, suiteRun);
  if (known && order.triage === undefined) {
    await reopenSuiteRun(deps.db, suiteRun);
    return { kind: 'planned', hosts, units: known.units };
  }

  const slots = totalSlots(hosts);
  const arm = await prepareArm(deps, { suiteRun, suite, settings }, 'candidate', candidate);
  const limited = order.limitedTo && { limitedTo: await pathsOf(deps, order.limitedTo) };
  const place = { order, suite, settings, slots, ...limited };
  const plan: Plan = await (order.triage === undefined
    ? planUnits(deps, place, arm as JvmSpec['arms'][string])
    : planFound(deps, place, arm as JvmSpec['arms'][string], order.triage));
  if ('reason' in plan) return { kind: 'unplannable', reason: plan.reason };
  const run = { suiteRun, release, candidateNumber, fork, suite: order.suite, settings: order.settings, slots };
  await savePlan(deps.db, { ...run, arms: { candidate, base } }, plan.units);
  if (plan.failures) await saveFound(deps, suiteRun, place, plan.failures);
  return { kind: 'planned', hosts, units: plan.units.length };
}

const pathsOf = async ({ artifacts }: SuiteRunnerDeps, digest: Digest): Promise<string[]> =>
  JSON.parse((await artifacts.read(digest)).toString('utf8'));
