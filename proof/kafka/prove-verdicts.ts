import { sql } from 'kysely';
import { stringify } from 'yaml';
import { loadSettings } from '../../config/load.ts';
import type { Report } from '../../report/report.ts';
import { readUp } from '../../services/data-folder.ts';
import { silent } from '../../setup/progress.ts';
import { openDatabase } from '../../store/database.ts';
import { type Patchwright, patchwrightIn } from '../../test/patchwright.ts';
import { codeHere, type Kept, keep, keptIn, measuring } from '../kept-outcomes.ts';
import { forkSettings, makeProofFork, type ProofFork } from './fork.ts';
import { CONFIGURATION, publishedSources, publishedTests } from './published.ts';
import { faultyTests, type VerdictCase, verdictCases } from './verdict-cases.ts';

const VERSION = '3.6.2';
const NAME = 'clients';

/** Fail for the environment's sake on some machines: no name service, run as root, a stamped version. */
const BOUND_TO_THE_ENVIRONMENT = [
  'clients.ClientUtilsTest',
  'common.security.oauthbearer.internals.secured.ConfigurationUtilsTest',
  'common.utils.AppInfoParserTest',
];
/** Upstream's own races. */
const FLAKY = ['EagerConsumerCoordinatorTest', 'CooperativeConsumerCoordinatorTest', 'AbstractCoordinatorTest'].map(
  (name) => `clients.consumer.internals.${name}`,
);

export type VerdictOutcome = Kept & {
  kind: VerdictCase['kind'];
  seed: number;
  suite: string;
  /** The fault failed a test while the suite ran. */
  showed: boolean;
  held: boolean;
  /** Every verdict that holds names the guilty patches, and no other. */
  culprit: 'right' | 'wrong' | 'none';
  /** Holding verdicts on tests that no patch broke. */
  wrongly: string[];
  verdicts: { test: string; kind: string; candidate: string; base: string; culprit: number[] }[];
  /** Of all slots together. */
  seconds: { suite: number; rerun: number; culprit: number; wall: number };
  problem?: string;
};

export type VerdictOptions = {
  seed: number;
  count: number;
  /** The example's fast suite, or the tests of the faults, the flaky and the environment-bound ones alone. */
  suite: 'fast' | 'small';
  only?: readonly string[] | undefined;
  /** Outcomes are kept here as they happen; what is in it and counts is not run again. */
  file: string;
  counts: (one: Kept) => boolean;
  say: (line: string) => void;
};

/** Runs what the file does not have yet. Returns all of this seed and suite that it has then. */
export async function proveVerdicts(options: VerdictOptions): Promise<VerdictOutcome[]> {
  const { seed, count, suite, only, file, counts, say } = options;
  const published = { sources: await publishedSources(VERSION, silent), tests: await publishedTests(VERSION, silent) };
  const cases = verdictCases(published, seed, count);
  const chosen = cases.filter(({ id, kind }) => only === undefined || only.includes(id) || only.includes(kind));
  const known = () => keptIn<VerdictOutcome>(file, counts).filter((one) => one.seed === seed && one.suite === suite);
  const done = new Set(known().map(({ id }) => id));
  const due = chosen.filter(({ id }) => !done.has(id));
  say(`${due.length} of ${chosen.length} cases are to be run (seed ${seed}, suite ${suite}); outcomes go to ${file}`);
  if (due.length > 0) await runCases(due, options);
  const ids = new Set(chosen.map(({ id }) => id));
  return known().filter(({ id }) => ids.has(id));
}

async function runCases(due: readonly VerdictCase[], { seed, suite, file, say }: VerdictOptions): Promise<void> {
  const patchwright = patchwrightIn((folder) => configuration(folder, suite));
  try {
    const fork = await makeProofFork(patchwright.folder, { name: NAME, version: VERSION, progress: silent });
    const code = codeHere();
    await patchwright.start();
    for (const one of due) {
      const measured = measuring(code);
      const proven = await prove(patchwright, fork, one);
      const outcome = { ...proven, seed, suite, measured: measured() };
      keep(file, outcome);
      say(lineOf(outcome));
    }
  } finally {
    await patchwright.close();
  }
}

