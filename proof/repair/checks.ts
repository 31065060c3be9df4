import type { Report, ReportCandidate } from '../../report/report.ts';
import { FILE, TESTS } from './script.ts';

/** What the product says of a repaired release, and what git holds: each is a list of what is wrong. */

export type Git = (...args: string[]) => Promise<string>;

const CAUSED = ['regression', 'destabilised'];

/** The first candidate: held by the right tests and the right patch, and by no other test; rolled out nowhere. */
export function heldProblems({ outcome, suites, rollouts }: ReportCandidate, pushed: string): string[] {
  const verdicts = suites.flatMap((suite) => suite.verdicts);
  const right = verdicts.filter(({ unit }) => TESTS.includes(unit));
  const others = verdicts.filter(({ unit, kind }) => !TESTS.includes(unit) && CAUSED.includes(kind));
  return [
    ...(outcome?.kind === 'held' && outcome.at === 'suites' ? [] : [`it ended as ${outcome?.kind} at ${outcome?.at}`]),
    ...TESTS.filter((one) => right.every(({ unit }) => unit !== one)).map((one) => `${one} did not fail`),
    ...right.flatMap(({ test, kind, culprit = [], candidate, base }) => [
      ...(kind === 'regression' ? [] : [`${test} is called ${kind}`]),
      ...(String(culprit) === pushed ? [] : [`${test}: the culprit is ${pushed}, not ${culprit.join(' or ')}`]),
      ...(candidate.pass === 0 && base.fail === 0 ? [] : [`${test} fails now and then, or on the base`]),
    ]),
    ...others.map(({ test, kind }) => `${test} is called ${kind}, and was not to fail`),
    ...(rollouts.length === 0 ? [] : ['the held candidate was rolled out']),
  ];
}

/** The second one: the same suites with as many tests, none left out; both environments run it, nothing lost. */
export function releasedProblems(held: ReportCandidate, repaired: ReportCandidate): string[] {
  const { suites, rollouts } = repaired;
  const names = ({ suites: some }: ReportCandidate) => some.map(({ name }) => name).join(', ');
  const environments = rollouts.map(({ environment, outcome }) => `${environment} ${outcome}`).join(', ');
  return [
    ...(names(held) === names(repaired) ? [] : [`its suites are ${names(repaired)}, not ${names(held)}`]),
    ...suites.flatMap((suite) => suiteProblems(held.suites.find(({ name }) => name === suite.name)?.tests, suite)),
    ...(environments === 'staging promoted, production promoted' ? [] : [`its roll-outs are: ${environments}`]),
    ...rollouts.flatMap((rollout) => rolloutProblems(repaired, rollout)),
  ];
}

type Suite = ReportCandidate['suites'][number];

function suiteProblems(before: Suite['tests'] | undefined, { name, tests, repeated, verdicts }: Suite): string[] {
  const all = (counts: Suite['tests'] | undefined) =>
    counts === undefined ? 0 : counts.passed + counts.failed + counts.skipped;
  return [
    ...(all(tests) === all(before) ? [] : [`${name} has ${all(tests)} tests, and had ${all(before)}`]),
    ...(tests.skipped === before?.skipped
      ? []
      : [`${name} leaves out ${tests.skipped}, and left out ${before?.skipped}`]),
    ...(repeated === 0 ? [] : [`${name} ran ${repeated} units again that had ended`]),
    ...verdicts.filter(({ unit }) => TESTS.includes(unit)).map(({ test, kind }) => `${test} fails still: ${kind}`),
  ];
}

type Rollout = ReportCandidate['rollouts'][number];

