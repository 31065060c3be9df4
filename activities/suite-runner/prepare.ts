import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import type { JunitPlatformSettings, SuiteSettings } from '../../config/suite.ts';
import { estimateUnits } from '../../decisions/batch-plan.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { discoverUnits, type FoundUnit } from '../../runner/discover.ts';
import { BrokenRunner, type JvmSpec } from '../../runner/protocol.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import { findSuiteRun, type PlannedUnit, reopenSuiteRun, savePlan, unitHistory } from '../../store/suites.ts';
import type { Build, Digest, Patch, Source } from '../../workflows/types.ts';
import { globPattern, javaTool, prepareArm, resolveEntries, runnerSpec } from './arms.ts';
import { type SuiteRunnerDeps, suiteSettings } from './deps.ts';
import { runFolder } from './folders.ts';

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

  const units = await listUnits(deps, order, suite, settings, arms.candidate as JvmSpec['arms'][string]);
  if ('reason' in units) return { kind: 'unplannable', queue, reason: units.reason };
  const estimates = estimateUnits(
    units.units.map(({ unit }) => unit),
    await unitHistory(deps.db, order.fork),
  );
  const planned: PlannedUnit[] = units.units.map((unit) => ({ ...unit, estimate: estimates.get(unit.unit) ?? 1 }));
  const { suiteRun, release, candidateNumber, fork } = order;
  const run = { suiteRun, release, candidateNumber, fork, suite: order.suite, settings: order.settings, slots };
  await savePlan(deps.db, { ...run, runner: await runnerSpec(deps, suite, arms) }, planned);
  return { kind: 'planned', queue, slots, units: planned.length };
}

type Units = { units: { unit: string; selector: string }[] } | { reason: string };

async function listUnits(
  deps: SuiteRunnerDeps,
  order: SuiteOrder,
  suite: SuiteSettings,
  settings: Settings,
  arm: JvmSpec['arms'][string],
): Promise<Units> {
  if (suite.runner === 'junit-xml') {
    const names = suite.units.length > 0 ? suite.units : [order.suite];
    return { units: names.map((unit) => ({ unit, selector: unit })) };
  }
  const found = await foundUnits(deps, order, suite, settings, arm);
  if ('reason' in found) return found;
  const [include, exclude] = [suite.include.map(globPattern), suite.exclude.map(globPattern)];
  const chosen = found.units.filter(
    ({ unit }) => include.some((p) => p.test(unit)) && !exclude.some((p) => p.test(unit)),
  );
  if (chosen.length === 0) {
    const rest =
      found.units.length === 0
        ? 'the scanned jars hold no test class'
        : `none of ${found.units.length} test classes is included`;
    return { reason: `nothing to execute: ${rest}` };
  }
  return { units: chosen.map(({ unit }) => ({ unit, selector: `c:${unit}` })) };
}

/** The test classes of the scanned jars, found once for the same bytes. */
async function foundUnits(
  deps: SuiteRunnerDeps,
  order: SuiteOrder,
  suite: JunitPlatformSettings,
  settings: Settings,
  { classpath }: JvmSpec['arms'][string],
): Promise<{ units: FoundUnit[] } | { reason: string }> {
  const dir = join(runFolder(deps.dataDir, order.suiteRun), 'arms', 'candidate');
  const jars = await resolveEntries(deps, settings, suite.scan, order.candidate, dir);
  const hash = createHash('sha256').update(`${classpath[0]}\0`);
  for (const jar of jars) hash.update(await sha256OfFile(jar));
  const cached = join(deps.cacheDir, 'units', `${hash.digest('hex').slice(0, 32)}.json`);
  const known = readJsonFile<FoundUnit[]>(cached);
  if (known) return { units: known };
  const env = deps.environment(suite.environment);
  try {
    const jvm = { java: javaTool(env, 'java'), args: suite.jvm, classpath, env, dir: join(dir, 'discovery') };
    const units = await discoverUnits(jvm, jars);
    mkdirSync(join(deps.cacheDir, 'units'), { recursive: true });
    writeJsonFile(cached, units);
    return { units };
  } catch (error) {
    if (!(error instanceof BrokenRunner)) throw error;
    return { reason: error.message };
  }
}
