// The suite worker of the bench, a process of its own as in production: `worker.ts '{json}'`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { beatMeanwhile } from '../../activities/heartbeat.ts';
import { withoutSandbox } from '../../activities/sandbox/open.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { createSuiteRunnerActivities, hostIdentity, joinHosts, queueOf } from '../../activities/suite-runner.ts';
import { NO_USERS } from '../../decisions/test-users.ts';
import { setLogLevel } from '../../lib/log.ts';
import { createRedactor } from '../../lib/redact.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';

export type WorkerArguments = {
  address: string;
  databaseUrl: string;
  dataDir: string;
  slots: number;
  reportBytes: number;
};

const given = JSON.parse(process.argv[2] ?? '') as WorkerArguments;
const { dataDir, slots } = given;
setLogLevel('warn');
const db = openDatabase(given.databaseUrl);
const connection = await NativeConnection.connect({ address: given.address });
const hostId = hostIdentity(dataDir);
const activities = createSuiteRunnerActivities({
  db,
  dataDir,
  cacheDir: join(dataDir, 'cache'),
  hostId,
  slots,
  slotProgram: fileURLToPath(new URL('./slot.ts', import.meta.url)),
  sandboxOf: () => withoutSandbox({ dataDir, reason: 'nothing of a fork runs here' }),
  settings: createSettingsReader(db),
  artifacts: createArtifactStore(join(dataDir, 'artifacts')),
  libraryJars: async () => [],
  checkout: async (_source, dir) => void mkdirSync(dir, { recursive: true }),
  testUsers: async () => NO_USERS,
  environment: () => ({ REPORT_BYTES: String(given.reportBytes) }),
  redact: createRedactor(),
});
const queues = [{ taskQueue: 'patchwright-suite' }, { taskQueue: queueOf(hostId) }];
const common = { connection, activities, interceptors: { activity: [beatMeanwhile] } };
const workers = await Promise.all(queues.map((queue) => Worker.create({ ...common, ...queue })));
await joinHosts({ db, hostId, slots });
await Promise.all(workers.map((worker) => worker.run()));
