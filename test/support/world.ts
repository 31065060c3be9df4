import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createApprovalActivities } from '../../activities/approvals.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { createStoryActivities } from '../../activities/story.ts';
import type { Knowledge, KnowledgeChunk } from '../../activities/ticket/knowledge.ts';
import { createTicketActivities, type HandOver } from '../../activities/tickets.ts';
import { cacheDir } from '../../config/env.ts';
import { settingsSchema } from '../../config/schema.ts';
import { setLogLevel } from '../../lib/log.ts';
import { startServices } from '../../services/start-services.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings } from '../../store/releases.ts';
import { threadOf } from '../../store/thread.ts';
import { workflowBundle } from '../../workflow-bundle.ts';
import type { TicketButton, TicketMessage, TicketOrder, TicketState } from '../../workflows/ticket-types.ts';
import { type ModelAnswer, startModel } from '../servers/model.ts';
import { startSlackServer } from '../servers/slack.ts';

export const TEAM = 'T0TEST';
/** `eve` is nobody of ours; `gus` is, and a guest there. */
export const USERS = { ada: 'U0ADA', bob: 'U0BOB', dan: 'U0DAN', gus: 'U0GUS', eve: 'U0EVE' };

const CHUNKS: (KnowledgeChunk & { readers: string[] | 'everyone' })[] = [
  {
    ...{ id: 'c1', source: 'docs', path: 'lag.md', fromLine: 3, toLine: 5, title: 'Consumer lag', readers: 'everyone' },
    text: 'A consumer lags when its fetch size is too small. Raise fetch.min.bytes to one megabyte.',
  },
  {
    ...{ id: 'c2', source: 'secret', path: 'keys.md', fromLine: 1, toLine: 2, title: 'Lag of keys', readers: ['ada'] },
    text: 'CANARY-7731 the lag of the signing keys is known to few.',
  },
];

/** Documents in memory, with who may read each: what answering asks of the knowledge, to the letter. */
export const knowledge: Knowledge = {
  async searchKnowledge({ question, audience, asker }) {
    const words = question.toLowerCase().split(/\W+/);
    const hits = CHUNKS.filter(({ title }) =>
      words.some((word) => word.length > 2 && title.toLowerCase().includes(word)),
    );
    const may = (who: string[]) =>
      hits.filter(({ readers }) => readers === 'everyone' || who.every((one) => readers.includes(one)));
    const chunks = may(audience);
    const alone = asker === undefined ? chunks : may([asker]);
    return { chunks, enough: chunks.length > 0, privateFor: alone.length - chunks.length };
  },
  checkCitation: async ({ chunkId, quote }) => CHUNKS.find(({ id }) => id === chunkId)?.text.includes(quote) === true,
};

type Minutes = Record<string, unknown>;

/**
 * Real Temporal, PostgreSQL and workers; Slack and the model are played over HTTP. Of what Slack breaks off at once
 * nothing is on its way still: the product's five seconds to settle would be waited for in vain.
 */
