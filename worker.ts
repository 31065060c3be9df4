/**
 * The composition root: the only place where real clients are built. One process a role, since activities
 * share the Node thread with polling (design, *Processes*). A missing value stops it before it takes work.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import { DefaultLogger, type LogEntry, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { outlineOpenCandidates } from './activities/agent/outlines.ts';
import { createAgentActivities } from './activities/agent.ts';
import { collectCopies } from './activities/publish.ts';
import { collect, hourly } from './activities/retention.ts';
import { createSettingsReader } from './activities/settings.ts';
import { requireRuleOfTwo } from './activities/touches.ts';
import {
  allowedEnvironment,
  cacheDir,
  GIT_ENVIRONMENT,
  logLevel,
  readSecret,
  readyFile,
  workerEnvironment,
} from './config/env.ts';
import { loadSettings } from './config/load.ts';
import { createPresentSettings } from './config/present.ts';
import { secretsOf, serverSecrets } from './config/secrets.ts';
import { serveInbound } from './inbound/serve.ts';
import { logger, setLogLevel } from './lib/log.ts';
import { announceReady } from './lib/ready-file.ts';
import { configureRedaction } from './lib/redact.ts';
import { redactionKey } from './lib/redact-key.ts';
import { run } from './lib/run.ts';
import { createActivities, createKnowledge } from './roles/activity.ts';
import {
  common,
  dataConverter,
  gitTools,
  openSandboxes,
  type Parts,
  ROLES,
  type Serving,
  slackOf,
  wakeThread,
} from './roles/parts.ts';
import { createSuiteWorkers } from './roles/suite.ts';
import { openDatabase } from './store/database.ts';
import { openArtifacts } from './store/open-artifacts.ts';
import { workflowBundle } from './workflow-bundle.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { role: { type: 'string' } } });
  const role = ROLES.find((known) => known === values.role);
  if (role === undefined) throw new Error(`--role ${values.role ?? ''} is none of: ${ROLES.join(', ')}`);
  setLogLevel(logLevel());
  const { temporal, databaseUrl, dataDir, configFile } = workerEnvironment();
  const settings = loadSettings(configFile);
  const present = createPresentSettings(configFile, settings);
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
  const workers = await createWorkers({
    ...{ role, settings, present },
    connection,
    temporal,
    db,
    dataDir,
    artifacts,
    onEnd,
  });
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
      parts.onEnd(hourly('copies to publish', async () => collectCopies(parts.dataDir)));
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

/** What agents run: commands in sandboxes, as many at once as half of the cores. It holds no secret that it could lose. */
async function createAgentWorker(parts: Parts): Promise<Worker> {
  const { db, dataDir, artifacts, connection, temporal } = parts;
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
  const { sandboxOf } = await openSandboxes(dataDir);
  const git = { run, environment: allowedEnvironment(GIT_ENVIRONMENT), dataDir, settings: createSettingsReader(db) };
  return Worker.create({
    ...common(parts),
    taskQueue: 'patchwright-agent',
    activities: requireRuleOfTwo(
      createAgentActivities({
        ...{ ...git, db, artifacts, sandboxOf, allowedEnvironment },
        wakeThread: wakeThread(client),
      }),
    ),
    maxConcurrentActivityTaskExecutions: Math.max(1, Math.floor(availableParallelism() / 2)),
  });
}

/** What people ask comes in here; no other role listens to anybody. */
function createInbound({ settings, present, db, connection, temporal, artifacts }: Parts): Serving {
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());
  const { slack } = slackOf(settings);
  return {
    run: () =>
      serveInbound({ client, db, artifacts, settings, present, slack, wakeThread: wakeThread(client) }, stop.signal),
  };
}

await main();
