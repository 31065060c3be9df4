import { stringify } from 'yaml';
import { randomFrom } from '../../lib/random.ts';
import type { Report } from '../../report/report.ts';
import { silent } from '../../setup/progress.ts';
import { type Patchwright, patchwrightIn } from '../../test/patchwright.ts';
import { forkSettings, makeProofFork, type ProofFork, type ProofPatch } from './fork.ts';
import { harmlessPatches, nameOf } from './harmless.ts';
import { publishedSources } from './published.ts';
import type { RegressionCase } from './regression-cases.ts';

/** The patches around the one that breaks. */
const HARMLESS = 5;

export type RegressionOutcome = {
  id: string;
  /** Why this is not the right answer; empty where it is. */
  problems: string[];
  /** With a model alone. */
  repaired?: ReturnType<typeof repairOf>;
  verdicts: { test: string; kind: string; candidate: string; base: string; culprit: string }[];
  seconds: number;
};

type Verdicts = Report['candidates'][number]['suites'][number]['verdicts'];
/** `model`: a server of the model's protocol whose agent then repairs what is held. */
type Options = { seed: number; say: (line: string) => void; model?: string | undefined };

/** Releases each case in a Patchwright of its own, which is gone afterwards. */
export async function proveRegressions(
  cases: readonly RegressionCase[],
  { seed, say, model }: Options,
): Promise<RegressionOutcome[]> {
  const versions = [...new Set(cases.map(({ newer }) => newer))];
  const patchwright = patchwrightIn((folder) => configuration(folder, cases, { versions, model }), {
    PROOF_MODEL_KEY: 'no-key-is-needed-here',
  });
  try {
    const forks = new Map<string, ProofFork>();
    for (const version of versions) {
      say(`making a fork of ${version} from its published sources`);
      const made = await makeProofFork(patchwright.folder, { name: forkName(version), version, progress: silent });
      forks.set(version, made);
    }
    await patchwright.start();
    const outcomes: RegressionOutcome[] = [];
    for (const [index, one] of cases.entries()) {
      const fork = forks.get(one.newer);
      if (fork === undefined) throw new Error(`no fork of ${one.newer}`);
      const outcome = await prove(patchwright, fork, one, { seed: seed + index, repairs: model !== undefined });
      outcomes.push(outcome);
      say(
        `${one.id}: ${outcome.problems.join('; ') || 'right'} (${outcome.seconds} s) ${JSON.stringify(outcome.verdicts)}`,
      );
    }
    return outcomes;
  } finally {
    await patchwright.close();
  }
}

const forkName = (version: string) => `clients-${version.replaceAll('.', '-')}`;
const suiteName = (test: string) => nameOf(test.replaceAll('.', '/')).toLowerCase();

/** A fork a version, a suite a test class. */
function configuration(
  folder: string,
  cases: readonly RegressionCase[],
  { versions, model }: { versions: readonly string[]; model: string | undefined },
): string {
  const forks: Record<string, object> = {};
  let libraries = {};
  for (const version of versions) {
    const name = forkName(version);
    const suites: Record<string, object> = {};
    for (const { test, hangs } of cases.filter(({ newer }) => newer === version)) {
      const limits = { methodSeconds: hangs ? 30 : 120 };
      const made = forkSettings(folder, { name, version }, { include: [test], limits });
      suites[suiteName(test)] = made.fork.suites.upstream;
      const repair = { policy: 'apply-reviewed' };
      forks[name] = { ...made.fork, suites, repair, release: { suites: Object.keys(suites), environments: [] } };
      libraries = { ...libraries, ...made.library };
    }
  }
  const agent = { name: 'reader', key: { env: 'PROOF_MODEL_KEY' }, baseUrl: model, timeoutSeconds: 3_600 };
  return stringify({ forks, libraries, ...(model !== undefined && { model: agent }) });
}

async function prove(
  patchwright: Patchwright,
  fork: ProofFork,
  one: RegressionCase,
  { seed, repairs }: { seed: number; repairs: boolean },
): Promise<RegressionOutcome> {
  const begun = Date.now();
  const random = randomFrom(seed);
  const old = (await publishedSources(one.older, silent)).get(one.file);
  if (old === undefined) throw new Error(`${one.older} has no ${one.file}`);
  const stack: ProofPatch[] = harmlessPatches(fork.sources, random, { count: HARMLESS, avoid: new Set([one.file]) });
  const position = Math.floor(random() * (stack.length + 1));
  // A patch that does nothing but break cannot be mended, only dropped: with a repair it has a purpose of its own.
  const purpose = repairs ? withPurpose(old) : old;
  stack.splice(position, 0, { subject: subjectOf(one, repairs), files: { [one.file]: purpose } });
  const culprit = fork.push(one.id, stack)[position] ?? '';

  const ran = await patchwright.call('release', fork.name, '--ref', one.id, '--suite', suiteName(one.test));
  const report = await patchwright.json<Report>('report', 'latest');
  const verdicts = report.candidates[0]?.suites[0]?.verdicts ?? [];
  const problems = [
    ...((ran.status === 1 && report.outcome?.kind === 'held') || (repairs && ran.status === 0)
      ? []
      : [`it ended with ${ran.status}: ${JSON.stringify(report.outcome)} ${ran.stderr.slice(-400)}`]),
    ...wrongVerdicts(one, verdicts, culprit),
  ];
  const repaired = repairs && { repaired: repairOf(report) };
  return {
    id: one.id,
    problems,
    ...repaired,
    verdicts: verdicts.map(shown),
    seconds: Math.round((Date.now() - begun) / 1000),
  };
}

const subjectOf = ({ file, older }: RegressionCase, repairs: boolean) =>
  repairs ? `Mark ${nameOf(file)} for our audit` : `Put ${nameOf(file)} of ${older} back`;

/** A line that the patch is said to be for: it has to be there after a repair. */
const withPurpose = (text: string) => text.replace(/\n(?=public (?:abstract |final )?class )/, '\n// audited: ours\n');

/** How the repair ended, and what the thread says of it. */
function repairOf({ outcome, candidates, thread, agent }: Report) {
  const told = thread.map(({ text }) => text).filter((text) => /repair|agent|Reviewers/i.test(text));
  return { outcome: outcome?.kind ?? 'none', candidates: candidates.length, agent, told };
}

function wrongVerdicts(one: RegressionCase, verdicts: Verdicts, culprit: string): string[] {
  const problems = verdicts.flatMap(({ unit, test, kind, culprit: named = [] }) => [
    ...(unit === one.test ? [] : [`${unit} was not to fail`]),
    ...(kind === 'regression' ? [] : [`${test} is called ${kind}`]),
    ...(named.length === 1 && named[0] === culprit
      ? []
      : [`${test}: the culprit is ${culprit}, not ${named.join(' or ') || 'nothing'}`]),
  ]);
  if (verdicts.length === 0) problems.push('nothing failed');
  if (one.fails !== undefined && verdicts.length !== one.fails)
    problems.push(`${verdicts.length} tests failed, not ${one.fails}`);
  return problems;
}

const shown = ({ test, kind, candidate, base, culprit = [] }: Verdicts[number]) => ({
  test: test.replace(/^.*\.(?=\w+(#|$))/, ''),
  kind,
  candidate: `${candidate.fail} of ${candidate.pass + candidate.fail}`,
  base: `${base.fail} of ${base.pass + base.fail}`,
  culprit: culprit.map((commit) => commit.slice(0, 10)).join(' '),
});
