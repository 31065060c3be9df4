import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { boundSeconds } from '../../decisions/batch-plan.ts';
import { holdsRelease } from '../../decisions/failure-verdict.ts';
import { isQuarantined } from '../../decisions/quarantine.ts';
import { NO_USERS } from '../../decisions/test-users.ts';
import { testsApart } from '../../decisions/touched-tests.ts';
import { findDetached, stopDetached } from '../../lib/detached.ts';
import { learnFrom } from '../../store/suite-history.ts';
import { ranTests, suiteFigures, suiteVerdicts, testCounts, unfinishedUnits } from '../../store/suite-report.ts';
import { openFailures, verdictCounts } from '../../store/suite-verdicts.ts';
import { findSuiteRun, markEnded } from '../../store/suites.ts';
import type { SuiteOutcome, Verdict } from '../../workflows/types.ts';
import type { SuiteRunnerDeps } from './deps.ts';
import { runFolder } from './folders.ts';

const GRACE_MS = 5_000;
/** The store has every verdict; a payload stays small. */
const MAX_HOLDING = 25;

/** `triage`: nothing of the suite itself was to run. `touched`: files of tests that whoever is proven has changed. */
export type FinishOrder = { suiteRun: string; suite: string; problem?: string; triage?: string; touched?: string[] };

/** Counts what ran, from the records, and keeps the durations for the next plan. Safe to repeat. */
export async function finishSuite(
  deps: SuiteRunnerDeps,
  { suiteRun, suite, problem, triage, touched }: FinishOrder,
): Promise<SuiteOutcome> {
  const run = await findSuiteRun(deps.db, suiteRun);
  const figures = await suiteFigures(deps.db, suiteRun);
  const verdicts = await suiteVerdicts(deps.db, suiteRun);
  const machines = brokenMachines(verdicts);
  const uncounted = triage === undefined ? await whyItDoesNotCount(deps, suiteRun, figures.tests) : undefined;
  const reason = problem ?? uncounted ?? machines;
  await markEnded(deps.db, suiteRun, reason, (tx) => learnFrom(tx, suiteRun));
  const slots = run?.slots ?? 0;
  const bad = verdicts.filter(({ kind }) => holdsRelease(kind));
  const holding = bad.filter((verdict) => !isQuarantined(verdict));
  const quarantined = bad.length - holding.length;
  return {
    suite,
    suiteRun,
    units: run?.units ?? 0,
    slots,
    seconds: round(figures.seconds),
    boundSeconds: slots === 0 ? 0 : round(boundSeconds(figures.totalUnitSeconds, figures.longestUnitSeconds, slots)),
    tests: figures.tests,
    executions: figures.executions,
    repeated: figures.repeated,
    rerunSeconds: round(figures.rerunSeconds),
    culpritSeconds: round(figures.culpritSeconds),
    verdicts: await verdictCounts(deps.db, suiteRun),
    holding: holding.slice(0, MAX_HOLDING),
    ...(touched === undefined ? {} : await countApart(deps, suiteRun, touched)),
    ...(quarantined === 0 ? {} : { quarantined }),
    ...(reason === undefined ? {} : { problem: reason }),
    ...(machines !== undefined && reason === machines ? { machines: true } : {}),
  };
}

/** What passes in tests that a change touches, or in those that use them, is no proof of it. */
async function countApart(
  deps: SuiteRunnerDeps,
  suiteRun: string,
  paths: readonly string[],
): Promise<Pick<SuiteOutcome, 'touched' | 'apart'>> {
  const run = await findSuiteRun(deps.db, suiteRun);
  const { candidate, base } = run?.arms ?? {};
  const users =
    run === undefined || candidate === undefined
      ? NO_USERS
      : await deps.testUsers(candidate, (base ?? candidate).commit, paths, await deps.settings(run.settings));
  const { tests, told } = testsApart(await ranTests(deps.db, suiteRun), paths, users);
  return { touched: await testCounts(deps.db, suiteRun, tests), ...(told && { apart: told }) };
}

/** Zero executed is not a pass, and neither is what was expected and not recorded (triage.md, *Running*). */
async function whyItDoesNotCount(
  deps: SuiteRunnerDeps,
  suiteRun: string,
  { passed, failed }: { passed: number; failed: number },
): Promise<string | undefined> {
  const missing = await unfinishedUnits(deps.db, suiteRun, 4);
  if (missing.length > 0)
    return `units of the plan have no result: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ', …' : ''}`;
  if (passed + failed === 0) return 'nothing was executed';
  const open = await openFailures(deps.db, suiteRun);
  return open === 0 ? undefined : `${open} of its failures have no verdict`;
}

/** What never ran again, on any host, has not been tested: a human looks at the machines (triage.md, step 0). */
function brokenMachines(verdicts: readonly Verdict[]): string | undefined {
  const broken = verdicts.filter(({ human }) => human);
  const [first] = broken;
  if (!first) return undefined;
  const more = broken.length === 1 ? '' : ` and ${broken.length - 1} more`;
  return `${first.test}${more} could not be run, neither on the candidate nor on the base: ${first.reason ?? first.message}`;
}

/** Ends the runners of a suite run on this host. Safe to repeat. */
export async function endRunners(deps: Pick<SuiteRunnerDeps, 'dataDir'>, suiteRun: string): Promise<void> {
  await stopRunnersBelow(runFolder(deps.dataDir, suiteRun));
}

/**
 * Ends every suite runner of a data folder, with what they run: for `up` when it stops and for `down`. What had not
 * finished runs again when the suite goes on.
 */
export async function stopAllRunners(dataDir: string): Promise<void> {
  await stopRunnersBelow(join(dataDir, 'runs'));
}

async function stopRunnersBelow(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  await Promise.all(
    findDetached(folder).map(async (dir) => {
      writeFileSync(join(dir, 'stop'), '');
      await stopDetached(dir, { graceMs: GRACE_MS });
    }),
  );
}

const round = (seconds: number) => Math.round(seconds * 100) / 100;
