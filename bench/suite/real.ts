/**
 * All of kafka-clients on two slots, for real: Temporal, PostgreSQL, the product's own worker and its JVMs, on the
 * published jars, with the recorded durations as its history. The bound is that of this very run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { sql } from 'kysely';
import { stopAllRunners } from '../../activities/suite-runner.ts';
import { processEnvironment } from '../../config/env.ts';
import { loadSettings } from '../../config/load.ts';
import { type Settings, settingsSchema } from '../../config/schema.ts';
import { startServices } from '../../services/start-services.ts';
import { findLibrary, resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import type { Progress } from '../../setup/progress.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { type Db, openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings } from '../../store/releases.ts';
import { suiteFacts } from '../../store/suite-progress.ts';
import type { SuiteOrder } from '../../workflows/suite.ts';
import type { Artifact, Build, SuiteOutcome } from '../../workflows/types.ts';
import { classesOf, type Durations } from './durations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WORKFLOWS = join(ROOT, 'workflows', 'suite.ts');
const CONFIG = join(ROOT, 'patchwright.yaml');
const [FORK, SUITE, BROKER, TESTS] = ['kafka', 'full', 'kafka-3.6.2', 'kafka-tests'];
const SUITE_RUN = 'bench-1/1/full';
const PROGRESS_MS = 15_000;

export type Real = {
  /** Makespan ÷ the bound of this run. */
  overBound: number;
  seconds: number;
  boundSeconds: number;
  units: number;
  executions: number;
  repeated: number;
  tests: SuiteOutcome['tests'];
  longestUnit: { unit: string; seconds: number } | undefined;
  loadBefore: number;
  /** Why it does not count. */
  wrong?: string;
};

/** True where nothing would have to be fetched first. */
export function canRunReally(): boolean {
  const { libraries } = loadSettings(CONFIG);
  return [BROKER, TESTS].every((name) => {
    const spec = libraries[name];
    return spec !== undefined && findLibrary(spec, thisMachine()) !== undefined;
  });
}

