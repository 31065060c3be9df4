/**
 * The composition root: the only place where real clients are built. One process a role, since activities
 * share the Node thread with polling (design, *Processes*). A missing value stops it before it takes work.
 */
import { createHash } from 'node:crypto';
import { availableParallelism, homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import {
  DefaultLogger,
  type LogEntry,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { createBuildActivities } from './activities/build.ts';
import { createCheckActivities } from './activities/checks.ts';
import { createEnvironmentRequestActivities } from './activities/environment-request.ts';
import { createEnvironmentUpActivities } from './activities/environment-up.ts';
import { createGitActivities } from './activities/git.ts';
import { beatMeanwhile } from './activities/heartbeat.ts';
import { createRecordActivities } from './activities/release-records.ts';
import { createRolloutActivities } from './activities/rollout.ts';
import { createSandboxOf, plannedUse, type SandboxOf } from './activities/sandbox/for-fork.ts';
import { openSandbox, refusalText } from './activities/sandbox/open.ts';
import { sweepSandboxes } from './activities/sandbox/sweep.ts';
import type { SandboxOn, SandboxRefused } from './activities/sandbox/types.ts';
import { createSettingsReader } from './activities/settings.ts';
import { createStoryActivities } from './activities/story.ts';
import { createSuiteRunnerActivities } from './activities/suite-runner.ts';
import {
  allowedEnvironment,
  cacheDir,
  findSecret,
  GIT_ENVIRONMENT,
  HOST_ENVIRONMENT,
  logLevel,
  readSecret,
  readyFile,
  type TemporalSettings,
  workerEnvironment,
} from './config/env.ts';
import { loadSettings } from './config/load.ts';
import type { Settings } from './config/schema.ts';
import { checkoutFiles } from './git/clone.ts';
import { logger, setLogLevel } from './lib/log.ts';
import { announceReady } from './lib/ready-file.ts';
import { configureRedaction, redact } from './lib/redact.ts';
import { redactionKey } from './lib/redact-key.ts';
import { run } from './lib/run.ts';
import { resolveLibrary } from './setup/libraries.ts';
import { thisMachine } from './setup/machine.ts';
import { createArtifactStore } from './store/artifacts.ts';
import { type Db, openDatabase } from './store/database.ts';
import { workflowBundle } from './workflow-bundle.ts';

const ROLES = ['workflow', 'activity', 'suite'] as const;
type Role = (typeof ROLES)[number];

type Parts = {
  role: Role;
  settings: Settings;
  connection: NativeConnection;
  temporal: TemporalSettings;
  db: Db;
  dataDir: string;
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { role: { type: 'string' } } });
  const role = ROLES.find((known) => known === values.role);
  if (role === undefined) throw new Error(`--role ${values.role ?? ''} is none of: ${ROLES.join(', ')}`);
  setLogLevel(logLevel());
  const { temporal, databaseUrl, dataDir, configFile } = workerEnvironment();
  const settings = loadSettings(configFile);
  configureRedaction({ secrets: secretsOf(settings), key: redactionKey(dataDir) });
  Runtime.install({ logger: new DefaultLogger('WARN', logEntry), shutdownSignals: ['SIGTERM', 'SIGINT'] });
  const connection = await NativeConnection.connect({
    address: temporal.address,
    tls: temporal.tls,
    ...(temporal.apiKey === undefined ? {} : { apiKey: temporal.apiKey }),
  });
  const db = openDatabase(databaseUrl);
  const workers = await createWorkers({ role, settings, connection, temporal, db, dataDir });
  const serving = Promise.all(workers.map((worker) => worker.run()));
  const file = readyFile();
  if (file !== undefined) announceReady(file);
  logger('worker').info({ role }, 'serving');
  await serving;
  await db.destroy();
  await connection.close();
}

function logEntry({ level, message, meta }: LogEntry): void {
  const log = logger('temporal');
  if (level === 'ERROR') log.error(meta ?? {}, message);
  else log.warn(meta ?? {}, message);
}

/** What every worker of ours has in common. A completed step is reported even while it shuts down. */
function common({ connection, temporal }: Parts) {
  return {
    connection,
    namespace: temporal.namespace,
    shutdownGraceTime: '3s',
    // Cancellations and lost workers are noticed within seconds, not within the default half minute.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '2s',
    interceptors: { activity: [beatMeanwhile] },
  } satisfies Partial<WorkerOptions>;
}

async function createWorkers(parts: Parts): Promise<Worker[]> {
  switch (parts.role) {
    case 'workflow':
      return [
        await Worker.create({
          ...common(parts),
          taskQueue: 'patchwright',
          workflowBundle: await workflowBundle(cacheDir()),
        }),
      ];
    case 'activity':
      return [
        await Worker.create({
          ...common(parts),
          taskQueue: 'patchwright-activity',
          activities: createActivities(parts, await openSandboxes(parts.dataDir)),
          maxConcurrentActivityTaskExecutions: 50,
        }),
      ];
    case 'suite':
      return createSuiteWorkers(parts);
  }
}