function rolloutProblems({ commit, artifacts }: ReportCandidate, { environment, targets, traffic }: Rollout): string[] {
  const isOurs = ({ sha256 }: { sha256: string }) => artifacts.some((one) => one.sha256 === sha256);
  const strange = targets.filter(
    ({ readBack }) => readBack === null || !commit.startsWith(readBack.commit) || !readBack.artifacts.some(isOurs),
  );
  return [
    ...(targets.length >= 3 ? [] : [`${environment} has ${targets.length} nodes`]),
    ...strange.map(({ name }) => `${environment}/${name} runs something else`),
    ...(traffic !== null && traffic.acknowledged > 0 && traffic.lost === 0 && traffic.offsetsMovedBack === 0
      ? []
      : [`${environment}: ${JSON.stringify(traffic)}`]),
  ];
}

/** The guilty patch is changed, in the one file, and says by whom; every other patch is the very commit that it was. */
export async function gitProblems(git: Git, report: Report, pushed: string): Promise<string[]> {
  const [held = 'none', repaired = 'none'] = report.candidates.map(({ commit }) => commit);
  const lines = async (...args: string[]) => (await git(...args)).split('\n').filter((line) => line !== '');
  const before = await lines('rev-list', '--reverse', `upstream..${held}`);
  const after = await lines('rev-list', '--reverse', `upstream..${repaired}`);
  const changed = before.flatMap((commit, i) => (after[i] === commit ? [] : [i]));
  const at = before.indexOf(pushed);
  const files = await lines('diff', '--name-only', '--no-renames', held, repaired);
  const own = await lines('show', '--format=', '--name-only', '--no-renames', pushed);
  const ownNow = await lines('show', '--format=', '--name-only', '--no-renames', repaired);
  const said = async (commit: string) => (await git('log', '-1', '--format=%an <%ae> %at%n%B', commit)).trim();
  const [was, is] = [await said(pushed), await said(repaired)];
  const trailer = `Repaired-By: patchwright ${report.release}/1/repair-1`;
  return [
    ...(before.length === after.length ? [] : [`git: ${before.length} patches became ${after.length}`]),
    ...(at === before.length - 1 && changed.join() === String(at)
      ? []
      : [`git: patches ${changed.map((i) => i + 1).join(', ')} are other commits, and not ${at + 1} alone`]),
    ...(files.join() === FILE ? [] : [`git: the repair changes ${files.join(', ') || 'nothing'}`]),
    ...(own.join() === ownNow.join() ? [] : [`git: the patch changed ${own.join(', ')}, now ${ownNow.join(', ')}`]),
    ...(is === `${was}\n${trailer}` ? [] : [`git: author and message are\n${is}\nand were\n${was}`]),
    ...((await git('show', `${repaired}:${FILE}`)).includes('which metric names cannot tell apart')
      ? []
      : ['git: what the patch is for is gone']),
  ];
}

/** What whoever reads the release's thread, or its report, is told. */
export function tellingProblems({ thread, agent }: Report, page: string): string[] {
  const told = thread.map(({ text }) => text).join('\n');
  return [
    ...TOLD.flatMap(([what, words]) => (words.test(told) ? [] : [`the thread does not tell ${what}`])),
    ...(page.includes('proven in a clean room') ? [] : ['the report’s page does not tell the proof']),
    ...(agent.tests.length === 0 ? [] : [`tests were touched: ${agent.tests.map(({ path }) => path).join(', ')}`]),
    ...(agent.running === 0 ? [] : [`${agent.running} agents run still`]),
  ];
}

const TOLD: [what: string, words: RegExp][] = [
  ['the explanation', /the agent’s explanation \(high confidence; .*«if \(name\.indexOf\('\.'\)/],
  [
    'the proof',
    /proven in a clean room: it builds; TopicTest#\S+ failed (\d+) of \1 before, 0 of \d+ with the change; .*whole suite: [1-9]\d* passed, \d+ failed, 0 of them broken by it/,
  ],
  ['the repaired stack', /The repaired stack is refs\/patchwright\/\S+\/repaired-1 .* The branch is as it was/],
];

/** The proof's own words, for whoever reads the figures. */
export const proofTold = ({ thread }: Report): string[] =>
  thread.map(({ text }) => text).filter((text) => text.includes('proven in a clean room'));
