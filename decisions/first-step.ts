import type { ArmRuns, BothArms } from './run-answers.ts';

/** What a failure looks like before anything is rerun. It decides the first step, never the last (triage.md). */
export type Signature =
  | 'killed'
  | 'dependencies'
  | 'disk-full'
  | 'address-in-use'
  | 'crash'
  | 'out-of-memory'
  | 'time-out'
  | 'linkage';

/** In order: the first that fits names the failure. */
const SIGNATURES: [Signature, RegExp][] = [
  ['killed', /exit code 137\b|ended by SIGKILL|[Dd]aemon disappeared/],
  [
    'dependencies',
    /Could not (resolve dependencies|transfer artifact|find artifact)|Could not resolve all (files|dependencies)|ReasonPhrase: ?5\d\d|status code: ?5\d\d|\b50[234] (Bad Gateway|Service (Temporarily )?Unavailable|Gateway Time-?out)/,
  ],
  ['disk-full', /No space left on device|ENOSPC|Disk quota exceeded/],
  ['address-in-use', /Address already in use|EADDRINUSE/],
  ['out-of-memory', /OutOfMemoryError/],
  ['crash', /forked VM terminated without properly saying goodbye|hs_err_pid|\.dumpstream|^crash:/],
  ['time-out', /^(timeout|silence):|exit code 124\b|timed out after \d+ (milli)?seconds$/],
  ['linkage', /^(?:java\.lang\.)?(?:NoSuchMethodError|NoClassDefFoundError)\b/],
];

export function signatureOf(message: string): Signature | undefined {
  return SIGNATURES.find(([, pattern]) => pattern.test(message))?.[0];
}

const INFRASTRUCTURE: ReadonlySet<Signature> = new Set(['killed', 'dependencies', 'disk-full', 'address-in-use']);
/** Linkage errors in so many units are a skew between what was compiled and what runs, not so many bugs. */
const SKEWED_UNITS = 3;

/** Why one representative runs first on both arms, before the others of its group cost anything. */
export type Suspicion = 'whole-batch' | 'nothing-executed' | 'infrastructure' | 'build-skew';

export type Suspect = {
  unit: string;
  test: string;
  /** The batch of the suite proper that it failed in; none where another system ran the suite. */
  batch?: string;
  message: string;
  /** What it has in common with failures of the same cause (failure-cluster.ts). */
  cluster: string;
  nothingExecuted: boolean;
};

/** Units and passed tests of one batch of the suite proper. */
export type BatchFigures = { units: number; passed: number };

export type Group<S> = { suspicion: Suspicion; members: S[] };

/** So many units do not fail side by side by chance; fewer must fail alike. */
const WHOLE_BATCH_UNITS = 3;

/**
 * The failures that step 0 is for, in groups of one suspected cause. Everything else begins at step 2. A batch of one
 * unit that fails is no batch that fails as a whole: its tests are counted like any others.
 */
