/**
 * The composition root: the only place where real clients are built. One process a role, since activities
 * share the Node thread with polling (design, *Processes*). A missing value stops it before it takes work.
 */
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import {
  DefaultLogger,
  type LogEntry,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { outlineOpenCandidates } from './activities/agent/outlines.ts';
import { createAgentActivities } from './activities/agent.ts';
import { createApprovalActivities } from './activities/approvals.ts';
import { createBuildActivities } from './activities/build.ts';
import { createCheckActivities } from './activities/checks.ts';
import { createEnvironmentRequestActivities } from './activities/environment-request.ts';
import { createEnvironmentUpActivities } from './activities/environment-up.ts';
import { createFinaliseActivities } from './activities/finalise.ts';
import { brokenPartitions, environmentTargets, laidOutDriver } from './activities/fixes/environments.ts';
import { createGitChanges, type GitFixDeps } from './activities/fixes/git-change.ts';
import { kafkaConfigKind } from './activities/fixes/kafka-config.ts';
import type { FixKind } from './activities/fixes/kind.ts';
import { createLooks } from './activities/fixes/looks.ts';
import { repositoryKind } from './activities/fixes/repository.ts';
import { stackPatchKind } from './activities/fixes/stack-patch.ts';
import { createFixActivities } from './activities/fixes.ts';
import { createGitActivities } from './activities/git.ts';
import { beatMeanwhile } from './activities/heartbeat.ts';
import { createKnowledgeActivities, type KnowledgeActivities } from './activities/knowledge.ts';
import { createMemoryActivities, createRecall, type MemoryDeps } from './activities/memory.ts';
import { createPagingActivities } from './activities/paging.ts';
import { createRecordActivities } from './activities/release-records.ts';
import { createRepairActivities } from './activities/repair.ts';
import { collect, collectRunFolders, hourly } from './activities/retention.ts';
import { createReversibilityActivities } from './activities/reversibility.ts';
import { createRolloutActivities } from './activities/rollout.ts';
import { createSandboxOf, plannedUse, type SandboxOf } from './activities/sandbox/for-fork.ts';
import { openSandbox, refusalText } from './activities/sandbox/open.ts';
import { sweepSandboxes } from './activities/sandbox/sweep.ts';
import type { SandboxOn, SandboxRefused } from './activities/sandbox/types.ts';
import { createSettingsReader } from './activities/settings.ts';
import type { SlackConnection } from './activities/slack.ts';
import { createStoryActivities } from './activities/story.ts';
import { createSuiteRunnerActivities, hostIdentity, joinHosts, queueOf } from './activities/suite-runner.ts';
import { createTicketActivities, type HandOver } from './activities/tickets.ts';
import { requireRuleOfTwo } from './activities/touches.ts';
import {
  allowedEnvironment,
  cacheDir,
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
import { secretsOf, serverSecrets } from './config/secrets.ts';
import { checkoutFiles, ensureCommit } from './git/clone.ts';
import { serveInbound } from './inbound/serve.ts';
import { logger, setLogLevel } from './lib/log.ts';
import { redactingCodec } from './lib/payload-redaction.ts';
import { announceReady } from './lib/ready-file.ts';
import { configureRedaction, redact } from './lib/redact.ts';
import { redactionKey } from './lib/redact-key.ts';
import { run } from './lib/run.ts';
import { resolveLibrary } from './setup/libraries.ts';
import { thisMachine } from './setup/machine.ts';
import type { ArtifactStore } from './store/artifacts.ts';
import { type Db, openDatabase } from './store/database.ts';
import { openArtifacts } from './store/open-artifacts.ts';
import { releaseOfRef } from './store/releases.ts';
import { workflowBundle } from './workflow-bundle.ts';

const ROLES = ['workflow', 'activity', 'suite', 'agent', 'inbound'] as const;
type Role = (typeof ROLES)[number];

type Parts = {
  role: Role;
  settings: Settings;
  connection: NativeConnection;
  temporal: TemporalSettings;
  db: Db;
  dataDir: string;
  artifacts: ArtifactStore;
  /** Called when the workers have ended. */
  onEnd: (stop: () => void) => void;
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { role: { type: 'string' } } });
  const role = ROLES.find((known) => known === values.role);
  if (role === undefined) throw new Error(`--role ${values.role ?? ''} is none of: ${ROLES.join(', ')}`);
  setLogLevel(logLevel());
  const { temporal, databaseUrl, dataDir, configFile } = workerEnvironment();
  const settings = loadSettings(configFile);
  const secrets = [...secretsOf(settings), ...serverSecrets(temporal, databaseUrl)];
  configureRedaction({ secrets, key: redactionKey(dataDir) });
  Runtime.install({ logger: new DefaultLogger('WARN', logEntry), shutdownSignals: ['SIGTERM', 'SIGINT'] });
  const connection = await NativeConnection.connect({
    address: temporal.address,
    tls: temporal.tls,
    ...(temporal.apiKey === undefined ? {} : { apiKey: temporal.apiKey }),
  });
  const db = openDatabase(databaseUrl);
  const ends: (() => void)[] = [];
  const onEnd = (stop: () => void) => void ends.push(stop);
  const artifacts = await openArtifacts(settings.artifacts, { dataDir, readSecret });
  const workers = await createWorkers({ role, settings, connection, temporal, db, dataDir, artifacts, onEnd });
  const serving = Promise.all(workers.map((worker) => worker.run()));
  const file = readyFile();
  if (file !== undefined) announceReady(file);
  logger('worker').info({ role }, 'serving');
  await serving;
  for (const stop of ends) stop();
  await db.destroy();
  await connection.close();
}

