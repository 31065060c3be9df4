import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import { type Driver, openDriver } from '../../activities/deploy/driver.ts';
import { bringUp, takeDown } from '../../activities/deploy/environment.ts';
import { startEnvironment } from '../../activities/environment-request.ts';
import { openTraffic, type Traffic } from '../../activities/traffic.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import { type Settings, settingsSchema } from '../../config/schema.ts';
import { type RunningServices, startServices } from '../../services/start-services.ts';
import { type Db, openDatabase } from '../../store/database.ts';
import { effectsOf } from '../../store/journal.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings } from '../../store/releases.ts';
import { ledgerOf } from '../../store/rollout-ledger.ts';
import { type RolloutReport, rolloutsOf } from '../../store/rollout-report.ts';
import { appendMessage, threadOf } from '../../store/thread.ts';
import type { BrakeOrder, EnvironmentState, RolloutProgress } from '../../workflows/environment-messages.ts';
import type { Artifact, Build, RolloutOrder, RolloutOutcome } from '../../workflows/types.ts';
import { LIBRARIES, type SmallKafka, smallKafkaDeps } from '../environment/small-kafka.ts';
import type { WorkerOrder } from './worker.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Real Temporal, PostgreSQL, worker process and environments, in a folder of the test's own. */
export type Fixture = Awaited<ReturnType<typeof openFixture>>;

export async function openFixture(
  environments: Record<string, unknown>,
  forks: Record<string, unknown> = {},
  more: Record<string, unknown> = {},
) {
  const deps = await smallKafkaDeps();
  const services = await startServices({ dataDir: deps.dataDir, fsync: false });
  await migrate(services.databaseUrl);
  const db = openDatabase(services.databaseUrl);
  const settings = settingsSchema.parse({ forks, environments, libraries: LIBRARIES, ...more });
  const digest = await keepSettings(db, settings);
  const bundle = join(deps.root, 'workflows.js');
  const { code } = await bundleWorkflowCode({ workflowsPath: join(FOLDER, 'workflows.ts'), logger: QUIET });
  writeFileSync(bundle, code);
  const connection = await Connection.connect({ address: services.temporal.address });
  const client = new Client({ connection });
  const worker = workerOf(deps, services, bundle);
  await worker.start();
  return {
    ...deps,
    deps,
    db,
    client,
    settings,
    digest,
    worker,
    ...driving(deps, settings),
    ...asking(client, db, digest),
    async close() {
      await worker.kill();
      for (const name of Object.keys(environments)) await takeDown(name, { dataDir: deps.dataDir });
      await connection.close();
      await db.destroy();
      await services.stop();
      rmSync(deps.root, { recursive: true, force: true });
    },
  };
}

const nothing = () => undefined;
const QUIET = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };

/** The worker as a process of its own, killed by kill -9 and started again. */
function workerOf(deps: SmallKafka, services: RunningServices, bundle: string) {
  let child: ChildProcess | undefined;
  const order: WorkerOrder = {
    address: services.temporal.address,
    databaseUrl: services.databaseUrl,
    dataDir: deps.dataDir,
    artifacts: join(deps.root, 'artifacts'),
    cacheDir: deps.cacheDir,
    bundle,
  };
  const log = join(deps.root, 'worker.log');
  return {
    log,
    async start(): Promise<void> {
      const started = spawn(process.execPath, [join(FOLDER, 'worker.ts'), JSON.stringify(order)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      started.stderr.on('data', (chunk: Buffer) => appendFileSync(log, chunk));
      await new Promise<void>((resolve, reject) => {
        started.stdout.once('data', () => resolve());
        started.once('exit', (code) => reject(new Error(`the worker ended with ${code}; see ${log}`)));
      });
      child = started;
    },
    async kill(): Promise<void> {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function driving(deps: SmallKafka, settings: Settings) {
  const of = (name: string) => {
    const found = environmentIn(settings, name);
    if (!found) throw new Error(`the test has no environment ${name}`);
    return found;
  };
  const driver = (name: string): Driver => openDriver(name, of(name), deps);
  const traffic = (name: string): Traffic => openTraffic(name, of(name), deps);
  return {
    driver,
    traffic,
    up: (name: string, initial: Artifact[] = []) => bringUp(name, of(name), deps, initial),
    async facts(name: string) {
      const targets = await driver(name).targets();
      return Promise.all(targets.map((target) => driver(name).facts(target.name)));
    },
  };
}

function asking(client: Client, db: Db, digest: string) {
  const requested = async (
    environment: string,
    release: string,
    candidate: Build,
    extras: { expedite?: boolean; expediteApproval?: string } & Pick<RolloutOrder, 'oneWay'> = {},
  ) => {
    await appendMessage(db, { release, key: `${release}/open`, text: `${release} begins` });
    return client.workflow.start<(order: unknown) => Promise<RolloutOutcome>>('askAndWait', {
      workflowId: `${release}-${Date.now()}`,
      taskQueue: 'patchwright',
      args: [
        {
          rollout: `${release}/1/${environment}`,
          release,
          candidateNumber: 1,
          environment,
          candidate,
          requestedBy: 'ada',
          settings: digest,
          ...extras,
        },
      ],
    });
  };
  return {
    requested,
    rollOut: async (...order: Parameters<typeof requested>): Promise<RolloutOutcome> =>
      (await requested(...order)).result(),
    async report(release: string): Promise<RolloutReport> {
      const [report] = await rolloutsOf(db, release);
      if (!report) throw new Error(`no roll-out of ${release}`);
      return report;
    },
    ledger: (rollout: string) => ledgerOf(db, rollout),
    effects: (release: string) => effectsOf(db, release),
    thread: async (release: string) => (await threadOf(db, release)).map(({ text }) => text),
    brake: (environment: string, order: BrakeOrder): Promise<EnvironmentState> =>
      client.workflow.executeUpdateWithStart('brake', {
        args: [order],
        startWorkflowOperation: startEnvironment(environment),
      }),
    state: (environment: string): Promise<EnvironmentState> =>
      client.workflow.getHandle(`environment:${environment}`).query('environmentState'),
    progress: (rollout: string): Promise<RolloutProgress> =>
      client.workflow.getHandle(`rollout:${rollout}`).query('rolloutProgress'),
  };
}

/** Looks again and again, for as long as a busy machine needs. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, ms = 240_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${ms / 1000} s in vain until ${what}`);
    await sleep(50);
  }
}

/** A candidate of one artifact, as a build would have made it. */
export function candidateOf(fork: string, version: string, commit: string, artifacts: Artifact[]): Build {
  const digest = artifacts.map(({ sha256 }) => sha256).join('');
  return { fork, version, commit, digest: digest.slice(0, 64), artifacts, buildKey: `build-${commit}` };
}

export function scratch(root: string, name: string): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