export function suspectGroups<S extends Suspect>(
  failures: readonly S[],
  batches: ReadonlyMap<string, BatchFigures>,
): Group<S>[] {
  const groups = new Map<string, Group<S>>();
  const skewed = new Set(failures.filter(({ message }) => signatureOf(message) === 'linkage').map(({ unit }) => unit));
  for (const failure of failures) {
    const alike =
      new Set(failures.filter(({ batch }) => batch === failure.batch).map(({ cluster }) => cluster)).size === 1;
    const suspicion = suspicionOf(failure, batches, { alike, skewed: skewed.size >= SKEWED_UNITS });
    if (!suspicion) continue;
    const key =
      suspicion === 'whole-batch'
        ? `batch ${failure.batch}`
        : suspicion === 'infrastructure'
          ? `${signatureOf(failure.message)}`
          : suspicion;
    const group = groups.get(key) ?? { suspicion, members: [] };
    group.members.push(failure);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function suspicionOf(
  failure: Suspect,
  batches: ReadonlyMap<string, BatchFigures>,
  { alike, skewed }: { alike: boolean; skewed: boolean },
): Suspicion | undefined {
  const figures = failure.batch === undefined ? undefined : batches.get(failure.batch);
  const least = alike ? 2 : WHOLE_BATCH_UNITS;
  if (figures && figures.units >= least && figures.passed === 0) return 'whole-batch';
  if (failure.nothingExecuted) return 'nothing-executed';
  const signature = signatureOf(failure.message);
  if (signature && INFRASTRUCTURE.has(signature)) return 'infrastructure';
  return signature === 'linkage' && skewed ? 'build-skew' : undefined;
}

/** One more try on another host, where there is one. Of the representative on both arms, of the others on the candidate. */
export type Elsewhere = { attempts: number /** This failure's runs there. */; own: ArmRuns; representative: BothArms };

export type FirstEvidence = {
  suspicion: Suspicion;
  isRepresentative: boolean;
  /** The representative once on each arm, here. */
  representative: BothArms;
  /** What the representative's own counts have made of it by now. */
  representativeVerdict?: string;
  elsewhere: Elsewhere;
};

export type FirstStep =
  /** Run the representative once on each arm. */
  | { kind: 'probe' }
  /** Another failure's result is needed before this one costs anything. */
  | { kind: 'wait' }
  | { kind: 'elsewhere'; attempt: number }
  /** It ran again elsewhere and passed; `human`: it never did, and somebody must look at the machines. */
  | { kind: 'infrastructure'; human: boolean; reason: string }
  /** The representative is a regression of the same cause. */
  | { kind: 'regression-too' }
  /** The counts decide: step 2. */
  | { kind: 'ordinary' };

/** "Run again elsewhere, at most twice, then a human" (triage.md, step 0). */
const MAX_ELSEWHERE = 2;

export function firstStep(evidence: FirstEvidence): FirstStep {
  const { suspicion, isRepresentative, representative, representativeVerdict, elsewhere } = evidence;
  const ran = (arm: ArmRuns) => arm.pass + arm.fail + arm.missing > 0;
  if (!ran(representative.candidate) || !ran(representative.base)) return { kind: isRepresentative ? 'probe' : 'wait' };

  // What an arm does not have has not failed there: a class that a patch brought fails on no base.
  const fails = (arm: ArmRuns) => arm.pass === 0 && arm.fail > 0;
  if (!fails(representative.candidate) || !fails(representative.base)) {
    if (isRepresentative) return { kind: 'ordinary' };
    const candidateOnly = fails(representative.candidate);
    if (!candidateOnly) return { kind: 'ordinary' };
    if (representativeVerdict === undefined) return { kind: 'wait' };
    return { kind: representativeVerdict === 'regression' ? 'regression-too' : 'ordinary' };
  }

  // Both arms of the class path were made alike: what cannot be linked on either is what the base is like.
  if (suspicion === 'build-skew') return { kind: 'ordinary' };
  if (elsewhere.own.pass > 0) {
    return {
      kind: 'infrastructure',
      human: false,
      reason: 'fails on both arms here, and passed when it ran again elsewhere',
    };
  }
  // The other host runs the base: what fails there on the candidate alone is no fault of a machine.
  if (elsewhere.attempts > 0 && elsewhere.representative.base.pass > 0) return { kind: 'ordinary' };
  if (elsewhere.attempts < MAX_ELSEWHERE) return { kind: 'elsewhere', attempt: elsewhere.attempts + 1 };
  // A single test that fails everywhere on both arms is what the base is like; a batch of which nothing ran is not.
  if (suspicion === 'infrastructure') return { kind: 'ordinary' };
  const what = suspicion === 'nothing-executed' ? 'nothing was executed' : 'the whole batch fails';
  return {
    kind: 'infrastructure',
    human: true,
    reason: `${what} on both arms, also after ${MAX_ELSEWHERE} more tries: look at the machines and at the suite's configuration`,
  };
}