export async function runReally(
  durations: Durations,
  slots: number,
  progress: Progress,
): Promise<{ figures: Real; recorded: Durations }> {
  const root = mkdtempSync(join(tmpdir(), 'patchwright-bench-suite-'));
  const dataDir = join(root, 'data');
  mkdirSync(dataDir, { recursive: true });
  const loadBefore = Number((loadavg()[0] ?? 0).toFixed(1));
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const services = await startServices({ dataDir: root, progress });
  const { databaseUrl } = services;
  const { address } = services.temporal;
  let worker: ChildProcess | undefined;
  try {
    await migrate(databaseUrl);
    const db = openDatabase(databaseUrl);
    const settings = settingsFor(loadSettings(CONFIG), slots);
    await seedHistory(db, durations);
    const order = await orderOf(db, settings, dataDir, progress);
    worker = startWorker({ address, databaseUrl, dataDir, root, slots });
    const outcome = await runSuite(address, db, order, progress);
    const figures = { ...(await figuresOf(db, outcome)), loadBefore };
    const recorded = await recordedDurations(db, durations);
    await db.destroy();
    return { figures, recorded };
  } finally {
    worker?.kill('SIGKILL');
    await stopAllRunners(dataDir);
    await services.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Few reruns: what is measured is the suite proper, and some of upstream's tests fail on any small machine. */
function settingsFor(settings: Settings, slots: number): Settings {
  const fork = settings.forks[FORK];
  const suite = fork?.suites[SUITE];
  if (!fork || suite?.runner !== 'junit-platform') throw new Error(`patchwright.yaml has no suite ${FORK}/${SUITE}`);
  const reruns = { ...suite.reruns, perArm: 3, maxPerArm: 5, maxPerArmQuick: 5 };
  const quick = { ...suite, slots, reruns };
  const bare = { sandbox: 'none' as const, sandboxReason: 'published jars alone run in this bench' };
  const release = { suites: [SUITE], environments: [] };
  const forks = { [FORK]: { ...fork, ...bare, release, suites: { [SUITE]: quick } } };
  // Checked here as the worker will: a mistake is told before anything has been started.
  return settingsSchema.parse({ ...settings, slots, forks });
}

async function seedHistory(db: Db, durations: Durations): Promise<void> {
  for (const { unit, seconds, overhead, methods } of classesOf(durations)) {
    await db.insertInto('unit_history').values({ fork: FORK, unit, seconds, overhead, runs: 3 }).execute();
    if (methods.length === 0) continue;
    const rows = methods.map(({ id, seconds: one }) => ({
      ...{ fork: FORK, unit, method: id, seconds: one, runs: 3, failures: 0, failure_rate: 0 },
    }));
    await db.insertInto('method_history').values(rows).execute();
  }
}

/** The published jar is both arms: none of its failures is anybody's patch. */
async function orderOf(db: Db, settings: Settings, dataDir: string, progress: Progress): Promise<SuiteOrder> {
  const broker = settings.libraries[BROKER];
  if (!broker) throw new Error(`patchwright.yaml has no library ${BROKER}`);
  const { dir, jars } = await resolveLibrary(broker, thisMachine(), progress);
  const jar = jars.find(({ file }) => file.startsWith('kafka-clients-'));
  if (!jar) throw new Error(`library ${BROKER} has no kafka-clients jar`);
  const stored = await createArtifactStore(join(dataDir, 'artifacts')).put({ file: join(dir, jar.file) });
  const artifacts: Artifact[] = [{ name: 'kafka-clients.jar', ...stored }];
  const build = (commit: string): Build => ({
    ...{ fork: FORK, commit, version: '3.6.2', digest: stored.sha256, artifacts, buildKey: commit },
  });
  return {
    ...{ suiteRun: SUITE_RUN, release: 'bench-1', candidateNumber: 1, fork: FORK, suite: SUITE },
    ...{
      settings: await keepSettings(db, settings),
      candidate: build('b'),
      base: build('a'),
      patches: [],
      sources: [],
    },
  };
}

type Start = { address: string; databaseUrl: string; dataDir: string; root: string; slots: number };

/** The product's own worker, as `up --role suite` runs it. */
function startWorker({ address, databaseUrl, dataDir, root, slots }: Start): ChildProcess {
  const config = join(root, 'patchwright.yaml');
  writeFileSync(config, `forks: {}\nslots: ${slots}\n`);
  const env = {
    ...{
      ...processEnvironment(),
      PATCHWRIGHT_DATA: dataDir,
      PATCHWRIGHT_CONFIG: config,
      PATCHWRIGHT_LOG_LEVEL: 'warn',
    },
    ...{ PATCHWRIGHT_DATABASE_URL: databaseUrl, PATCHWRIGHT_TEMPORAL_ADDRESS: address },
  };
  return spawn(process.execPath, [join(ROOT, 'worker.ts'), '--role', 'suite'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function runSuite(address: string, db: Db, order: SuiteOrder, progress: Progress): Promise<SuiteOutcome> {
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath: WORKFLOWS });
  const serving = worker.run();
  const client = new Client({ connection: await Connection.connect({ address }) });
  const timer = setInterval(() => void tell(db, progress), PROGRESS_MS);
  try {
    return (await client.workflow.execute('suite', {
      ...{ taskQueue: 'patchwright', workflowId: `suite:${SUITE_RUN}`, args: [order] },
    })) as SuiteOutcome;
  } finally {
    clearInterval(timer);
    worker.shutdown();
    await serving;
    await client.connection.close();
    await connection.close();
  }
}

async function tell(db: Db, progress: Progress): Promise<void> {
  const facts = await suiteFacts(db, SUITE_RUN);
  if (!facts) return;
  const left = facts.leftSeconds === null ? 'judging' : `${Math.round(facts.leftSeconds)} s left`;
  progress('real', `${facts.done} of ${facts.units} units, ${left}, ${facts.failed} failed`);
}

async function figuresOf(db: Db, outcome: SuiteOutcome): Promise<Omit<Real, 'loadBefore'>> {
  const { seconds, boundSeconds, units, executions, repeated, tests, problem, holding } = outcome;
  const facts = await suiteFacts(db, SUITE_RUN);
  const held = holding.filter(({ kind }) => kind === 'regression').map(({ test }) => test);
  const wrong = problem ?? (held.length > 0 ? `the same jar regressed: ${held.join(', ')}` : undefined);
  return {
    ...{
      overBound: Number((seconds / boundSeconds).toFixed(3)),
      seconds,
      boundSeconds,
      units,
      executions,
      repeated,
      tests,
    },
    longestUnit: facts?.slowest[0],
    ...(wrong === undefined ? {} : { wrong }),
  };
}

/** What this run took, method by method; a class that ran in parts has the overhead of one of them. */
async function recordedDurations(db: Db, { jvmStartSeconds }: Durations): Promise<Durations> {
  const { rows: parts } = await sql<{ unit: string; overhead: number }>`
    select unit, percentile_cont(0.5) within group (order by overhead) as overhead from (
      select coalesce(u.part_of, e.unit) as unit, greatest(0, e.seconds - coalesce(sum(r.seconds), 0)) as overhead
      from suite_execution e join suite_unit u using (suite_run, unit) left join test_result r using (suite_run, slot, exec)
      where e.phase = 'suite' and e.ended_at is not null group by e.suite_run, e.slot, e.exec, u.part_of) parts
    group by unit order by unit`.execute(db);
  const { rows: methods } = await sql<{ unit: string; method: string; seconds: number }>`
    select coalesce(u.part_of, e.unit) as unit, regexp_replace(r.test, '(\\[\\d+\\])*(~\\d+)?$', '') as method, sum(r.seconds) as seconds
    from suite_execution e join suite_unit u using (suite_run, unit) join test_result r using (suite_run, slot, exec)
    where e.phase = 'suite' and e.ended_at is not null and r.test like '%#%' group by 1, 2 order by 1, 2`.execute(db);
  const classes: Durations['classes'] = {};
  for (const { unit, overhead } of parts) classes[unit] = { overhead: thousandths(overhead), methods: {} };
  for (const { unit, method, seconds } of methods) {
    const name = method.startsWith(`${unit}#`) ? method.slice(unit.length + 1) : method;
    const found = classes[unit];
    if (found) found.methods[name] = thousandths(seconds);
  }
  return { jvmStartSeconds, classes };
}

const thousandths = (seconds: number) => Number(seconds.toFixed(3));
