import { createHash } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import type { JunitPlatformSettings, MavenSettings, SuiteSettings } from '../../config/suite.ts';
import { type Contents, type FoundTest, namedClasses } from '../../decisions/found-failures.ts';
import { globPattern, type Selection, selectUnits } from '../../decisions/test-pattern.ts';
import { NONE_TOUCHED, touchedUnits } from '../../decisions/touched-units.ts';
import { estimateUnits, type PlannedUnit, splitLimit, splitUnit } from '../../decisions/unit-plan.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { discoverMethods, discoverUnits, type FoundMethods, type FoundUnit } from '../../runner/discover.ts';
import type { JvmOptions } from '../../runner/jvm.ts';
import { listMavenUnits } from '../../runner/maven-units.ts';
import { BrokenRunner, type JvmSpec } from '../../runner/protocol.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import { methodHistory, unitHistory } from '../../store/suite-history.ts';
import type { Build } from '../../workflows/types.ts';
import { checkoutBeside, javaTool, resolveEntries } from './arms.ts';
import { type SuiteRunnerDeps, sandboxOf } from './deps.ts';
import { runFolder } from './folders.ts';

export type Place = {
  order: { suiteRun: string; fork: string; suite: string; candidate: Build };
  suite: SuiteSettings;
  settings: Settings;
  slots: number;
  /** Files: only units that these touch. */
  limitedTo?: readonly string[] | undefined;
};
export type Arm = JvmSpec['arms'][string];

/** The units of a suite with what each is expected to take; or a sentence on why nothing can be executed. */
export async function planUnits(
  deps: SuiteRunnerDeps,
  place: Place,
  arm: Arm,
): Promise<{ units: PlannedUnit[] } | { reason: string }> {
  try {
    const { order, suite } = place;
    const names = await unitNames(deps, place, arm);
    const selection = selectUnits(patternsOf(suite));
    const included = names.filter((unit) => selection.unit(unit) !== 'none');
    const chosen = place.limitedTo === undefined ? included : touchedUnits(included, place.limitedTo);
    if (chosen.length === 0 && included.length > 0) return { reason: NONE_TOUCHED };
    const units =
      suite.runner === 'junit-platform'
        ? await planClasses(deps, { ...place, suite }, arm, chosen)
        : await planWhole(deps, order.fork, chosen);
    return units.length > 0 ? { units } : { reason: `nothing to execute: ${whyNone(suite, names.length)}` };
  } catch (error) {
    if (!(error instanceof BrokenRunner)) throw error;
    return { reason: error.message };
  }
}

/** A class of a Maven project is meant in whichever module it is, unless the pattern names that. */
function patternsOf({ runner, include = ['*'], exclude }: SuiteSettings): Selection {
  const inModules = (patterns: readonly string[]) =>
    patterns.flatMap((pattern) =>
      runner !== 'maven' || pattern.includes(':') ? [pattern] : [pattern, `*:${pattern}`],
    );
  return { include: inModules(include), exclude: inModules(exclude) };
}

async function unitNames(deps: SuiteRunnerDeps, place: Place, arm: Arm): Promise<readonly string[]> {
  const { order, suite } = place;
  if (suite.runner === 'junit-platform') return classes(deps, place, arm);
  if (suite.runner === 'maven') return mavenUnits(deps, place, suite);
  return commandUnits(suite.units, order.suite);
}

/** What a suite holds, for failures that come from elsewhere: their classes are looked into, no other. */
export async function testsOf(
  deps: SuiteRunnerDeps,
  place: Place,
  arm: Arm,
  found: readonly FoundTest[],
): Promise<Contents> {
  const selection = selectUnits(patternsOf(place.suite));
  const names = (await unitNames(deps, place, arm)).filter((unit) => selection.unit(unit) !== 'none');
  if (place.suite.runner !== 'junit-platform') return { kind: 'command', units: names };
  const known = new Set(names);
  const [methods] = await lookInto(deps, place, arm, namedClasses(found, known));
  return {
    kind: 'classes',
    classes: known,
    methods: new Map([...methods].map(([unit, { methods }]) => [unit, methods])),
  };
}

const commandUnits = (units: readonly string[], suite: string) => (units.length > 0 ? units : [suite]);

function whyNone({ runner }: SuiteSettings, found: number): string {
  if (found > 0) return `none of ${found} units is included`;
  return runner === 'maven' ? 'the modules’ sources hold no test class' : 'the scanned jars hold no test class';
}

