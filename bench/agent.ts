/**
 * `npm run bench -- agent [--turns 10,100,500] [--bytes 200000]`: what an agent costs beside its model, whose server
 * here answers at once: our own time from one answer to the next question (the tool that was called, the transcript, the
 * records, Temporal), what Temporal keeps of the run, and the memory of the activity worker. Each turn calls one tool that
 * answers with so many bytes. Temporal, PostgreSQL, git and the worker's process are real.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createTranscripts } from '../activities/agent/transcript.ts';
import { loadSettings } from '../config/load.ts';
import { settingsSchema } from '../config/schema.ts';
import { nodeFlagsOf } from '../services/role.ts';
import { startServices } from '../services/start-services.ts';
import { type Progress, progressOnStderr } from '../setup/progress.ts';
import { openAgentRun } from '../store/agents.ts';
import { createArtifactStore } from '../store/artifacts.ts';
import { type Db, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { keepSettings } from '../store/releases.ts';
import type { AgentOrder, AgentOutcome } from '../workflows/agent-types.ts';
import { cpuOf } from './agent/cpu.ts';
import { measureActivities } from './agent/history.ts';
import { startInstantModel } from './agent/model.ts';
import type { WorkerArguments } from './agent/worker.ts';
import type { Measured } from './run.ts';
import { measureHistory } from './scale/history.ts';
import { watchPeaks } from './scale/peak.ts';

/** design.md, *Numbers to hold*. */
const GOALS = { overheadMs: 50, eventsARun: 2_000, payloadBytes: 50 * 1024 };
const WORKER = fileURLToPath(new URL('./agent/worker.ts', import.meta.url));
const WORKFLOWS = fileURLToPath(new URL('../workflows/agent-run.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** More than one call reads, so that no two calls are the same. */
const LINES = 2_600;
const LINES_A_CALL = 2_000;

export async function bench(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: { turns: { type: 'string', default: '10,100,500' }, bytes: { type: 'string', default: '200000' } },
  });
  const progress = progressOnStderr();
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const figures: Record<string, Figures> = {};
  for (const turns of values.turns.split(',').map(Number)) {
    figures[turns] = await measure({ turns, bytes: Number(values.bytes) }, progress);
  }
  const met = Object.values(figures).every(
    ({ overheadMs, history, wrong }) =>
      wrong === undefined &&
      overheadMs.mean < GOALS.overheadMs &&
      history.mostEventsARun < GOALS.eventsARun &&
      history.largestPayloadBytes < GOALS.payloadBytes,
  );
  return { figures, goals: GOALS, met };
}

type Size = { turns: number; bytes: number };
type Figures = {
  seconds: number;
  modelSeconds: number;
  /** Of one turn, from an answer of the model to its next question. `lastTenth`: of the last turns, whose past is longest. */
  overheadMs: { mean: number; median: number; p95: number; lastTenth: number };
  /** Of the mean, milliseconds in the turn's own activity, in the tool's, and between them (Temporal). */
  ofWhichMs: { turn: number; tool: number; between: number };
  /** CPU of one turn, which other people's load does not change: the activity worker, the git that it starts, and this
   * process (workflow worker, and the model's server). */
  cpuMs: { activityWorker: number; git: number; here: number };
  /** Of the last minute, where the machine is shared: above the cores the milliseconds are not ours alone. */
  load: number;
  cores: number;
  largestRequestBytes: number;
  history: Awaited<ReturnType<typeof measureHistory>> & { bytes: number; mostBytesARun: number };
  peakMib: Record<string, number>;
  wrong?: string;
};

async function measure(size: Size, progress: Progress): Promise<Figures> {
  const root = mkdtempSync(join(tmpdir(), 'patchwright-agent-bench-'));
  const services = await startServices({ dataDir: root });
  const model = await startInstantModel('Long.txt');
  try {
    await migrate(services.databaseUrl);
    const db = openDatabase(services.databaseUrl);
    const keyFile = join(root, 'model.key');
    writeFileSync(keyFile, 'a key of no use', { mode: 0o600 });
    const orders = await prepare(db, { root, size, modelUrl: model.url, keyFile });
    const given = { address: services.temporal.address, databaseUrl: services.databaseUrl, dataDir: root };
    const figures = await withWorker(given, async (parts) => {
      // What a worker's first turns cost is its own start.
      await runOnce({ ...parts, order: orders.warmUp, model });
      return runOnce({ ...parts, order: orders.measured, model });
    });
    await db.destroy();
    progress(`${size.turns} turns`, JSON.stringify(figures));
    return figures;
  } finally {
    await model.stop();
    await services.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

type Peaks = () => Record<string, number>;
type Serving = { client: Client; peaks: Peaks; pid: number };

/** The activity worker in a process of its own, the workflow worker in this one. */
async function withWorker<T>(given: WorkerArguments, work: (serving: Serving) => Promise<T>): Promise<T> {
  const node = [...nodeFlagsOf('activity'), WORKER, JSON.stringify(given)];
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'ignore', 'inherit'] });
  const connection = await NativeConnection.connect({ address: given.address });
  const worker = await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath: WORKFLOWS });
  const serving = worker.run();
  const client = new Client({ connection: await Connection.connect({ address: given.address }) });
  const peaks = watchPeaks(() => ({ activityWorker: child.pid ?? 0 }));
  try {
    return await work({ client, peaks: peaks.stop, pid: child.pid ?? 0 });
  } finally {
    peaks.stop();
    child.kill('SIGKILL');
    worker.shutdown();
    await serving;
    await client.connection.close();
    await connection.close();
  }
}