function logEntry({ level, message, meta }: LogEntry): void {
  const log = logger('temporal');
  if (level === 'ERROR') log.error(meta ?? {}, message);
  else log.warn(meta ?? {}, message);
}

/** No secret of this process stands in a history, whatever text would bring it there. */
const dataConverter = { payloadCodecs: [redactingCodec()] };

/** What every worker of ours has in common. A completed step is reported even while it shuts down. */
function common({ connection, temporal }: Parts) {
  return {
    connection,
    namespace: temporal.namespace,
    dataConverter,
    shutdownGraceTime: '3s',
    // Cancellations and lost workers are noticed within seconds, not within the default half minute.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '2s',
    interceptors: { activity: [beatMeanwhile] },
  } satisfies Partial<WorkerOptions>;
}

/** A worker of Temporal, or whatever else serves until it is told to stop. */
type Serving = { run: () => Promise<void> };

async function createWorkers(parts: Parts): Promise<Serving[]> {
  switch (parts.role) {
    case 'workflow':
      return [
        await Worker.create({
          ...common(parts),
          taskQueue: 'patchwright',
          workflowBundle: await workflowBundle(cacheDir()),
        }),
      ];
    case 'activity': {
      const knowledge = createKnowledge(parts);
      parts.onEnd(hourly('knowledge', knowledge.refreshKnowledge));
      parts.onEnd(hourly('what nobody needs', () => collect({ ...parts, retention: parts.settings.retention })));
      parts.onEnd(hourly('outlines', () => outlineOpenCandidates({ ...parts, ...gitTools() })));
      return [
        await Worker.create({
          ...common(parts),
          taskQueue: 'patchwright-activity',
          activities: requireRuleOfTwo({
            ...createActivities(parts, await openSandboxes(parts.dataDir), knowledge),
            ...knowledge,
          }),
          maxConcurrentActivityTaskExecutions: 50,
        }),
      ];
    }
    case 'suite':
      return createSuiteWorkers(parts);
    case 'agent':
      return [await createAgentWorker(parts)];
    case 'inbound':
      return [createInbound(parts)];
  }
}

/** With the settings of now: who may read what is not a release's matter. */
function createKnowledge({ settings, dataDir, db }: Parts): KnowledgeActivities {
  return createKnowledgeActivities({
    ...{ settings, dataDir, db, run, readSecret },
    environment: allowedEnvironment(GIT_ENVIRONMENT),
  });
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

const gitTools = () => ({ run, environment: allowedEnvironment(GIT_ENVIRONMENT) });

/** Everything that a release needs, but running tests. */
function createActivities(
  { settings, connection, temporal, db, dataDir, artifacts }: Parts,
  { found, sandboxOf }: Sandboxes,
  knowledge: KnowledgeActivities,
): object {
  const reader = createSettingsReader(db);
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
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
  const git = { run, environment: gitEnvironment, dataDir, settings: reader };
  const sandboxed = { ...git, artifacts, sandboxOf, allowedEnvironment };
  const kinds = [
    repositoryKind(sandboxed),
    stackPatchKind({ ...sandboxed, releaseOf: (fork, ref) => releaseOfRef(db, fork, ref) }),
    kafkaConfigKind({ targetsOf: environmentTargets(places), lookAt: brokenPartitions(places) }),
  ] as FixKind[];
  const memory = { db, settings: reader, within: withinCode(sandboxed), ...slackOf(settings) };
  const looks = createLooks({ db, knowledge, driverOf: laidOutDriver(places) });
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
    ...createTicketActivities({
      ...{ db, settings: reader, ...slackOf(settings), wakeThread: wakeThread(client) },
      ...(settings.knowledge.sources.length > 0 && { knowledge }),
      recall: createRecall(memory),
      handOff: startFix(client),
    }),
    ...createFixActivities({ ...sandboxed, db, kinds, wakeThread: wakeThread(client) }),
    ...createMemoryActivities(memory),
    ...createEnvironmentRequestActivities({ temporal: client, db, settings: reader }),
    ...createApprovalActivities({ db, settings: reader, ...slackOf(settings), wakeThread: wakeThread(client) }),
    ...createAgentActivities({ ...sandboxed, db, investigating: { kinds, looks } }),
    ...createRepairActivities({ ...git, artifacts }),
    ...createPagingActivities({ db, settings: reader }),
    ...createReversibilityActivities({ run, environment: gitEnvironment, db, dataDir, settings: reader }),
    ...createEnvironmentUpActivities(places),
    ...createRolloutActivities(places),
    ...createFinaliseActivities(places),
  };
}

