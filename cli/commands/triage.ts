import { existsSync, statSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import type { Settings } from '../../config/schema.ts';
import { holdsRelease } from '../../decisions/failure-verdict.ts';
import { isQuarantined } from '../../decisions/quarantine.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { Db } from '../../store/database.ts';
import { keepSettings } from '../../store/releases.ts';
import { suiteVerdicts } from '../../store/suite-report.ts';
import { openTriage, placesOf } from '../../store/triage.ts';
import type { TriageOrder, TriageOutcome } from '../../workflows/triage.ts';
import type { Source, Verdict } from '../../workflows/types.ts';
import { type JunitFolder, readJunitFolder } from '../junit-folder.ts';
import { table } from '../output.ts';
import { personOf } from './release.ts';

export type TriageRequest = { junit: string; fork: string; candidate?: string; base?: string; suites?: string[] };

export type TriageView = {
  triage: string | null;
  fork: string;
  read: Omit<JunitFolder, 'failures'>;
  candidate?: Source;
  base?: Source;
  patches?: number;
  suites: { name: string; failures: number; rerunSeconds: number; problem?: string }[];
  verdicts: (Verdict & { suite: string | null; holds: boolean })[];
  /** Why nothing could be judged. */
  reasons: string[];
  /** Everything that holds: verdicts, and what could not be read. */
  holding: number;
};

/** What is to be judged. */
export type Asked = { request: TriageRequest; suites: string[]; read: JunitFolder };

/** Reads the reports. @throws ExitError 2 for a fork, a suite or a folder that is not there, or holds no report. */
export async function readTriage(settings: Settings, request: TriageRequest): Promise<Asked> {
  return { request, suites: suitesOf(settings, request), read: await reportsOf(request.junit) };
}

/** What is shown where nothing failed. */
export function nothingToJudge({ request: { fork }, read: { failures: _, ...read } }: Asked): TriageView {
  return { triage: null, fork, read, suites: [], verdicts: [], reasons: [], holding: read.problems.length };
}

/** Judges what another CI has found. @throws ExitError 2 for a reference that is not there. */
export async function triage(
  { db, client }: { db: Db; client: Client },
  settings: Settings,
  asked: Asked,
  say: (line: string) => void,
): Promise<TriageView> {
  const { fork, base, candidate = settings.forks[asked.request.fork]?.branch ?? '' } = asked.request;
  const { failures, tests } = asked.read;
  const digest = await keepSettings(db, settings);
  const id = await openTriage(db, { fork, requestedBy: personOf(settings), settings: digest, found: failures });
  say(`${id}: judging ${failures.length} failures of ${tests.failed + tests.passed} tests on ${fork} ${candidate}`);
  const ordered = { triage: id, fork, candidate, suites: asked.suites, settings: digest };
  const outcome = await judge(client, base === undefined ? ordered : { ...ordered, base });
  const empty = { ...nothingToJudge(asked), triage: id };
  return outcome.kind === 'unjudged' ? { ...empty, reasons: outcome.reasons } : view(db, empty, outcome);
}

function suitesOf(settings: Settings, { fork: name, suites: wanted }: TriageRequest): string[] {
  const fork = settings.forks[name];
  const known = (things: object) => Object.keys(things).join(', ') || 'none';
  if (!fork) throw new ExitError(2, `no fork "${name}" is configured; there are: ${known(settings.forks)}`);
  const unknown = (wanted ?? []).find((suite) => !(suite in fork.suites));
  if (unknown !== undefined)
    throw new ExitError(2, `no suite "${unknown}" in ${name}; there are: ${known(fork.suites)}`);
  return wanted ?? [...new Set([...fork.release.suites, ...Object.keys(fork.suites)])];
}

async function reportsOf(dir: string): Promise<JunitFolder> {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) throw new ExitError(2, `${dir} is not a folder`);
  const read = await readJunitFolder(dir);
  const { passed, failed, skipped } = read.tests;
  if (read.files === 0)
    throw new ExitError(2, `${dir} holds no .xml file: name the folder into which the CI puts its JUnit reports`);
  if (passed + failed + skipped === 0) {
    const why = read.problems[0] === undefined ? '' : `: ${read.problems[0]}`;
    throw new ExitError(2, `none of ${read.files} .xml files below ${dir} is a JUnit report with a test${why}`);
  }
  return read;
}