type Sandboxes = { found: SandboxOn | SandboxRefused; sandboxOf: SandboxOf };

/**
 * The sandbox, once, by running it, and what crashes left of earlier ones removed. Where it is refused, what
 * needs it does not run and says so; everything else does.
 */
async function openSandboxes(dataDir: string): Promise<Sandboxes> {
  const found = await openSandbox({ dataDir });
  if (found.kind === 'refused') logger('worker').warn(refusalText(found));
  await sweepSandboxes(dataDir);
  const env = allowedEnvironment(['PATH', 'JAVA_HOME']);
  return { found, sandboxOf: createSandboxOf(found, { dataDir, home: homedir(), env }) };
}

/** Everything that a release needs, but running tests. */
function createActivities(
  { settings, connection, temporal, db, dataDir }: Parts,
  { found, sandboxOf }: Sandboxes,
): object {
  const reader = createSettingsReader(db);
  const artifacts = createArtifactStore(join(dataDir, 'artifacts'));
  const client = new Client({ connection, namespace: temporal.namespace });
  const gitEnvironment = allowedEnvironment(GIT_ENVIRONMENT);
  const places = {
    db,
    dataDir,
    cacheDir: cacheDir(),
    artifacts,
    settings: reader,
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
    library: libraryDir,
  };
  const builds = { ...places, run, allowedEnvironment, gitEnvironment, sandboxOf };
  return {
    ...createRecordActivities({
      db,
      settings: reader,
      sandboxUse: (fork) => plannedUse(found, fork),
    }),
    ...createGitActivities({ run, environment: gitEnvironment, db, dataDir, settings: reader }),
    ...createBuildActivities(builds),
    ...createCheckActivities(builds),
    ...createStoryActivities({ db, ...slackOf(settings), wakeThread: wakeThread(client) }),
    ...createEnvironmentRequestActivities({ temporal: client }),
    ...createEnvironmentUpActivities(places),
    ...createRolloutActivities(places),
  };
}

/** A host's own queue has as many slots as it can really run at once; the shared one only hands out hosts. */
async function createSuiteWorkers(parts: Parts): Promise<Worker[]> {
  const { db, dataDir, settings } = parts;
  const { sandboxOf } = await openSandboxes(dataDir);
  const slots = settings.slots ?? availableParallelism();
  const hostId = `${hostname()}-${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}`;
  const activities = createSuiteRunnerActivities({
    db,
    dataDir,
    cacheDir: cacheDir(),
    hostId,
    slots,
    sandboxOf,
    settings: createSettingsReader(db),
    artifacts: createArtifactStore(join(dataDir, 'artifacts')),
    libraryJars: async (name, found) => {
      const library = await resolveLibrary(libraryOf(found, name), thisMachine(), logProgress);
      return library.jars.map(({ file }) => join(library.dir, file));
    },
    checkout: (source, dir) =>
      checkoutFiles(
        { run, environment: allowedEnvironment(GIT_ENVIRONMENT) },
        join(dataDir, 'git', `${source.fork}.git`),
        source.commit,
        dir,
      ),
    environment: allowedEnvironment,
    redact,
  });
  const queues = [
    { taskQueue: 'patchwright-suite' },
    { taskQueue: `suite-${hostId}`, maxConcurrentActivityTaskExecutions: slots + 2 },
  ];
  return Promise.all(queues.map((queue) => Worker.create({ ...common(parts), ...queue, activities })));
}

function libraryOf(settings: Settings, name: string) {
  const found = settings.libraries[name];
  if (found !== undefined) return found;
  throw new Error(
    `no library "${name}" is configured; there are: ${Object.keys(settings.libraries).join(', ') || 'none'}`,
  );
}

async function libraryDir(settings: Settings, name: string): Promise<string> {
  return (await resolveLibrary(libraryOf(settings, name), thisMachine(), logProgress)).dir;
}

function logProgress(step: string, detail: string): void {
  logger('setup').info({ step }, detail);
}

/** Without a token the same thread is in the store, and the terminal shows it. */
function slackOf({ announcements }: Settings) {
  const { slack } = announcements;
  if (slack === undefined) return {};
  const token = readSecret(slack.token, 'announcements.slack.token');
  return { slack: { token, channel: slack.channel, ...(slack.apiUrl === undefined ? {} : { apiUrl: slack.apiUrl }) } };
}

/** The exact secrets that this process knows: none of them may leave it. */
function secretsOf({ announcements }: Settings): string[] {
  const token = announcements.slack && findSecret(announcements.slack.token);
  return token === undefined ? [] : [token];
}

function wakeThread(client: Client) {
  return async (release: string): Promise<void> => {
    await client.workflow.signalWithStart('thread', {
      workflowId: `thread:${release}`,
      taskQueue: 'patchwright',
      args: [{ release }],
      signal: 'told',
    });
  };
}

await main();
