import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdsRelease } from '../../decisions/failure-verdict.ts';
import { writeLogDifference } from '../../lib/log-difference.ts';
import { listFailures, type OpenFailure, runsAlone, saveVerdict, type TestRun } from '../../store/suite-failures.ts';
import { type ReplayedUnit, replayedUnits } from '../../store/suite-verdicts.ts';
import { JUDGE_PHASES } from '../../store/suites.ts';
import type { Digest } from '../../workflows/types.ts';
import type { SuiteRunnerDeps } from './deps.ts';
import { isShownIn, keyOf, showsIn } from './judge-case.ts';

/** Base logs whose templates are taken away: what one run says by chance another one may not. */
const MAX_BASE_LOGS = 3;
/** Verdicts that get one; where more fail their logs say the same. */
const MAX_DIFFERENCES = 100;

/**
 * Keeps with each verdict that holds what the failing log says and the base's logs of the same kind of run do not. A
 * log that is gone costs its difference and nothing else. Safe to repeat: what has a difference keeps it.
 */
export async function writeDifferences(deps: SuiteRunnerDeps, suiteRun: string): Promise<{ written: number }> {
  const failures = (await listFailures(deps.db, suiteRun)).filter(
    ({ verdict }) => verdict && holdsRelease(verdict.kind) && !verdict.logDifference && !verdict.representative,
  );
  if (failures.length === 0) return { written: 0 };
  const runs = await runsAlone(deps.db, suiteRun, JUDGE_PHASES);
  const replayed = await replayedUnits(
    deps.db,
    suiteRun,
    failures.map(({ test }) => test),
  );
  const folder = mkdtempSync(join(tmpdir(), 'patchwright-logs-'));
  let written = 0;
  try {
    for (const failure of failures.slice(0, MAX_DIFFERENCES)) {
      const logs = failure.verdict?.orderDependent ? replayLogs(replayed, failure) : ownLogs(runs, failure);
      const difference = await differenceOf(deps, folder, logs);
      if (!difference || !failure.verdict) continue;
      await saveVerdict(deps.db, suiteRun, { ...failure.verdict, logDifference: difference });
      written += 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { written };
}

type Logs = { failing: Digest | null | undefined; base: Digest[] };

/** A rerun's own log beside those of the base's reruns; the suite's log has other tests in it. */
function ownLogs(runs: readonly TestRun[], failure: OpenFailure): Logs {
  const own = runs.filter((run) => keyOf(run) === keyOf(failure) && run.log !== null);
  const failed = own.find(({ arm, ownPassed }) => arm === 'candidate' && !ownPassed);
  const base = own.filter(({ arm, ownFailed }) => arm === failure.base_arm && !ownFailed);
  return { failing: failed?.log ?? failure.log, base: logsOf(base) };
}

function replayLogs(replayed: readonly ReplayedUnit[], failure: OpenFailure): Logs {
  const own = replayed.filter((one) => isShownIn(failure, one, showsIn({ replayed }, failure)) && one.log !== null);
  return {
    failing: own.find(({ arm }) => arm === 'candidate')?.log ?? failure.log,
    base: logsOf(own.filter(({ arm }) => arm === failure.base_arm)),
  };
}

const logsOf = (runs: readonly { log: string | null }[]) =>
  [...new Set(runs.flatMap(({ log }) => log ?? []))].slice(0, MAX_BASE_LOGS);

async function differenceOf(
  { artifacts }: SuiteRunnerDeps,
  folder: string,
  { failing, base }: Logs,
): Promise<Digest | undefined> {
  if (!failing || !(await artifacts.has(failing))) return undefined;
  const there = await Promise.all(base.map((log) => artifacts.has(log)));
  const names = base.filter((_, i) => there[i]);
  const files = [failing, ...names].map((log, i) => ({ log, file: join(folder, `${i}.log`) }));
  try {
    for (const { log, file } of files) await artifacts.fetch(log, file);
    const out = join(folder, 'difference');
    await writeLogDifference({ failing: files[0]?.file ?? '', base: files.slice(1).map(({ file }) => file), out });
    return (await artifacts.put({ file: out })).sha256;
  } finally {
    for (const { file } of files) rmSync(file, { force: true });
  }
}