function configuration(folder: string, suite: VerdictOptions['suite']): string {
  const named = [...BOUND_TO_THE_ENVIRONMENT, ...FLAKY].map((name) => `org.apache.kafka.${name}`);
  const example = loadSettings(CONFIGURATION).forks.kafka?.suites.fast;
  const chosen =
    suite === 'small' ? { include: [...faultyTests(), ...named] } : { include: ['*'], exclude: example?.exclude ?? [] };
  const { fork, library } = forkSettings(
    folder,
    { name: NAME, version: VERSION },
    {
      ...chosen,
      limits: { methodSeconds: 15, unitSeconds: 300 },
      reruns: example?.reruns ?? {},
      // A full heap ends the process, as it does in production.
      jvm: ['-Xmx512m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'],
    },
  );
  return stringify({ forks: { [NAME]: fork }, libraries: library });
}

async function prove(
  patchwright: Patchwright,
  fork: ProofFork,
  one: VerdictCase,
): Promise<Omit<VerdictOutcome, 'seed' | 'suite'>> {
  const begun = Date.now();
  const commits = fork.push(one.id, one.stack);
  const ran = await patchwright.call('release', NAME, '--ref', one.id);
  const report = await patchwright.json<Report>('report', 'latest');
  const verdicts = report.candidates[0]?.suites[0]?.verdicts ?? [];
  const holding = verdicts.filter(({ kind }) =>
    ['regression', 'destabilised', 'undecided', 'untestable'].includes(kind),
  );
  const guilty = one.guilty
    .map((position) => commits[position])
    .sort()
    .join();
  // What leaks or stays behind is felt by other tests too: they are ours where they name the patch.
  const isOurs = ({ test, culprit = [] }: { test: string; culprit?: string[] }) =>
    one.test !== undefined && (test.startsWith(one.test) || [...culprit].sort().join() === guilty);
  const ours = holding.filter(isOurs);
  const named = ours.filter(({ culprit = [] }) => culprit.length > 0);
  const right = named.every(({ culprit = [] }) => [...culprit].sort().join() === guilty);
  const problem =
    ran.status > 1 || report.candidates[0]?.suites[0] === undefined
      ? `${ran.status}: ${JSON.stringify(report.outcome)}`
      : undefined;
  return {
    ...{ id: one.id, kind: one.kind },
    showed: verdicts.some(isOurs),
    held: holding.length > 0,
    culprit: named.length === 0 ? 'none' : right ? 'right' : 'wrong',
    wrongly: holding.filter((verdict) => !isOurs(verdict)).map(({ test, kind }) => `${kind} ${short(test)}`),
    verdicts: verdicts.map(({ test, kind, candidate, base, culprit = [] }) => ({
      ...{ test: short(test), kind },
      candidate: `${candidate.fail}/${candidate.pass + candidate.fail}`,
      base: `${base.fail}/${base.pass + base.fail}`,
      culprit: culprit.map((commit) => commits.indexOf(commit) + 1),
    })),
    seconds: { ...(await cost(patchwright, report.release)), wall: Math.round((Date.now() - begun) / 1000) },
    ...(problem === undefined ? {} : { problem }),
  };
}

/** What ran for this release, from the records, by what it ran for. */
async function cost(
  { data }: Patchwright,
  release: string,
): Promise<{ suite: number; rerun: number; culprit: number }> {
  const url = readUp(data)?.databaseUrl;
  if (url === undefined) throw new Error('up does not run any more');
  const db = openDatabase(url, { connections: 1 });
  try {
    const { rows } = await sql<{ phase: string; seconds: number }>`
      select e.phase, sum(e.seconds)::float8 as seconds from suite_execution e
      join suite_run r on r.suite_run = e.suite_run where r.release = ${release} group by e.phase`.execute(db);
    const of = (phase: string) => Math.round(10 * (rows.find((row) => row.phase === phase)?.seconds ?? 0)) / 10;
    return { suite: of('suite'), rerun: of('rerun'), culprit: of('culprit') };
  } finally {
    await db.destroy();
  }
}

function lineOf({ id, kind, showed, held, culprit, wrongly, seconds, verdicts, problem }: VerdictOutcome): string {
  const words = [kind, showed ? 'showed' : 'did not show', held ? 'held' : 'let through', `culprit ${culprit}`];
  const found = verdicts.map(
    (one) => `${one.kind} ${one.test} ${one.candidate}:${one.base} [${one.culprit.join(' ')}]`,
  );
  const extras = [wrongly.length > 0 ? `WRONGLY ${wrongly.join(', ')}` : '', problem ?? ''].filter(Boolean);
  return `${id}: ${[...words, JSON.stringify(seconds), ...extras, ...found].join(' · ')}`;
}

const short = (test: string) => test.replace(/^.*\.(?=\w+(?:\$\w+)*(?:#|$))/, '');
