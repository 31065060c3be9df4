// A worker of the test's own with the real activities, to be killed: node worker.ts '{"address": …}'
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createApprovalActivities } from '../../activities/approvals.ts';
import { createEnvironmentRequestActivities } from '../../activities/environment-request.ts';
import { createFinaliseActivities } from '../../activities/finalise.ts';
import { createGitActivities } from '../../activities/git.ts';
import { beatMeanwhile } from '../../activities/heartbeat.ts';
import { createPagingActivities } from '../../activities/paging.ts';
import { createRehearsalActivities } from '../../activities/rehearsal.ts';
import { createRolloutActivities, type RolloutDeps } from '../../activities/rollout.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { createStoryActivities } from '../../activities/story.ts';
import { allowedEnvironment, GIT_ENVIRONMENT, HOST_ENVIRONMENT } from '../../config/env.ts';
import { run } from '../../lib/run.ts';
import { resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';

export type WorkerOrder = {
  address: string;
  databaseUrl: string;
  dataDir: string;
  artifacts: string;
  cacheDir: string;
  bundle: string;
};

const order = JSON.parse(process.argv[2] ?? '') as WorkerOrder;
const connection = await NativeConnection.connect({ address: order.address });
const db = openDatabase(order.databaseUrl);
const places: RolloutDeps = {
  db,
  dataDir: order.dataDir,
  cacheDir: order.cacheDir,
  artifacts: createArtifactStore(order.artifacts),
  hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
  settings: createSettingsReader(db),
  async library(settings, name) {
    const spec = settings.libraries[name];
    if (!spec) throw new Error(`no library ${name}`);
    return (await resolveLibrary(spec, thisMachine(), () => undefined)).dir;
  },
};
const common = {
  connection,
  maxHeartbeatThrottleInterval: '1s',
  defaultHeartbeatThrottleInterval: '1s',
} as const;
const workflows = await Worker.create({
  ...common,
  taskQueue: 'patchwright',
  workflowBundle: { codePath: order.bundle },
});
const activities = await Worker.create({
  ...common,
  taskQueue: 'patchwright-activity',
  interceptors: { activity: [beatMeanwhile] },
  activities: {
    ...createStoryActivities({ db }),
    ...createPagingActivities({ db, settings: createSettingsReader(db) }),
    ...createEnvironmentRequestActivities({
      temporal: new Client({ connection }),
      db,
      settings: createSettingsReader(db),
    }),
    ...createApprovalActivities({ db, settings: createSettingsReader(db) }),
    ...createRolloutActivities(places),
    ...createFinaliseActivities(places),
    ...createGitActivities({ ...places, run, environment: allowedEnvironment(GIT_ENVIRONMENT) }),
    ...createRehearsalActivities(places),
  },
});
process.stdout.write('serving\n');
await Promise.all([workflows.run(), activities.run()]);
