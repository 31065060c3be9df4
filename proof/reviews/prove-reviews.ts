import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createAgentActivities } from '../../activities/agent.ts';
import { beatMeanwhile } from '../../activities/heartbeat.ts';
import { createRepairActivities } from '../../activities/repair.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { settingsSchema } from '../../config/schema.ts';
import { findingWords, type ReviewState } from '../../decisions/review.ts';
import { setLogLevel } from '../../lib/log.ts';
import { run } from '../../lib/run.ts';
import { startServices } from '../../services/start-services.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings } from '../../store/releases.ts';
import { makeRepository } from '../../test/release/repository.ts';
import { type Fix, HELD } from '../../test/repair/wrong-fixes.ts';
import type { ReviewOrder } from '../../workflows/review.ts';
import { filesOf, GUILTY, UPSTREAM } from './fixes.ts';

export type Reviewed = {
  name: string;
  wrong: boolean;
  end: ReviewState['kind'];
  objects: string[];
  notes: string[];
  missing: string[];
};
export type ToReview = { name: string; wrong: boolean; fix: Fix };
type Options = { model: string; say: (line: string) => void; atOnce: number };

const WHAT =
  'meter.MeterTest#opens() and 1 more of suite unit fail with the stack as it was held, and not on upstream’s base.';
const DIFF = ['diff', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-color', '--no-renames'];

/** Has three reviewers read each of them, as a repair that was proven. They are told nothing of which is which. */
export async function proveReviews(fixes: readonly ToReview[], { model, say, atOnce }: Options): Promise<Reviewed[]> {
  const dir = mkdtempSync(join(tmpdir(), 'pw-reviews-'));
  setLogLevel('error');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const services = await startServices({ dataDir: dir, fsync: false });
  await migrate(services.databaseUrl);
  const db = openDatabase(services.databaseUrl);
  const artifacts = createArtifactStore(join(dir, 'artifacts'));
  process.env.PROOF_MODEL_KEY = 'no-key-is-needed-here';
  const reader = { name: 'reader', key: { env: 'PROOF_MODEL_KEY' }, baseUrl: model, timeoutSeconds: 3_600 };
  const budget = { turns: 60, minutes: 1_200 };
  const settings = await keepSettings(db, settingsSchema.parse({ forks: {}, model: { ...reader, budget } }));
  const tools = { run, environment: { PATH: process.env.PATH ?? '', HOME: dir } };
  const deps = { ...tools, db, artifacts, dataDir: dir, settings: createSettingsReader(db) };
  const activities = {
    ...createAgentActivities({ ...deps, sandboxOf: NOTHING_RUNS, allowedEnvironment: () => ({}) }),
    ...createRepairActivities(deps),
  };
  const connection = await NativeConnection.connect({ address: services.temporal.address });
  const workflowsPath = join(import.meta.dirname, 'workflows.ts');
  const workers = [
    await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath }),
    await Worker.create({
      ...{ connection, taskQueue: 'patchwright-activity', activities },
      interceptors: { activity: [beatMeanwhile] },
    }),
  ];
  const running = Promise.all(workers.map((worker) => worker.run()));
  const client = new Client({ connection: await Connection.connect({ address: services.temporal.address }) });
  try {
    const orders = await ordersFor(dir, fixes, settings, async (text) => (await artifacts.put(text)).sha256);
    const reviewed: Reviewed[] = [];
    const next = async () => {
      for (let one = orders.shift(); one !== undefined; one = orders.shift()) {
        const { order, name, wrong } = one;
        const start = { workflowId: order.name, taskQueue: 'patchwright', args: [order] as [ReviewOrder] };
        const state = await client.workflow.execute<(order: ReviewOrder) => Promise<ReviewState>>('review', start);
        const found = shown(name, wrong, state);
        reviewed.push(found);
        say(JSON.stringify(found));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    return reviewed;
  } finally {
    for (const worker of workers) worker.shutdown();
    await running;
    await connection.close();
    await client.connection.close();
    await db.destroy();
    await services.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const NOTHING_RUNS = () => {
  throw new Error('a reviewer runs nothing');
};

function shown(name: string, wrong: boolean, state: ReviewState): Reviewed {
  const objects = state.kind === 'objected' ? state.blocking.map(findingWords) : [];
  const missing = state.kind === 'incomplete' ? state.missing : [];
  return { name, wrong, end: state.kind, objects, notes: state.notes.map(findingWords), missing };
}

/** The fork with its guilty patch, and beside it each fix as a commit; named by numbers, in an order that says nothing. */
async function ordersFor(
  dir: string,
  fixes: readonly ToReview[],
  settings: string,
  put: (text: string) => Promise<string>,
): Promise<{ order: ReviewOrder; name: string; wrong: boolean }[]> {
  const fork = makeRepository(join(dir, 'fork'));
  fork.commit(UPSTREAM, 'Meter 1.0');
  const guilty = fork.commit(HELD, GUILTY);
  const made: { order: ReviewOrder; name: string; wrong: boolean }[] = [];
  for (const [i, { name, wrong, fix }] of fixes.entries()) {
    fork.git('checkout', '--quiet', '--force', '--detach', guilty);
    const candidate = fork.commit(filesOf(fix), GUILTY);
    fork.git('branch', `fix-${i}`);
    const patch = await put(`${fork.git(...DIFF, guilty, candidate)}\n`);
    const subject = { fork: 'meter', base: guilty, candidate, patch, guilty };
    const original = { fork: 'meter', commit: guilty };
    const order = {
      name: `meter-${i + 1}/1/repair-1`,
      release: `meter-${i + 1}`,
      settings,
      subject,
      original,
      of: 'verdict' as const,
      what: WHAT,
    };
    made.push({ order, name, wrong });
  }
  execFileSync('git', ['clone', '--quiet', '--bare', fork.dir, join(dir, 'git/meter.git')]);
  return made;
}
