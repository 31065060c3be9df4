/**
 * `npm run bench -- scale [--units N,N,…] [--bytes N] [--slots N]`
 *
 * Suites of 1,000, 10,000 and 100,000 units, ten tests and 10 KB of report each (1 GB in all at the largest), one in
 * 500 units with a failure that is judged on both arms. A real Temporal server and PostgreSQL, the real workflow and
 * activities, the real slot runner with its event log; only what runs a unit is scripted: it writes a JUnit report,
 * which is read as any other. Planned without a history the first time, with one the second.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { sql } from 'kysely';
import { stopAllRunners } from '../activities/suite-runner.ts';
import { loadSettings } from '../config/load.ts';
import { type Settings, settingsSchema } from '../config/schema.ts';
import { suiteSchema } from '../config/suite.ts';
import { findDetached, stateOf } from '../lib/detached.ts';
import { nodeFlagsOf } from '../services/role.ts';
import { startServices } from '../services/start-services.ts';
import { type Progress, progressOnStderr } from '../setup/progress.ts';
import { type Db, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { keepSettings } from '../store/releases.ts';
import type { SuiteOrder } from '../workflows/suite.ts';
import type { Build, SuiteOutcome } from '../workflows/types.ts';
import type { Measured } from './run.ts';
import { type HistoryFigures, measureHistory } from './scale/history.ts';
import { watchPeaks } from './scale/peak.ts';
import { unitName } from './scale/report-file.ts';
import type { WorkerArguments } from './scale/worker.ts';

/** design.md, *Numbers to hold*. */
const GOALS = { peakMib: 400, eventsARun: 2_000, payloadBytes: 50 * 1024 };
const SCALE_WORKER = fileURLToPath(new URL('./scale/worker.ts', import.meta.url));
const READER = fileURLToPath(new URL('./scale/read.ts', import.meta.url));
const WORKFLOWS = fileURLToPath(new URL('../workflows/suite.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));

type Size = { units: number; bytes: number; slots: number };

export async function bench(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      units: { type: 'string', default: '1000,10000,100000' },
      bytes: { type: 'string', default: '10500' },
      slots: { type: 'string', default: '2' },
    },
  });
  const progress = progressOnStderr();
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const figures: Record<string, Figures> = {};
  for (const units of values.units.split(',').map(Number)) {
    const size = { units, bytes: Number(values.bytes), slots: Number(values.slots) };
    figures[units] = await measure(size, progress);
  }
  const all = Object.values(figures);
  const met = all.every(
    ({ peakMib, history, wrong }) =>
      wrong === undefined &&
      Object.values(peakMib).every((mib) => mib < GOALS.peakMib) &&
      history.mostEventsARun < GOALS.eventsARun &&
      history.largestPayloadBytes < GOALS.payloadBytes,
  );
  return { figures, goals: GOALS, met };
}

type Figures = {
  /** All of the suite workflow, and what of it was planning, running and judging. */
  seconds: { all: number; plan: number; suite: number; judge: number };
  /** Of the suite worker, the slot runners, and whoever reads the report. */
  peakMib: Record<string, number>;
  history: HistoryFigures;
  reportMs: number;
  progressMs: number;
  executions: number;
  tests: number;
  verdicts: number;
  /** The result is not what the reports say. */
  wrong?: string;
};