/** Reads a fork's or repository's files in our clone of it. */
function withinCode(deps: GitFixDeps): MemoryDeps['within'] {
  const { within } = createGitChanges(deps);
  return (settings, name, work) =>
    within({ settings, digest: '', ticket: '', fix: '', run: '' }, name, (git) => work(git));
}

/** What agents run: commands in sandboxes, as many at once as half of the cores. It holds no secret that it could lose. */
async function createAgentWorker(parts: Parts): Promise<Worker> {
  const { db, dataDir, artifacts } = parts;
  const { sandboxOf } = await openSandboxes(dataDir);
  const git = { run, environment: allowedEnvironment(GIT_ENVIRONMENT), dataDir, settings: createSettingsReader(db) };
  return Worker.create({
    ...common(parts),
    taskQueue: 'patchwright-agent',
    activities: requireRuleOfTwo(createAgentActivities({ ...git, db, artifacts, sandboxOf, allowedEnvironment })),
    maxConcurrentActivityTaskExecutions: Math.max(1, Math.floor(availableParallelism() / 2)),
  });
}

/** What people ask comes in here; no other role listens to anybody. */
function createInbound({ settings, db, connection, temporal }: Parts): Serving {
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());
  const { slack } = slackOf(settings);
  return {
    run: () => serveInbound({ client, db, settings, slack, wakeThread: wakeThread(client) }, stop.signal),
  };
}

/** A host's own queue has as many slots as it can really run at once; the shared one only hands out hosts. */
async function createSuiteWorkers(parts: Parts): Promise<Worker[]> {
  const { db, dataDir, settings, artifacts } = parts;
  const { sandboxOf } = await openSandboxes(dataDir);
  const slots = settings.slots ?? availableParallelism();
  const hostId = hostIdentity(dataDir);
  const tools = gitTools();
  const activities = requireRuleOfTwo(
    createSuiteRunnerActivities({
      db,
      dataDir,
      cacheDir: cacheDir(),
      hostId,
      slots,
      sandboxOf,
      settings: createSettingsReader(db),
      artifacts,
      libraryJars: async (name, found) => {
        const library = await resolveLibrary(libraryOf(found, name), thisMachine(), logProgress);
        return library.jars.map(({ file }) => join(library.dir, file));
      },
      checkout: async (source, dir, found) => {
        const mirror = join(dataDir, 'git', `${source.fork}.git`);
        const repository = found.forks[source.fork]?.repository;
        if (repository !== undefined) await ensureCommit(tools, mirror, repository, source.commit);
        await checkoutFiles(tools, mirror, source.commit, dir);
      },
      environment: allowedEnvironment,
      redact,
    }),
  );
  const queues = [
    { taskQueue: 'patchwright-suite' },
    // Twice the slots: when a suite's history begins anew, each slot is followed by two for some seconds.
    { taskQueue: queueOf(hostId), maxConcurrentActivityTaskExecutions: 2 * slots + 2 },
  ];
  const workers = await Promise.all(queues.map((queue) => Worker.create({ ...common(parts), ...queue, activities })));
  parts.onEnd(await joinHosts({ db, hostId, slots }));
  parts.onEnd(hourly('folders of suite runs', () => collectRunFolders({ ...parts, retention: settings.retention })));
  return workers;
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
function slackOf({ announcements }: Settings): { slack?: SlackConnection & { channel: string } } {
  const { slack } = announcements;
  if (slack === undefined) return {};
  const token = readSecret(slack.token, 'announcements.slack.token');
  return { slack: { token, channel: slack.channel, ...(slack.apiUrl === undefined ? {} : { apiUrl: slack.apiUrl }) } };
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

/** One workflow a hand-off: another attempt of the same finds it there. */
function startFix(client: Client) {
  return async (order: HandOver): Promise<void> => {
    try {
      await client.workflow.start('fix', {
        workflowId: `fix:${order.fix}`,
        taskQueue: 'patchwright',
        args: [order],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `fixes ${order.ticket}`.slice(0, 200),
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  };
}

await main();
