/**
 * The composition root: the only place where real clients are built. One process a role, since activities
 * share the Node thread with polling (design, *Processes*). A missing value stops it before it takes work.
 */
import { parseArgs } from 'node:util';
import { DefaultLogger, type LogEntry, NativeConnection, Runtime } from '@temporalio/worker';
import { logLevel, readSecret, readyFile, workerEnvironment } from './config/env.ts';
import { loadSettings } from './config/load.ts';
import { createPresentSettings } from './config/present.ts';
import { secretsOf, serverSecrets } from './config/secrets.ts';
import { logger, setLogLevel } from './lib/log.ts';
import { announceReady } from './lib/ready-file.ts';
import { configureRedaction } from './lib/redact.ts';
import { redactionKey } from './lib/redact-key.ts';
import { type Parts, ROLES, type Serving } from './roles/parts.ts';
import { openDatabase } from './store/database.ts';
import { openArtifacts } from './store/open-artifacts.ts';

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

/** Each role loads what is its own and no more: half of the memory, and of the time until it serves. */
async function createWorkers(parts: Parts): Promise<Serving[]> {
  switch (parts.role) {
    case 'workflow':
      return [await (await import('./roles/workflow.ts')).createWorkflowWorker(parts)];
    case 'activity':
      return [await (await import('./roles/activity-worker.ts')).createActivityWorker(parts)];
    case 'suite':
      return (await import('./roles/suite.ts')).createSuiteWorkers(parts);
    case 'agent':
      return [await (await import('./roles/agent.ts')).createAgentWorker(parts)];
    case 'inbound':
      return [(await import('./roles/inbound.ts')).createInbound(parts)];
  }
}

await main();