/** From the candidate's sources. Any name counts where the suite says itself which are wanted. */
async function mavenUnits(deps: SuiteRunnerDeps, place: Place, suite: MavenSettings): Promise<string[]> {
  const dir = armFolder(deps, place);
  mkdirSync(dir, { recursive: true });
  const checkout = await checkoutBeside(deps, place.settings, place.order.candidate, dir);
  const { plugin, modules, sources, include } = suite;
  try {
    return listMavenUnits(checkout, { plugin, modules, sources, ...(include ? { wanted: () => true } : {}) });
  } catch (error) {
    throw new BrokenRunner(`the test classes cannot be listed: ${(error as Error).message}`);
  }
}

/** A command's units cannot be looked into. */
async function planWhole(deps: SuiteRunnerDeps, fork: string, names: readonly string[]): Promise<PlannedUnit[]> {
  const estimates = estimateUnits(names, await unitHistory(deps.db, fork));
  return names.map((unit) => ({ unit, selector: unit, estimate: estimates.get(unit) ?? 1 }));
}

/** Classes as they are, but for those that are too long, and those of which only some methods are wanted. */
async function planClasses(
  deps: SuiteRunnerDeps,
  place: Place & { suite: JunitPlatformSettings },
  arm: Arm,
  names: readonly string[],
): Promise<PlannedUnit[]> {
  const { order, suite, slots } = place;
  const selection = selectUnits(suite);
  const past = await unitHistory(deps.db, order.fork);
  const estimates = estimateUnits(names, past);
  const limit = splitLimit(
    [...estimates.values()].reduce((sum, seconds) => sum + seconds, 0),
    slots,
  );
  const never = suite.whole.map(globPattern);
  const isLong = (unit: string) =>
    past.has(unit) && (estimates.get(unit) ?? 0) > limit && !never.some((pattern) => pattern.test(unit));
  const looked = names.filter((unit) => selection.unit(unit) === 'methods' || isLong(unit));
  const [methods, seconds] = await lookInto(deps, place, arm, looked);
  return names.flatMap((unit): PlannedUnit[] => {
    const estimate = estimates.get(unit) ?? 1;
    const found = methods.get(unit);
    if (!found) return [{ unit, selector: `c:${unit}`, estimate }];
    const wanted = found.methods.filter(selection.method);
    const excluded = found.methods.filter((method) => !selection.method(method));
    // Where only some are included by name, whatever else the class makes is not.
    const only = excluded.length > 0 && suite.include.some((pattern) => pattern.includes('#'));
    if (wanted.length === 0 && excluded.length > 0) return [];
    const divisible = isLong(unit) && found.whole === undefined;
    const parts = { unit, methods: wanted, excluded, only, past: past.get(unit), estimate, seconds };
    return splitUnit({ ...parts, ...(divisible ? { limit } : {}) });
  });
}

/** The methods of some classes, and what they took in the past. */
async function lookInto(
  deps: SuiteRunnerDeps,
  place: Place,
  arm: Arm,
  classes: readonly string[],
): Promise<[Map<string, FoundMethods>, Map<string, number>]> {
  if (classes.length === 0) return [new Map(), new Map()];
  const methods = await discoverMethods(jvmFor(deps, place, arm), classes);
  const past = await methodHistory(deps.db, place.order.fork, classes);
  return [methods, new Map(past.map(({ method, seconds }) => [method, seconds]))];
}

/** The test classes of the scanned jars, found once for the same bytes. */
async function classes(deps: SuiteRunnerDeps, place: Place, arm: Arm): Promise<string[]> {
  const suite = place.suite as JunitPlatformSettings;
  const jars = await resolveEntries(deps, place.settings, suite.scan, place.order.candidate, armFolder(deps, place));
  const hash = createHash('sha256').update(`${arm.classpath[0]}\0`);
  for (const jar of jars) hash.update(await digestOf(jar));
  const cached = join(deps.cacheDir, 'units', `${hash.digest('hex').slice(0, 32)}.json`);
  const known = readJsonFile<FoundUnit[]>(cached);
  const units = known ?? (await discoverUnits(jvmFor(deps, place, arm), jars));
  if (!known) {
    mkdirSync(join(deps.cacheDir, 'units'), { recursive: true });
    writeJsonFile(cached, units);
  }
  return units.map(({ unit }) => unit);
}

/** Of a jar its bytes; a folder of the checkout is this suite run's alone, and so is its path. */
const digestOf = async (entry: string) => (statSync(entry).isDirectory() ? entry : sha256OfFile(entry));

function jvmFor(deps: SuiteRunnerDeps, place: Place, { classpath, archive }: Arm): JvmOptions {
  const { jvm, environment } = place.suite as JunitPlatformSettings;
  const env = deps.environment(environment);
  const sandbox = sandboxOf(deps, place.settings, place.order.fork);
  return { java: javaTool(env, 'java'), args: jvm, classpath, archive, env, sandbox };
}

const armFolder = (deps: SuiteRunnerDeps, { order }: Place) =>
  join(runFolder(deps.dataDir, order.suiteRun), 'arms', 'candidate');
