import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { BuildOrder } from '../../activities/build.ts';
import { stopAllRunners } from '../../activities/suite-runner.ts';
import { suiteSchema } from '../../config/suite.ts';
import { startServices } from '../../services/start-services.ts';
import { type ArtifactStore, createArtifactStore } from '../../store/artifacts.ts';
import { type Db, openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import type { SuiteOrder } from '../../workflows/suite.ts';
import type { Build, BuildOutcome, Patch, Source, SuiteOutcome } from '../../workflows/types.ts';
import { buildProduct, buildTests, JUNIT, junitJars, type ProductVariant } from './sample.ts';
import type { WorkerArguments } from './suite-worker.ts';

const WORKER = fileURLToPath(new URL('./suite-worker.ts', import.meta.url));
const WORKFLOWS = fileURLToPath(new URL('../../workflows/suite.ts', import.meta.url));

export type HostOptions = { host?: string } & Pick<WorkerArguments, 'artifacts' | 'lostAfterSeconds'>;

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Temporal and PostgreSQL as `up` starts them, the suite workflow, and suite workers in processes of their own. */
export async function startWorld() {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const root = mkdtempSync(join(tmpdir(), 'pw-suite-'));
  const dataDir = join(root, 'data');
  mkdirSync(join(dataDir, 'sources'), { recursive: true });
  const services = await startServices({ dataDir: root, fsync: false });
  await migrate(services.databaseUrl);
  const db = openDatabase(services.databaseUrl);
  const { address } = services.temporal;
  const connection = await NativeConnection.connect({ address });
  const prefixes = new Map<string, BuildOutcome>();
  /** How a stack of some patches is built that nobody has built before, by their commits. */
  const parts: { build?: (commits: string[]) => Promise<Build | undefined> } = {};
  const worker = await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath: WORKFLOWS });
  // Prefixes of the stack were built beforehand: this hands them out, or says that they do not build. A part of a
  // stack is named by its commits: it is built when it is asked for, or does not fit.
  const builds = await Worker.create({
    connection,
    taskQueue: 'patchwright-activity',
    activities: {
      buildSource: async ({ commit }: BuildOrder): Promise<BuildOutcome> =>
        prefixes.get(commit) ?? { kind: 'broken', reasons: ['error: ; expected'] },
      cutPart: async ({ patches }: { patches: { commit: string }[] }) => {
        const commits = patches.map(({ commit }) => commit);
        const build = await parts.build?.(commits);
        if (!build) return { kind: 'conflict', reasons: [`conflict in ${commits.join(' + ')}`] };
        prefixes.set(build.commit, { kind: 'built', build, reused: false });
        return { kind: 'cut', source: { fork: build.fork, commit: build.commit, version: build.version } };
      },
    },
  });
  const running = Promise.all([worker.run(), builds.run()]);
  const client = new Client({ connection: await Connection.connect({ address }) });
  const children: ChildProcess[] = [];
  const dataDirs = new Set<string>();
  return {
    root,
    db,
    dataDir,
    client,
    prefixes,
    parts,
    artifacts: createArtifactStore(join(dataDir, 'artifacts')),
    /** `host`: one with a data folder of its own. */
    startWorker(settingsFile: string, slots = 2, { host, ...more }: HostOptions = {}): ChildProcess {
      const { databaseUrl } = services;
      const folder = host === undefined ? dataDir : join(root, host);
      dataDirs.add(folder);
      const given: WorkerArguments = { address, databaseUrl, dataDir: folder, settingsFile, slots, ...more };
      const child = spawn(process.execPath, [WORKER, JSON.stringify(given)], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      children.push(child);
      return child;
    },
    async stop() {
      for (const child of children) child.kill('SIGKILL');
      worker.shutdown();
      builds.shutdown();
      await running;
      for (const folder of dataDirs) await stopAllRunners(folder);
      await db.destroy();
      await client.connection.close();
      await connection.close();
      await services.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/**
 * A suite's configuration as a release would have kept it: one file, in the form that the schema makes of YAML. Of two
 * forks: `sample` runs in the sandbox, `bare` in none.
 */
export function writeSettings(world: World, suites: Record<string, unknown>): string {
  const parsed = Object.fromEntries(Object.entries(suites).map(([name, suite]) => [name, suiteSchema.parse(suite)]));
  const build = { command: ['true'], toolchain: [] };
  const forks = {
    sample: { suites: parsed, build, sandbox: {} },
    bare: { suites: parsed, build, sandbox: 'none', sandboxReason: 'a test of suites without one' },
  };
  const file = join(world.dataDir, `settings-${randomUUID()}.json`);
  writeFileSync(file, JSON.stringify({ forks, libraries: { junit: JUNIT } }));
  return file;
}

export const SAMPLE_SUITE = {
  runner: 'junit-platform',
  classpath: [{ artifact: 'product.jar' }, { artifact: 'tests.jar' }, { library: 'junit' }],
  scan: [{ artifact: 'tests.jar' }],
  jvm: ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
};

/** A build of one state of the sample: two jars in the artifact store. `tests`: the files of the sample that it has. */
export async function makeBuild(
  world: { artifacts: ArtifactStore; dataDir: string },
  commit: string,
  variant: ProductVariant,
  tests = '*.java',
): Promise<Build> {
  const dir = join(world.dataDir, 'builds', commit);
  const product = buildProduct(dir, variant);
  // The same bytes for every build with these tests: only the product differs.
  const shared = join(world.dataDir, 'builds', `tests ${tests}`.replace(/[^\w.]/g, '_'));
  const jar = existsSync(join(shared, 'tests.jar'))
    ? join(shared, 'tests.jar')
    : buildTests(shared, [...(await junitJars()), product], tests);
  const artifacts = [];
  for (const [name, file] of [
    ['product.jar', product],
    ['tests.jar', jar],
  ] as const) {
    artifacts.push({ name, ...(await world.artifacts.put({ file })) });
  }
  const digest = createHash('sha256').update(JSON.stringify(artifacts)).digest('hex');
  return { fork: 'sample', commit, version: `1.${commit}`, digest, artifacts, buildKey: commit };
}

const patchOf = ({ commit }: Build): Patch => ({
  commit,
  subject: `patch ${commit}`,
  author: 'a',
  reason: 'r',
  upstreamStatus: 's',
  dropWhen: 'd',
});

/** Runs one suite to its end. `stack`: the builds after each patch, oldest first; the last is the candidate. */
export async function runSuite(
  world: World,
  suiteRun: string,
  suite: string,
  base: Build,
  stack: Build[],
): Promise<SuiteOutcome> {
  return (await startSuite(world, suiteRun, suite, base, stack)).result();
}

export async function startSuite(
  world: World,
  suiteRun: string,
  suite: string,
  base: Build,
  stack: Build[],
  more: Pick<SuiteOrder, 'eventsARun'> = {},
) {
  const candidate = stack.at(-1);
  if (!candidate) throw new Error('a stack has at least one patch');
  const sources: Source[] = stack.map(({ fork, commit, version }) => ({ fork, commit, version }));
  const order: SuiteOrder = {
    suiteRun,
    release: suiteRun.split('/')[0] ?? '',
    candidateNumber: 1,
    fork: candidate.fork,
    suite,
    settings: '0'.repeat(64),
    candidate,
    base,
    patches: stack.map(patchOf),
    sources,
    ...more,
  };
  return world.client.workflow.start<(order: SuiteOrder) => Promise<SuiteOutcome>>('suite', {
    taskQueue: 'patchwright',
    workflowId: `suite:${suiteRun}`,
    args: [order],
  });
}

export type { Db };
