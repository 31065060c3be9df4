// A suite worker in a process of its own, so that it can be killed: `suite-worker.ts '{json}'`.
import { cpSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { beatMeanwhile } from '../../activities/heartbeat.ts';
import { createSandboxOf } from '../../activities/sandbox/for-fork.ts';
import { requireSandbox } from '../../activities/sandbox/open.ts';
import { createSuiteRunnerActivities, hostIdentity, joinHosts, queueOf } from '../../activities/suite-runner.ts';
import { cacheDir, readSecret } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import type { ArtifactsSettings } from '../../config/storage.ts';
import { NO_USERS } from '../../decisions/test-users.ts';
import { setLogLevel } from '../../lib/log.ts';
import { createRedactor } from '../../lib/redact.ts';
import { openDatabase } from '../../store/database.ts';
import { openArtifacts } from '../../store/open-artifacts.ts';
import { ENV, junitJars } from './sample.ts';

export type WorkerArguments = {
  address: string;
  databaseUrl: string;
  dataDir: string;
  settingsFile: string;
  slots: number;
  /** Where jars and logs travel (`artifacts` of the configuration); the data folder's own by default. */
  artifacts?: ArtifactsSettings;
  lostAfterSeconds?: number;
};

const given = JSON.parse(process.argv[2] ?? '') as WorkerArguments;
const { address, databaseUrl, dataDir, settingsFile, slots, artifacts = {} } = given;
setLogLevel('warn');
const connection = await NativeConnection.connect({ address });
const db = openDatabase(databaseUrl);
const hostId = hostIdentity(dataDir);
const there = given.lostAfterSeconds === undefined ? {} : { lostAfterSeconds: given.lostAfterSeconds };
const activities = createSuiteRunnerActivities({
  db,
  dataDir,
  cacheDir: cacheDir(),
  hostId,
  slots,
  sandboxOf: createSandboxOf(await requireSandbox({ dataDir, install: true }), { dataDir, home: homedir(), env: ENV }),
  ...there,
  settings: async () => JSON.parse(readFileSync(settingsFile, 'utf8')) as Settings,
  artifacts: await openArtifacts(artifacts, { dataDir, readSecret }),
  libraryJars: junitJars,
  // The sources of this test are single files, or folders, named by their commit.
  checkout: async (source, dir) => {
    const from = join(dataDir, 'sources', source.commit);
    mkdirSync(dir, { recursive: true });
    cpSync(from, statSync(from).isDirectory() ? dir : join(dir, 'tests.sh'), { recursive: true });
  },
  testUsers: async () => NO_USERS,
  environment: () => ENV,
  redact: createRedactor(),
});
const queues = [{ taskQueue: 'patchwright-suite' }, { taskQueue: queueOf(hostId) }];
const common = {
  connection,
  activities,
  maxHeartbeatThrottleInterval: '2s',
  defaultHeartbeatThrottleInterval: '1s',
  interceptors: { activity: [beatMeanwhile] },
} satisfies Partial<WorkerOptions>;
const workers = await Promise.all(queues.map((queue) => Worker.create({ ...common, ...queue })));
await joinHosts({ db, hostId, slots, ...there });
await Promise.all(workers.map((worker) => worker.run()));
process.exit(0);