type Run = Serving & {
  order: AgentOrder;
  model: Awaited<ReturnType<typeof startInstantModel>>;
};

async function runOnce({ client, peaks, pid, order, model }: Run): Promise<Figures> {
  const before = { here: process.cpuUsage(), there: cpuOf(pid) };
  const handle = await client.workflow.start<(order: AgentOrder) => Promise<AgentOutcome>>('agentRun', {
    ...{ taskQueue: 'patchwright', workflowId: `agent:${order.run}`, args: [order] },
  });
  const outcome = await handle.result();
  const peakMib = peaks();
  const cpuMs = cpuATurn(before, pid, order.budget.turns);
  const asked = model.take();
  const gaps = asked.slice(1).map(({ from }, i) => from - (asked[i]?.to ?? from));
  const mean = meanOf(gaps);
  const { bytes, mostBytesARun, activities } = await measureActivities(
    client,
    handle.workflowId,
    handle.firstExecutionRunId,
  );
  const modelMs = asked.reduce((sum, { from, to }) => sum + to - from, 0);
  const msATurn = (name: string) => ((activities[name]?.seconds ?? 0) * 1_000) / asked.length;
  const turn = msATurn('takeTurn') - modelMs / asked.length;
  const tool = msATurn('useTool');
  const isWhole = outcome.kind === 'out-of-budget' && asked.length === order.budget.turns;
  const wrong = isWhole ? undefined : `${asked.length} questions; it ended as ${JSON.stringify(outcome)}`;
  return {
    seconds: tenth(((asked.at(-1)?.to ?? 0) - (asked[0]?.from ?? 0)) / 1_000),
    modelSeconds: Math.round(modelMs) / 1_000,
    overheadMs: {
      ...{ mean: tenth(mean), median: tenth(quantile(gaps, 0.5)), p95: tenth(quantile(gaps, 0.95)) },
      lastTenth: tenth(meanOf(gaps.slice(-Math.ceil(gaps.length / 10)))),
    },
    ofWhichMs: { turn: tenth(turn), tool: tenth(tool), between: tenth(mean - turn - tool) },
    cpuMs,
    load: loadavg()[0] ?? 0,
    cores: availableParallelism(),
    largestRequestBytes: Math.max(...asked.map((one) => one.bytes)),
    history: {
      ...(await measureHistory(client, handle.workflowId, handle.firstExecutionRunId)),
      ...{ bytes, mostBytesARun },
    },
    peakMib,
    ...(wrong === undefined ? {} : { wrong }),
  };
}

type Before = { here: NodeJS.CpuUsage; there: ReturnType<typeof cpuOf> };

function cpuATurn({ here, there }: Before, pid: number, turns: number): Figures['cpuMs'] {
  const { user, system } = process.cpuUsage(here);
  const now = cpuOf(pid);
  const of = (name: 'own' | 'children') => tenth(((now?.[name] ?? 0) - (there?.[name] ?? 0)) / turns);
  return { activityWorker: of('own'), git: of('children'), here: tenth((user + system) / 1_000 / turns) };
}

type Parts = { root: string; size: Size; modelUrl: string; keyFile: string };

const WARM_UP_TURNS = 8;

/** A fork with one long file, and runs that may ask so many questions. */
async function prepare(db: Db, { root, size, modelUrl, keyFile }: Parts) {
  const commit = makeFork(root, size.bytes);
  const example = loadSettings(join(ROOT, 'patchwright.yaml'));
  const [fork] = Object.values(example.forks);
  const release = { ...fork?.release, environments: [] };
  const long = { ...fork, repository: join(root, 'work'), release };
  const settings = await keepSettings(
    db,
    settingsSchema.parse({
      forks: { long },
      libraries: example.libraries,
      model: { name: 'instant', key: { file: keyFile }, baseUrl: modelUrl },
    }),
  );
  const brief = await createTranscripts(createArtifactStore(join(root, 'artifacts'))).append(undefined, [
    { role: 'developer', content: 'You explain why a release is held.' },
    { role: 'user', content: 'Read the long file.' },
  ]);
  const orderOf = async (run: string, turns: number): Promise<AgentOrder> => {
    await openAgentRun(db, { run, release: 'long-1', role: 'diagnose', brief });
    return {
      ...{ run, role: 'diagnose', release: 'long-1', settings, brief },
      subject: { fork: 'long', base: commit, candidate: commit },
      budget: { turns, tokens: 1e9, money: 1e9, minutes: 600 },
    };
  };
  return { warmUp: await orderOf('long-1/warm-up', WARM_UP_TURNS), measured: await orderOf('long-1/1', size.turns) };
}

function makeFork(root: string, bytes: number): string {
  const work = join(root, 'work');
  mkdirSync(work, { recursive: true });
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=b', '-c', 'user.email=b@example.org', ...args], {
      cwd: work,
      encoding: 'utf8',
    }).trim();
  git('init', '--quiet', '--initial-branch=main');
  // Each line is shown with its number before it.
  const width = Math.max(1, Math.round(bytes / LINES_A_CALL) - 6);
  const words = 'the broker has seen the end of the log and goes on with the next of its segments; '.repeat(20);
  writeFileSync(join(work, 'Long.txt'), `${words.slice(0, width)}\n`.repeat(LINES));
  git('add', '--all');
  git('commit', '--quiet', '--message', 'A long file');
  mkdirSync(join(root, 'git'), { recursive: true });
  git('clone', '--quiet', '--bare', work, join(root, 'git', 'long.git'));
  return git('rev-parse', 'HEAD');
}

const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / (numbers.length || 1);
const tenth = (number: number) => Math.round(number * 10) / 10;

function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}