async function measure(size: Size, progress: Progress): Promise<Figures> {
  const root = mkdtempSync(join(tmpdir(), 'patchwright-scale-'));
  const dataDir = join(root, 'data');
  mkdirSync(dataDir, { recursive: true });
  const services = await startServices({ dataDir: root });
  try {
    await migrate(services.databaseUrl);
    const db = openDatabase(services.databaseUrl);
    const { address } = services.temporal;
    const given: WorkerArguments = {
      ...{ address, databaseUrl: services.databaseUrl, dataDir, slots: size.slots, reportBytes: size.bytes },
    };
    const figures = await withWorkers(given, (client, peaks) => runOnce({ db, client, size, given, progress, peaks }));
    await db.destroy();
    return figures;
  } finally {
    await stopAllRunners(dataDir);
    await services.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

type Peaks = () => Record<string, number>;

/** The suite worker in a process of its own, the workflow worker in this one. */
async function withWorkers<T>(given: WorkerArguments, work: (client: Client, peaks: Peaks) => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, [...nodeFlagsOf('suite'), SCALE_WORKER, JSON.stringify(given)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const connection = await NativeConnection.connect({ address: given.address });
  const worker = await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath: WORKFLOWS });
  const serving = worker.run();
  const client = new Client({ connection: await Connection.connect({ address: given.address }) });
  const peaks = watchPeaks(() => ({ suiteWorker: child.pid ?? 0, ...slotsBelow(join(given.dataDir, 'runs')) }));
  try {
    return await work(client, peaks.stop);
  } finally {
    peaks.stop();
    child.kill('SIGKILL');
    worker.shutdown();
    await serving;
    await client.connection.close();
    await connection.close();
  }
}

function slotsBelow(folder: string): Record<string, number> {
  return Object.fromEntries(
    findDetached(folder).flatMap((dir, n) => {
      const state = stateOf(dir);
      return state.kind === 'running' ? [[`slot${n}`, state.process.pid]] : [];
    }),
  );
}

type Run = { db: Db; client: Client; size: Size; given: WorkerArguments; progress: Progress; peaks: Peaks };

async function runOnce({ db, client, size, given, progress, peaks }: Run): Promise<Figures> {
  const settings = await keepSettings(db, settingsFor(size.units));
  const order = orderOf(settings);
  progress(
    `${size.units} units`,
    `${Math.round((size.units * size.bytes) / 1e6)} MB of reports on ${size.slots} slots`,
  );
  const begun = Date.now();
  const handle = await client.workflow.start<(given: SuiteOrder) => Promise<SuiteOutcome>>('suite', {
    ...{ taskQueue: 'patchwright', workflowId: `suite:${order.suiteRun}`, args: [order] },
  });
  const outcome = await handle.result();
  const all = (Date.now() - begun) / 1000;
  const peakMib = peaks();
  const history = await measureHistory(client, handle.workflowId, handle.firstExecutionRunId);
  const { plan, judge } = await phasesOf(db, begun);
  const read = await readerOf(given.databaseUrl, order.release);
  const wrong = wrongOf(outcome, size.units, read.verdicts);
  const figures: Figures = {
    seconds: { all: tenth(all), plan: tenth(plan), suite: tenth(outcome.seconds), judge: tenth(judge) },
    peakMib: { ...peakMib, reader: read.peakMib },
    ...{ history, reportMs: read.reportMs, progressMs: read.progressMs, verdicts: read.verdicts },
    executions: outcome.executions,
    tests: outcome.tests.passed + outcome.tests.failed,
    ...(wrong === undefined ? {} : { wrong }),
  };
  progress(`${size.units} units`, JSON.stringify(figures));
  return figures;
}

/** Ten tests a unit, one in 500 units with a failure on both arms: anything else is a bench that measured nothing. */
function wrongOf({ tests, repeated, problem, holding }: SuiteOutcome, units: number, verdicts: number) {
  const failing = Math.ceil((units - 7) / 500);
  if (problem !== undefined) return problem;
  if (repeated > 0) return `${repeated} finished units ran again`;
  if (tests.passed + tests.failed !== units * 10) return `${tests.passed + tests.failed} tests of ${units * 10}`;
  if (tests.failed !== failing || verdicts !== failing)
    return `${tests.failed} failures, ${verdicts} verdicts of ${failing}`;
  return holding.length > 0 ? `${holding.length} verdicts hold that should not` : undefined;
}

/** Seconds before the first unit could begin, and after the last one had ended. */
async function phasesOf(db: Db, begun: number): Promise<{ plan: number; judge: number }> {
  const { rows } = await sql<{ plan: number; judge: number }>`
    select extract(epoch from started_at - ${new Date(begun)})::float8 as plan,
      extract(epoch from ended_at - suite_ended_at)::float8 as judge from suite_run`.execute(db);
  return rows[0] ?? { plan: 0, judge: 0 };
}

type Read = { reportMs: number; progressMs: number; peakMib: number; verdicts: number };

/** The report in a process of its own, so that its memory is its own. */
async function readerOf(databaseUrl: string, release: string): Promise<Read> {
  const child = spawn(process.execPath, [READER, databaseUrl, release], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  const { suite, ...figures } = JSON.parse(text) as Omit<Read, 'verdicts'> & { suite: { verdicts: unknown[] } };
  return { ...figures, verdicts: suite.verdicts.length };
}

function settingsFor(units: number): Settings {
  const example = loadSettings(join(ROOT, 'patchwright.yaml'));
  const [fork] = Object.values(example.forks);
  const scale = suiteSchema.parse({
    ...{ runner: 'junit-xml', command: ['true', '{unit}'], reports: ['reports'] },
    units: Array.from({ length: units }, (_, index) => unitName(index)),
  });
  const forks = { scale: { ...fork, suites: { scale }, release: { suites: ['scale'], environments: [] } } };
  return settingsSchema.parse({ ...example, forks });
}

function orderOf(settings: string): SuiteOrder {
  const build = (commit: string): Build => ({
    ...{ fork: 'scale', commit, version: `1.${commit}`, digest: commit.repeat(64), artifacts: [], buildKey: commit },
  });
  const [base, candidate] = [build('a'), build('b')];
  return {
    ...{ suiteRun: 'scale-1/1/scale', release: 'scale-1', candidateNumber: 1, fork: 'scale', suite: 'scale', settings },
    ...{ base, candidate, patches: [], sources: [] },
  };
}

const tenth = (seconds: number) => Math.round(seconds * 10) / 10;
