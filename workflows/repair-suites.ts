import { executeChild, patched, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import type { CheckActivities } from '../activities/checks.ts';
import { failureLogs, judgeProof, suiteProofWords } from '../decisions/repair-proof.ts';
import { proof } from './proof.ts';
import { stack } from './repair-steps.ts';
import type { NotTaken, RepairOrder } from './repair-types.ts';
import type { Build, Patch, Source } from './types.ts';

const taskQueue = 'patchwright-activity';

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue,
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

const { checkPatches } = proxyActivities<CheckActivities>({
  taskQueue,
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 5 },
});

/** `touched`: files of tests that the change touches, which are counted apart. */
type Rebuilt = { name: string; base: Source; fix: Source; patches: Patch[]; touched?: string[] | undefined };

/**
 * What is run of a change that no failing test has asked for: a conflict that was resolved, a patch that compiles again.
 * That it builds is proven before.
 *
 *   1. Each patch's own check has to hold.
 *   2. The release's suites run on it and, where something fails, on the base: nothing may newly fail. All of each suite
 *      with `repair.proveWhole`; else the classes that the stack touches, and those of the packages that it touches.
 *
 * Says what was run, and what was not; the next candidate runs all of it again.
 */
export async function runSuites(order: RepairOrder, at: Rebuilt): Promise<{ ran: string[] } | NotTaken> {
  const { suites, release, settings } = order;
  // An order of before there were any.
  if (suites === undefined || !patched('repair-suites')) return { ran: [] };
  const checked = at.patches.filter(({ check }) => check !== undefined);
  if (checked.length > 0) {
    const failed = await checkPatches({ source: at.fix, patches: checked, settings, key: `${at.name}/checks` });
    if (failed.length > 0) return { reasons: failed.map(({ reason }) => reason) };
  }
  const ran = checked.length > 0 ? [`${checked.length} patches' own checks hold`] : ['no patch has a check of its own'];
  if (suites.length === 0) return { ran: [...ran, 'NOT run: any suite, since the release has none'] };
  const base = await buildSource({ ...at.base, settings, release });
  if (base.kind === 'broken') return { ran: [...ran, 'NOT run: any suite, since the base itself does not build'] };
  return runEach(order, at, { base: base.build, ran });
}

async function runEach(
  { suites = [], release, fork, settings, policy }: RepairOrder,
  { name, base: { commit }, fix, touched }: Rebuilt,
  { base, ran }: { base: Build; ran: string[] },
): Promise<{ ran: string[] } | NotTaken> {
  const where = { release, fork, settings, base: commit, commit: fix.commit };
  const limitedTo = policy.proveWhole ? undefined : await stack.touchedPaths(where);
  const lines = [...ran];
  for (const suite of suites) {
    const held = { build: base, suite, suiteRun: '', tests: [] };
    const some = { ...(touched && { touched }), ...(limitedTo !== undefined && { limitedTo }) };
    const runs = { before: 0, after: 0, whole: true, ...some };
    const proven = await executeChild(proof, {
      workflowId: `proof:${name}/${suite}`,
      args: [{ release, fork, settings, held, proof: `${name}/${suite}`, fix, ...runs }],
    });
    const verdict = judgeProof(proven);
    if (!verdict.proven) return { reasons: verdict.reasons, logs: failureLogs(proven) };
    lines.push(`suite ${suite}: ${suiteProofWords(proven)}`);
  }
  return { ran: lines };
}
