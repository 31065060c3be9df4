import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStoryActivities, type StoryActivities } from '../../activities/story.ts';
import { setLogLevel } from '../../lib/log.ts';
import { type RunningServices, startServices } from '../../services/start-services.ts';
import { type Db, openDatabase } from '../../store/database.ts';
import { effectsOf } from '../../store/journal.ts';
import { migrate } from '../../store/migrate.ts';
import { threadOf, threadState } from '../../store/thread.ts';
import { keepWork } from '../../store/work.ts';
import { type SlackServer, startSlackServer } from '../servers/slack.ts';

// The carrier of a thread on real parts: Temporal, PostgreSQL, the real Slack client against a server of ours.
const dir = mkdtempSync(join(tmpdir(), 'pw-carrier-'));
let services: RunningServices;
let slack: SlackServer;
let db: Db;
let client: Client;
let story: StoryActivities;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  setLogLevel('error');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  services = await startServices({ dataDir: dir, fsync: false });
  await migrate(services.databaseUrl);
  db = openDatabase(services.databaseUrl);
  slack = await startSlackServer();
  client = new Client({ connection: await Connection.connect({ address: services.temporal.address }) });
  story = createStoryActivities({
    db,
    slack: { token: slack.token, apiUrl: slack.url, channel: slack.channel },
    wakeThread: async (release) => {
      const start = { workflowId: `thread:${release}`, taskQueue: 'patchwright', signal: 'told', args: [{ release }] };
      await client.workflow.signalWithStart('thread', start);
    },
  });
  const connection = await NativeConnection.connect({ address: services.temporal.address });
  const workflowsPath = join(import.meta.dirname, '../../workflows/thread.ts');
  const workers = [
    await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath }),
    await Worker.create({ connection, taskQueue: 'patchwright-activity', activities: story }),
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
  await slack?.stop();
  await services?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

test('a release tells its story while Slack is away; Slack gets all of it in order, and the carrier ends', async () => {
  const release = 'kafka-1';
  const keys = ['open', 'cut', 'build', 'end'].map((step) => `${release}/${step}`);
  slack.setDown({ kind: 'error', error: 'service_unavailable' });
  for (const [n, key] of keys.entries()) await story.tell({ release, key, text: key, final: n === 3 });
  await expect
    .poll(async () => (await threadState(db, release))?.problem, { timeout: 20_000 })
    .toContain('service_unavailable');
  expect(slack.keys()).toEqual([]);
  slack.setDown(undefined);
  await client.workflow.getHandle(`thread:${release}`).result();
  expect(slack.keys()).toEqual(keys);
  expect(slack.messages()[0]?.text).toBe('kafka-1/open\nkafka-1/end');

  // A watch may tell more after the end: a new carrier takes it.
  await story.tell({ release, key: `${release}/watch`, text: 'the watch has ended' });
  await expect.poll(() => slack.keys(), { timeout: 20_000 }).toEqual([...keys, `${release}/watch`]);
}, 60_000);

test('refused by Slack, it looks again as soon as more is told', async () => {
  const release = 'kafka-2';
  const before = slack.messages().length;
  slack.setDown({ kind: 'error', error: 'not_in_channel' });
  await story.openThread({ release, key: 'k1', text: 'one' });
  await expect
    .poll(async () => (await threadState(db, release))?.problem, { timeout: 20_000 })
    .toContain('not_in_channel');
  slack.setDown(undefined);
  await story.tell({ release, key: 'k2', text: 'two' });
  await expect.poll(() => slack.keys().slice(before), { timeout: 20_000 }).toEqual(['k1', 'k2']);
  const { status } = await client.workflow.getHandle(`thread:${release}`).describe();
  expect(status.name).toBe('RUNNING');
}, 60_000);

test('a message that says what is being done is updated, seldom enough; what Slack refuses of it stops nothing', async () => {
  const release = 'ticket-3';
  const [said, effects] = [slack.messages().length, `${release}/work/slack-now/`];
  const work = (text: string, done = false) => keepWork(db, { ticket: release, key: `${release}/work`, text, done });
  const updates = () => slack.calls.filter(({ method, body }) => method === 'chat.update' && body.includes('word'));
  await story.openThread({ release, key: `${release}/open`, text: 'asked' });
  await expect.poll(async () => (await threadState(db, release))?.slackTs, { timeout: 20_000 }).toBeDefined();
  slack.fail('chat.update', { kind: 'error', error: 'message_not_found' });
  expect(await work('word 0')).toBe(true);
  for (let n = 1; n <= 20; n += 1) await work(`word ${n}`);
  // The carrier was told once; it may have missed that where nothing is shown for long.
  expect(await work('still word 20')).toBe(false);
  await sql`update thread_message set at = at - interval '20 seconds' where key = ${`${release}/work`}`.execute(db);
  expect(await work('word 20 at last')).toBe(true);
  await work('word 20, and done', true);
  expect(await work('too late')).toBe(false);
  await story.tell({ release, key: `${release}/next`, text: 'goes on' });
  const shown = async () => (await threadOf(db, release)).find(({ now }) => now !== undefined)?.now;
  expect(await shown()).toBe('word 20, and done');
  // The last words came while Slack refused: only what comes next is shown.
  await expect.poll(() => updates().length, { timeout: 20_000 }).toBeGreaterThan(0);
  await expect.poll(() => slack.keys().slice(said), { timeout: 20_000 }).toContain(`${release}/next`);
  const behind = db.selectFrom('thread_message').select('key').where('release', '=', release);
  await expect.poll(() => behind.whereRef('now_n', '>', 'now_shown_n').execute(), { timeout: 20_000 }).toEqual([]);
  await sql`update effect set ended_at = ended_at - interval '2 minutes' where starts_with(key, ${effects})`.execute(
    db,
  );
  await db.updateTable('thread_message').set({ now_done: false }).where('key', '=', `${release}/work`).execute();
  await work('word 21', true);
  await story.tell({ release, key: `${release}/last`, text: 'the end', final: true });
  await client.workflow.getHandle(`thread:${release}`).result();
  expect(
    slack
      .messages()
      .slice(said)
      .map(({ text }) => text),
  ).toEqual(['asked\nthe end', 'word 21', 'goes on', 'the end']);
  expect(updates().length).toBeLessThan(10);
  const kept = (await effectsOf(db, release)).filter(({ key }) => key.startsWith(effects));
  // What was shown a while ago is not kept.
  expect(kept.map(({ state }) => state)).toEqual(['done']);
}, 60_000);
