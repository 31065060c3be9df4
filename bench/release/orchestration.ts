/**
 * What our orchestration costs by itself: the workflow `release`, with all that it starts, against a bare workflow.
 *
 * Both run in this process, on one Temporal server and one PostgreSQL whose every commit is synced, alternating.
 * The bare workflow takes its plan from the history of the release before it, so that these are equal:
 *   - the number of activity calls, each on the queue of its model, and which of them wait for which;
 *   - child workflows: the suites, and the roll-outs (which the bare one starts itself);
 *   - timers; and the commits to the database, counted by its transaction ids and spread evenly over the activities.
 * Not equal, so that it counts as ours: deciding, payloads that carry something, reading (settings, ledger, plan),
 * statements that touch more than one row, heartbeats, and everything between a release and its environments: the
 * update that asks for a roll-out, the signals that tell its end, and the environments' own workflows.
 * In neither: git, builds, tests, nodes, traffic, waiting for a soak, Slack.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { sql } from 'kysely';
import { createSettingsReader } from '../../activities/settings.ts';
import type { Settings } from '../../config/schema.ts';
import { startServices } from '../../services/start-services.ts';
import type { Progress } from '../../setup/progress.ts';
import { type Db, openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings, openRelease } from '../../store/releases.ts';
import type { ReleaseInput } from '../../workflows/release.ts';
import { createBareActivities, createBareTable } from './bare-activities.ts';
import { type BarePlan, type Counts, countsOf, type HistoryEvent, planOf, spreadWrites } from './bare-plan.ts';
import { createNoOpActivities, type Size } from './no-op-activities.ts';
import { createNoOpSuiteActivities } from './no-op-suite.ts';
import { median } from './statistics.ts';

export type Orchestration = {
  /** Median over the pairs of the release's time by the bare workflow's right before or after it. */
  ratio: number;
  ratios: number[];
  releaseMs: number;
  bareMs: number;
  pairs: number;
  /** What both made the same number of. */
  calls: Counts;
  size: Size;
};

export type OrchestrationOrder = { settings: Settings; fork: string; size: Size; pairs: number; progress: Progress };

/** An activity that is not registered would be asked for again for ever. */
const BOUNDED = { taskQueue: 'patchwright', workflowExecutionTimeout: '5 minutes' } as const;

type Bed = { client: Client; db: Db; order: OrchestrationOrder; settings: string };

export async function benchOrchestration(order: OrchestrationOrder): Promise<Orchestration> {
  const dataDir = mkdtempSync(join(tmpdir(), 'patchwright-bench-'));
  const services = await startServices({ dataDir });
  try {
    await migrate(services.databaseUrl);
    const db = openDatabase(services.databaseUrl);
    await createBareTable(db);
    const { address } = services.temporal;
    const connection = await Connection.connect({ address });
    const client = new Client({ connection });
    const settings = await keepSettings(db, order.settings);
    const measured = await withWorkers({ address, db, client, dataDir, order }, () =>
      alternate({ client, db, order, settings }),
    );
    await connection.close();
    await db.destroy();
    return measured;
  } finally {
    await services.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

type Hosting = { address: string; db: Db; client: Client; dataDir: string; order: OrchestrationOrder };

async function withWorkers<T>({ address, db, client, dataDir, order }: Hosting, work: () => Promise<T>): Promise<T> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const connection = await NativeConnection.connect({ address });
  const workflowsPath = fileURLToPath(new URL('./bare-workflow.ts', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const settings = createSettingsReader(db);
  const slots = availableParallelism();
  const suiteDeps = { db, dataDir, hostId: 'bench', slots, settings, batches: order.size.batches };
  mkdirSync(join(dataDir, 'runs'), { recursive: true });
  const bare = createBareActivities(db);
  const suite = { ...createNoOpSuiteActivities(suiteDeps), ...bare };
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue: 'patchwright', workflowBundle }),
    Worker.create({
      ...{ connection, taskQueue: 'patchwright-activity', maxConcurrentActivityTaskExecutions: 50 },
      activities: { ...createNoOpActivities({ db, client, settings, size: order.size }), ...bare },
    }),
    Worker.create({ connection, taskQueue: 'patchwright-suite', activities: suite }),
    Worker.create({ connection, taskQueue: 'suite-bench', activities: suite }),
  ]);
  const serving = Promise.all(workers.map((worker) => worker.run()));
  try {
    return await Promise.race([work(), serving.then(() => Promise.reject(new Error('a worker of the bench ended')))]);
  } finally {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await serving;
    await connection.close();
  }
}

