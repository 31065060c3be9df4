// One role of the bench's product, a process of its own as in production: `worker.ts '{json}'`. What worker.ts does but
// for the kinds of fix, the knowledge, and whatever no ticket needs.
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createAgentActivities } from '../../activities/agent.ts';
import { createApprovalActivities } from '../../activities/approvals.ts';
import type { FixKind } from '../../activities/fixes/kind.ts';
import { createFixActivities } from '../../activities/fixes.ts';
import { beatMeanwhile } from '../../activities/heartbeat.ts';
import { createMemoryActivities } from '../../activities/memory.ts';
import { withoutSandbox } from '../../activities/sandbox/open.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { createStoryActivities } from '../../activities/story.ts';
import { createTicketActivities, type HandOver } from '../../activities/tickets.ts';
import { allowedEnvironment, readSecret } from '../../config/env.ts';
import { serveInbound } from '../../inbound/serve.ts';
import { setLogLevel } from '../../lib/log.ts';
import { run } from '../../lib/run.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';
import { workflowBundle } from '../../workflow-bundle.ts';
import { lineKind } from './kind.ts';

export type WorkerArguments = {
  role: 'workflow' | 'activity' | 'inbound';
  address: string;
  databaseUrl: string;
  dataDir: string;
  settings: string;
  applied: string;
};

const given = JSON.parse(process.argv[2] ?? '') as WorkerArguments;
const { role, address, databaseUrl, dataDir } = given;
setLogLevel('error');
Runtime.install({ logger: new DefaultLogger('ERROR') });
const db = openDatabase(databaseUrl);
const settings = createSettingsReader(db);
const connection = await NativeConnection.connect({ address });
const client = new Client({ connection });
const now = await settings(given.settings);
const place = now.announcements.slack;
if (place === undefined) throw new Error('the bench needs announcements.slack');
const slack = {
  ...{ token: readSecret(place.token, 'announcements.slack.token'), channel: place.channel },
  ...(place.apiUrl !== undefined && { apiUrl: place.apiUrl }),
};
const start = { taskQueue: 'patchwright', workflowIdConflictPolicy: 'USE_EXISTING' } as const;
const wakeThread = async (release: string) => {
  const thread = { workflowId: `thread:${release}`, taskQueue: 'patchwright', args: [{ release }], signal: 'told' };
  await client.workflow.signalWithStart('thread', thread);
};

if (role === 'inbound')
  await serveInbound(
    { client, db, artifacts: createArtifactStore(join(dataDir, 'artifacts')), settings: now, slack, wakeThread },
    new AbortController().signal,
  );
else await (role === 'workflow' ? workflows() : activities()).then((worker) => worker.run());

async function workflows(): Promise<Worker> {
  return Worker.create({ connection, taskQueue: 'patchwright', workflowBundle: await workflowBundle(dataDir) });
}

async function ofNoCode(): Promise<never> {
  throw new Error('the bench has no code');
}

function activities(): Promise<Worker> {
  const artifacts = createArtifactStore(join(dataDir, 'artifacts'));
  const sandboxOf = () => withoutSandbox({ dataDir, reason: 'nothing of a fork runs here' });
  const environment = allowedEnvironment(['PATH', 'HOME']);
  const shared = { db, dataDir, artifacts, run, environment, settings, sandboxOf, allowedEnvironment };
  const kinds = [lineKind(given.applied)] as FixKind[];
  const looks = {
    log: async () => 'nothing is logged',
    evidence: async () => 'nothing failed',
    ...{ knowledge: async () => 'nothing is found', stands: async () => true },
    ...{ status: async () => 'it runs', releases: async () => 'there are none' },
  };
  const handOff = async (order: HandOver) => {
    await client.workflow.start('fix', { ...start, workflowId: `fix:${order.fix}`, args: [order] });
  };
  return Worker.create({
    ...{ connection, taskQueue: 'patchwright-activity', maxConcurrentActivityTaskExecutions: 50 },
    interceptors: { activity: [beatMeanwhile] },
    activities: {
      ...createStoryActivities({ db, slack, wakeThread }),
      ...createTicketActivities({ db, settings, slack, wakeThread, handOff }),
      ...createApprovalActivities({ db, settings, slack, wakeThread }),
      ...createMemoryActivities({ db, settings, slack, wakeThread, within: ofNoCode, ownValueOf: async () => '1' }),
      ...createFixActivities({ ...shared, kinds, wakeThread }),
      ...createAgentActivities({ ...shared, wakeThread, investigating: { kinds, looks } }),
    },
  });
}