async function judge(client: Client, order: TriageOrder): Promise<TriageOutcome> {
  const how = { workflowId: `triage:${order.triage}`, taskQueue: 'patchwright', args: [order] as [TriageOrder] };
  try {
    return await client.workflow.execute<(order: TriageOrder) => Promise<TriageOutcome>>('triage', how);
  } catch (error) {
    const cause =
      error instanceof WorkflowFailedError && error.cause instanceof ActivityFailure ? error.cause.cause : undefined;
    if (!(cause instanceof ApplicationFailure)) throw error;
    const usage = cause.type === 'UnknownRef' || cause.type === 'BadConfiguration';
    throw new ExitError(usage ? 2 : 4, cause.message);
  }
}

async function view(
  db: Db,
  nothing: TriageView & { triage: string },
  { candidate, base, patches, suites }: Extract<TriageOutcome, { kind: 'judged' }>,
): Promise<TriageView> {
  const verdicts: TriageView['verdicts'] = [];
  const counted: TriageView['suites'] = [];
  for (const { suite, suiteRun, rerunSeconds, problem } of suites) {
    const found = await suiteVerdicts(db, suiteRun);
    for (const verdict of found) {
      verdicts.push({ ...verdict, suite, holds: holdsRelease(verdict.kind) && !isQuarantined(verdict) });
    }
    if (found.length > 0 || problem !== undefined)
      counted.push({
        name: suite,
        failures: found.length,
        rerunSeconds,
        ...(problem === undefined ? {} : { problem }),
      });
  }
  const homeless = (await placesOf(db, nothing.triage)).filter(({ suite }) => suite === null);
  verdicts.push(...homeless.map(untestable));
  const holding = verdicts.filter(({ holds }) => holds).length + counted.filter(({ problem }) => problem).length;
  return { ...nothing, candidate, base, patches, suites: counted, verdicts, holding: nothing.holding + holding };
}

/** What no suite can run, nobody can judge. */
const untestable = ({ test, message }: { test: string; message: string }): TriageView['verdicts'][number] => ({
  ...{ unit: test.replace(/#.*$/s, ''), test, kind: 'untestable', suite: null, holds: true },
  ...{ candidate: { pass: 0, fail: 0 }, base: { pass: 0, fail: 0 } },
  message: oneLine(`no suite of the fork has this test: ${message}`),
  evidence: '',
});

/** 0 nothing holds · 1 something does · 4 it could not be told. */
export function exitOfTriage({ reasons, holding }: TriageView): 0 | 1 | 4 {
  if (reasons.length > 0) return 4;
  return holding > 0 ? 1 : 0;
}

export function triageText(shown: TriageView): string[] {
  const { read, verdicts, reasons, holding, fork, candidate, base, patches } = shown;
  const { passed, failed, skipped } = read.tests;
  const head = `${read.files} reports: ${passed} passed, ${failed} failed, ${skipped} skipped`;
  const problems = read.problems.map((problem) => `! ${problem}`);
  if (failed === 0)
    return [
      head,
      ...problems,
      problems.length > 0 ? 'What could not be read may hide a failure.' : 'No failure: nothing to judge.',
    ];
  if (reasons.length > 0) return [head, ...problems, 'The failures could not be judged:', ...reasons];
  const against = `${fork} ${candidate?.commit.slice(0, 12)} (${patches} patches) against ${base?.version} ${base?.commit.slice(0, 12)}`;
  const failing = ({ pass, fail }: Verdict['candidate']) => `${fail}/${pass + fail}`;
  const rows = [...verdicts]
    .sort((a, b) => Number(b.holds) - Number(a.holds))
    .map((verdict) => [
      verdict.holds ? 'HOLDS' : '',
      verdict.kind,
      failing(verdict.candidate),
      failing(verdict.base),
      (verdict.culprit ?? []).map((commit) => commit.slice(0, 12)).join(' '),
      oneLine(verdict.test, 160),
    ]);
  const titles = ['', 'VERDICT', 'CANDIDATE', 'BASE', 'PATCH', 'TEST'];
  const stopped = shown.suites.flatMap(({ name, problem }) => (problem ? [`! suite ${name}: ${problem}`] : []));
  const end = holding > 0 ? `${holding} hold` : 'Nothing holds.';
  return [
    head,
    against,
    ...problems,
    ...stopped,
    '',
    ...table([titles, ...rows]),
    '',
    `CANDIDATE and BASE: failures of reruns. ${end}`,
  ];
}