export async function openSupportWorld({ withKnowledge = true, slackTimeoutMs = 10_000, slackSettleMs = 1_000 } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'pw-support-'));
  setLogLevel('error');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const services = await startServices({ dataDir: dir, fsync: false });
  await migrate(services.databaseUrl);
  const db = openDatabase(services.databaseUrl);
  const artifacts = createArtifactStore(join(dir, 'artifacts'));
  const slack = await startSlackServer();
  slack.accounts.set(USERS.gus, { is_restricted: true });
  const model = await startModel(() => ({ status: 500 }));
  process.env.SUPPORT_TEST_KEY = 'model-key-0123456789';
  const configured = {
    name: 'scripted',
    key: { env: 'SUPPORT_TEST_KEY' },
    baseUrl: model.url,
    price: { inputPerMillion: 1, outputPerMillion: 10 },
  };
  const person = (name: keyof typeof USERS) => ({ name, slack: { team: TEAM, user: USERS[name] } });
  const configure = (support: Minutes = {}, withModel = false) =>
    settingsSchema.parse({
      ...{ forks: {}, people: { ada: person('ada'), bob: person('bob'), dan: person('dan'), gus: person('gus') } },
      announcements: { slack: { channel: slack.channel, token: { env: 'SUPPORT_TEST_BOT' }, apiUrl: slack.url } },
      ...(withModel && { model: configured }),
      support: {
        onCall: { schedule: ['ada', 'bob'].map((name) => ({ person: name, from: 'mon 00:00', to: 'sun 23:59' })) },
        ...support,
      },
    });
  const client = new Client({ connection: await Connection.connect({ address: services.temporal.address }) });
  const wakeThread = async (release: string) => {
    const start = { workflowId: `thread:${release}`, taskQueue: 'patchwright', signal: 'told', args: [{ release }] };
    await client.workflow.signalWithStart('thread', start);
  };
  const place = {
    token: slack.token,
    apiUrl: slack.url,
    channel: slack.channel,
    timeoutMs: slackTimeoutMs,
    settleMs: slackSettleMs,
  };
  const handedOver: HandOver[] = [];
  const activities = {
    ...createStoryActivities({ db, slack: place, wakeThread }),
    ...createApprovalActivities({ db, settings: createSettingsReader(db), slack: place, wakeThread }),
    ...createTicketActivities({
      ...{ db, settings: createSettingsReader(db), slack: place, wakeThread },
      ...(withKnowledge && { knowledge }),
      ...(withKnowledge && { handOff: async (order: HandOver) => void handedOver.push(order) }),
    }),
  };
  const connection = await NativeConnection.connect({ address: services.temporal.address });
  const bundle = await workflowBundle(cacheDir());
  const workers = [
    await Worker.create({ connection, taskQueue: 'patchwright', workflowBundle: bundle }),
    await Worker.create({ connection, taskQueue: 'patchwright-activity', activities }),
  ];
  const running = Promise.all(workers.map((worker) => worker.run()));
  const handle = (id: string) =>
    client.workflow.getHandle<(order: TicketOrder) => Promise<TicketState>>(`ticket:${id}`);

  return {
    ...{ db, artifacts, slack, model, client, services, configure, handedOver, handle, wakeThread },
    /** A question at the terminal, with these times. */
    async open(text: string, { support = {}, play }: { support?: Minutes; play?: () => ModelAnswer } = {}) {
      if (play) model.play(play);
      const settings = await keepSettings(db, configure(support, play !== undefined));
      const ticket = `cli:${randomUUID()}`;
      const said: TicketMessage = { key: 'message/1', sent: '1000000000.000000', person: 'dan', text, addressed: true };
      await client.workflow.signalWithStart('ticket', {
        ...{ workflowId: `ticket:${ticket}`, taskQueue: 'patchwright', args: [{ ticket, settings }] },
        ...{ signal: 'message', signalArgs: [said] },
      });
      return ticket;
    },
    row: (id: string) => db.selectFrom('ticket').selectAll().where('id', '=', id).executeTakeFirst(),
    said: async (id: string) => (await threadOf(db, id)).map(({ text, now = text }) => now).join('\n'),
    press: (id: string, action: TicketButton['action'], person: string, note?: string) => {
      const made: TicketButton = {
        key: randomUUID(),
        sent: '2000000000.000000',
        action,
        person,
        ...(note && { note }),
      };
      return handle(id).executeUpdate<string, [TicketButton]>('press', { args: [made] });
    },
    async stop() {
      for (const worker of workers) worker.shutdown();
      await running;
      await connection.close();
      await client.connection.close();
      await db.destroy();
      await Promise.all([slack.stop(), model.stop()]);
      await services.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export type SupportWorld = Awaited<ReturnType<typeof openSupportWorld>>;
