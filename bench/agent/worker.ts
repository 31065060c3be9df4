// The activity worker of the bench, a process of its own as in production: `worker.ts '{json}'`.
import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createAgentActivities } from '../../activities/agent.ts';
import { beatMeanwhile } from '../../activities/heartbeat.ts';
import { withoutSandbox } from '../../activities/sandbox/open.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { allowedEnvironment } from '../../config/env.ts';
import { setLogLevel } from '../../lib/log.ts';
import { run } from '../../lib/run.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';

export type WorkerArguments = { address: string; databaseUrl: string; dataDir: string };

const { address, databaseUrl, dataDir } = JSON.parse(process.argv[2] ?? '') as WorkerArguments;
setLogLevel('warn');
Runtime.install({ logger: new DefaultLogger('ERROR') });
const db = openDatabase(databaseUrl);
const activities = createAgentActivities({
  ...{ db, dataDir, run, allowedEnvironment, environment: allowedEnvironment(['PATH', 'HOME']) },
  artifacts: createArtifactStore(join(dataDir, 'artifacts')),
  settings: createSettingsReader(db),
  sandboxOf: () => withoutSandbox({ dataDir, reason: 'nothing of a fork runs here' }),
});
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  ...{ connection, activities, taskQueue: 'patchwright-activity' },
  interceptors: { activity: [beatMeanwhile] },
  maxConcurrentActivityTaskExecutions: 50,
});
await worker.run();