/** Release and bare workflow in turns, either first every other time; the first of each warms up and does not count. */
async function alternate(bed: Bed): Promise<Orchestration> {
  const { pairs, progress, size } = bed.order;
  let plan = (await runRelease(bed)).plan;
  await runBare(bed, plan);
  const times: { release: number; bare: number }[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    let bare = pair % 2 === 1 ? await runBare(bed, plan) : undefined;
    const release = await runRelease(bed);
    plan = release.plan;
    bare ??= await runBare(bed, plan);
    times.push({ release: release.ms, bare });
    progress('orchestration', `pair ${pair + 1} of ${pairs}: release ${ms(release.ms)}, bare ${ms(bare)}`);
  }
  const ratios = times.map(({ release, bare }) => release / bare);
  return {
    ratio: round(median(ratios), 3),
    ratios: ratios.map((ratio) => round(ratio, 3)),
    releaseMs: round(median(times.map(({ release }) => release))),
    bareMs: round(median(times.map(({ bare }) => bare))),
    pairs,
    calls: countsOf(plan),
    size,
  };
}

async function runRelease({ client, db, order, settings }: Bed): Promise<{ ms: number; plan: BarePlan }> {
  const { suites, environments } = order.settings.forks[order.fork]?.release ?? { suites: [], environments: [] };
  const request = { fork: order.fork, ref: 'main', requestedBy: 'bench', suites, environments, settings };
  const release = await openRelease(db, request);
  const input: ReleaseInput = { ...request, release, expedite: false };
  const before = await commits(db);
  const began = performance.now();
  const start = { ...BOUNDED, workflowId: `release:${release}`, args: [input] };
  const outcome = (await client.workflow.execute('release', start)) as { kind: string };
  const took = performance.now() - began;
  if (outcome.kind !== 'released') throw new Error(`${release} ended otherwise: ${JSON.stringify(outcome)}`);
  const writes = (await commits(db)) - before;
  return { ms: took, plan: spreadWrites(await planOfRelease(client, input), writes) };
}

/** From the histories of the release, its suites and its roll-outs. */
async function planOfRelease(client: Client, { release, suites, environments }: ReleaseInput): Promise<BarePlan> {
  const eventsOf = async (workflowId: string) => {
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    return (JSON.parse(historyToJSON(history)) as { events: HistoryEvent[] }).events;
  };
  const ids = [
    ...suites.map((name) => `suite:${release}/1/${name}`),
    ...environments.map((name) => `rollout:${release}/1/${name}`),
  ];
  const children = await Promise.all(ids.map(async (id) => planOf(await eventsOf(id), noChildren(id))));
  const next = () => children.shift() ?? fail(`${release} has more children than ${ids.join(', ')}`);
  const plan = planOf(await eventsOf(`release:${release}`), next, 'rolloutEnded');
  return children.length === 0 ? plan : fail(`${release} has fewer children than ${ids.join(', ')}`);
}

const noChildren = (id: string) => () => fail(`${id} has children of its own: the comparison does not know them`);

function fail(message: string): never {
  throw new Error(message);
}

async function runBare({ client, db }: Bed, plan: BarePlan): Promise<number> {
  const before = await commits(db);
  const began = performance.now();
  await client.workflow.execute('bare', { ...BOUNDED, workflowId: `bare:${began}`, args: [plan] });
  const took = performance.now() - began;
  const [made, wanted] = [(await commits(db)) - before, countsOf(plan).writes];
  if (made < wanted) throw new Error(`the bare workflow made ${made} commits instead of ${wanted}`);
  return took;
}

/** Transactions that wrote something, so far: only those take an id. (Reading it takes none.) */
async function commits(db: Db): Promise<number> {
  const { rows } = await sql<{ next: string }>`select pg_snapshot_xmax(pg_current_snapshot())::text as next`.execute(
    db,
  );
  return Number(rows[0]?.next);
}

const round = (value: number, digits = 0) => Number(value.toFixed(digits));
const ms = (value: number) => `${Math.round(value)} ms`;
