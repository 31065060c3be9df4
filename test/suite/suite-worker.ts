// A suite worker in a process of its own, so that it can be killed: `suite-worker.ts '{json}'`.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { beatMeanwhile } from '../../activities/heartbeat.ts';
import { withoutSandbox } from '../../activities/sandbox/open.ts';
import { createSuiteRunnerActivities } from '../../activities/suite-runner.ts';
import { cacheDir } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import { setLogLevel } from '../../lib/log.ts';
import { createRedactor } from '../../lib/redact.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';
import { ENV, junitJars } from './sample.ts';

export type WorkerArguments = {
  address: string;
  databaseUrl: string;
  dataDir: string;
  settingsFile: string;
  slots: number;
};

const { address, databaseUrl, dataDir, settingsFile, slots } = JSON.parse(process.argv[2] ?? '') as WorkerArguments;
setLogLevel('warn');
const connection = await NativeConnection.connect({ address });
const hostId = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
const activities = createSuiteRunnerActivities({
  db: openDatabase(databaseUrl),
  dataDir,
  cacheDir: cacheDir(),
  hostId,
  slots,
  sandboxOf: () => withoutSandbox({ dataDir, reason: 'slots do not run in it yet' }),
  settings: async () => JSON.parse(readFileSync(settingsFile, 'utf8')) as Settings,
  artifacts: createArtifactStore(join(dataDir, 'artifacts')),
  libraryJars: junitJars,
  // The sources of this test are single files, named by their commit.
  checkout: async (source, dir) => {
    mkdirSync(dir, { recursive: true });
    copyFileSync(join(dataDir, 'sources', source.commit), join(dir, 'tests.sh'));
  },
  environment: () => ENV,
  redact: createRedactor(),
});
const queues = [{ taskQueue: 'patchwright-suite' }, { taskQueue: `suite-${hostId}` }];
const common = {
  connection,
  activities,
  maxHeartbeatThrottleInterval: '2s',
  defaultHeartbeatThrottleInterval: '1s',
  interceptors: { activity: [beatMeanwhile] },
} satisfies Partial<WorkerOptions>;
const workers = await Promise.all(queues.map((queue) => Worker.create({ ...common, ...queue })));
await Promise.all(workers.map((worker) => worker.run()));
