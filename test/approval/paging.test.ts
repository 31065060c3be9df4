import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPagingActivities } from '../../activities/paging.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { createStoryActivities } from '../../activities/story.ts';
import { settingsSchema } from '../../config/schema.ts';
import { setLogLevel } from '../../lib/log.ts';
import { type RunningServices, startServices } from '../../services/start-services.ts';
import { auditRows } from '../../store/audit.ts';
import { type Db, openDatabase } from '../../store/database.ts';
import { effectsOf } from '../../store/journal.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings } from '../../store/releases.ts';
import { threadOf } from '../../store/thread.ts';
import type { PageState } from '../../workflows/page-messages.ts';
import type { PageOrder } from '../../workflows/types.ts';
import { startPagerDuty } from '../servers/pagerduty.ts';

// Real Temporal and PostgreSQL; the service is played over HTTP.
const dir = mkdtempSync(join(tmpdir(), 'pw-paging-'));
const SECRET = 'routing-key-0123456789';
let services: RunningServices;
let db: Db;
let client: Client;
let service: Awaited<ReturnType<typeof startPagerDuty>>;
let settings: string;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  setLogLevel('error');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  services = await startServices({ dataDir: dir, fsync: false });
  await migrate(services.databaseUrl);
  db = openDatabase(services.databaseUrl);
  service = await startPagerDuty();
  process.env.PAGING_TEST_KEY = SECRET;
  const pagerduty = { routingKey: { env: 'PAGING_TEST_KEY' }, url: service.url };
  settings = await keepSettings(db, settingsSchema.parse({ forks: {}, paging: { pagerduty, repeatMinutes: 0.02 } }));
  client = new Client({ connection: await Connection.connect({ address: services.temporal.address }) });
  const connection = await NativeConnection.connect({ address: services.temporal.address });
  const workflowsPath = join(import.meta.dirname, '../../workflows/page.ts');
  const activities = {
    ...createPagingActivities({ db, settings: createSettingsReader(db) }),
    ...createStoryActivities({ db }),
  };
  const workers = [
    await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath }),
    await Worker.create({ connection, taskQueue: 'patchwright-activity', activities }),
  ];
  const running = Promise.all(workers.map((worker) => worker.run()));
  stops.push(
    async () => {
      for (const worker of workers) worker.shutdown();
      await running;
    },
    () => connection.close(),
  );
}, 120_000);

afterAll(async () => {
  for (const stop of stops) await stop();
  await client?.connection.close();
  await db?.destroy();
  await service?.stop();
  await services?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const begin = (id: string, change: Partial<PageOrder> = {}, called = 0) =>
  client.workflow.start<(order: PageOrder, called: number) => Promise<PageState>>('page', {
    ...{ workflowId: `page:${id}`, taskQueue: 'patchwright' },
    args: [
      { id, release: id.split('/')[0]!, about: 'production', summary: 'production is frozen.', settings, ...change },
      called,
    ],
  });
const acknowledge = (handle: WorkflowHandle, by: string) =>
  handle.executeUpdate<PageState, [{ by: string }]>('acknowledgePageBy', { args: [{ by }] });
const of = (id: string) => service.events.filter(({ dedup_key }) => dedup_key === `patchwright/${id}`);
const said = async (release: string) => (await threadOf(db, release)).map(({ text }) => text).join('\n');

test('somebody is called again and again, as one alert, until somebody has it', async () => {
  const id = 'kafka-1/1/production';
  const handle = await begin(id);
  await expect.poll(() => of(id).length, { timeout: 20_000 }).toBeGreaterThan(2);
  expect(of(id)[0]).toEqual({
    ...{ routing_key: SECRET, event_action: 'trigger', dedup_key: `patchwright/${id}` },
    payload: { summary: 'production is frozen.', source: 'patchwright', severity: 'critical', component: 'production' },
  });
  await acknowledge(handle, 'ada');
  const { called, acknowledged } = await handle.result();
  expect(acknowledged?.by).toBe('ada');
  expect(of(id).filter(({ event_action }) => event_action === 'trigger')).toHaveLength(called);
  expect(of(id).at(-1)?.event_action).toBe('acknowledge');
  expect(await said('kafka-1')).toMatch(
    /PAGE: production is frozen\. .*page ack kafka-1\/1\/production[\s\S]*ada has it/,
  );
  expect((await auditRows(db, { about: 'production' })).map(({ by }) => by)).toContain('ada');
  expect(JSON.stringify(await effectsOf(db, 'kafka-1'))).not.toContain(SECRET);
});

test('after a day of calls a new history begins, and goes on calling', async () => {
  const id = 'kafka-5/1/production';
  const first = await begin(id, {}, 94);
  // The 97th is the third: it is made by the second history.
  await expect.poll(() => of(id).length, { timeout: 20_000 }).toBeGreaterThan(2);
  const latest = client.workflow.getHandle(`page:${id}`);
  expect((await latest.describe()).runId).not.toBe(first.firstExecutionRunId);
  await acknowledge(latest, 'ada');
  const { called, acknowledged } = await first.result();
  expect(acknowledged?.by).toBe('ada');
  expect(called).toBeGreaterThan(96);
  expect(await said('kafka-5')).toContain('ada has it');
});

test('a service that is away is called again; one that refuses is told in the thread, and the calls go on', async () => {
  const id = 'kafka-2/1/production';
  service.answers.push(503, 429, 400);
  const handle = await begin(id);
  await expect.poll(async () => (await said('kafka-2')).includes('answered 400'), { timeout: 30_000 }).toBe(true);
  await expect.poll(() => of(id).length, { timeout: 20_000 }).toBeGreaterThan(0);
  expect((await acknowledge(handle, 'bob')).acknowledged?.by).toBe('bob');
  expect((await handle.result()).acknowledged?.by).toBe('bob');
}, 60_000);

test('who has a Slack account is mentioned with every call, until somebody has it', async () => {
  const id = 'kafka-4/1/production';
  const people = { ada: { name: 'Ada', slack: { team: 'T01', user: 'U01' } }, bob: { name: 'Bob' } };
  const named = settingsSchema.parse({ forks: {}, people, paging: { repeatMinutes: 0.01 } });
  const handle = await begin(id, { settings: await keepSettings(db, named) });
  await expect.poll(() => said('kafka-4'), { timeout: 20_000 }).toContain('still nobody');
  await acknowledge(handle, 'ada');
  await handle.result();
  const calls = (await threadOf(db, 'kafka-4')).map(({ text, mentions }) => [text.slice(0, 5), mentions?.join()]);
  expect(calls.slice(0, 2)).toEqual([
    ['PAGE:', 'U01'],
    ['PAGE,', 'U01'],
  ]);
  expect(calls.at(-1)).toEqual(['ada h', undefined]);
});

test('where no service is configured the thread has it, and who takes it', async () => {
  const id = 'kafka-3/1/production';
  const quiet = await keepSettings(db, settingsSchema.parse({ forks: {} }));
  const handle = await begin(id, { settings: quiet });
  await expect.poll(() => said('kafka-3'), { timeout: 20_000 }).toContain('PAGE');
  await acknowledge(handle, 'ada');
  await handle.result();
  expect(of(id)).toEqual([]);
  expect(await said('kafka-3')).toContain('ada has it');
});
