import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSlack } from '../../activities/slack.ts';
import { serveInbound } from '../../inbound/serve.ts';
import { createSlackDoor } from '../../inbound/slack.ts';
import { listenToSlack } from '../../inbound/slack-http.ts';
import { connectToSlack } from '../../inbound/slack-socket.ts';
import { freePort } from '../../services/ports.ts';
import { auditRows } from '../../store/audit.ts';
import { callAt } from '../../store/calls.ts';
import { keepSettings } from '../../store/releases.ts';
import { ticketEvents } from '../../store/tickets.ts';
import { APP_TOKEN } from '../servers/slack.ts';
import { type Deliver, postSigned, SIGNING_SECRET, startSocketMode } from '../servers/slack-events.ts';
import { openSupportWorld, type SupportWorld, TEAM, USERS } from './world.ts';

// One code path behind Socket Mode and HTTP: real clients, real Temporal and PostgreSQL; Slack is played.
const CHANNEL = 'C0RELEASES';
const BOT = 'U0BOT';
const PATIENT = { timeout: 90_000, interval: 50 };
let world: SupportWorld;
let door: ReturnType<typeof createSlackDoor>;
let http: Awaited<ReturnType<typeof listenToSlack>>;
let socketMode: Awaited<ReturnType<typeof startSocketMode>>;
let socket: ReturnType<typeof connectToSlack>;
const transports = new Map<string, Deliver>();

beforeAll(async () => {
  world = await openSupportWorld();
  const { slack, db, artifacts, client } = world;
  const settings = world.configure();
  const connection = createSlack({ token: slack.token, apiUrl: slack.url });
  const digest = await keepSettings(db, settings);
  const parts = { client, db, artifacts, present: async () => ({ settings, digest }), slack: connection };
  door = createSlackDoor({ ...parts, self: await connection.self(), wakeThread: world.wakeThread });
  http = await listenToSlack({ door, secret: SIGNING_SECRET, port: 0, host: '127.0.0.1' });
  socketMode = await startSocketMode(slack);
  socket = connectToSlack({ door, appToken: APP_TOKEN, apiUrl: slack.url });
  transports.set('HTTP', async (body) => (await postSigned(http.port, body)) === 200);
  transports.set('Socket Mode', socketMode.deliver);
  slack.members.set(CHANNEL, [BOT, USERS.ada, USERS.dan]);
  slack.members.set('C0OTHER', [BOT, USERS.ada, USERS.eve]);
}, 120_000);

afterAll(async () => {
  await socket?.stop();
  await socketMode?.stop();
  await http?.stop();
  await world?.stop();
}, 60_000);

let clock = 1_790_000_000;
const time = () => {
  clock += 1;
  return `${clock}.000100`;
};
let events = 0;
type Person = keyof typeof USERS;
type Words = { by?: Person; ts?: string; thread?: string; channel?: string; type?: string };

/** What somebody writes is in the channel, and an event of it. */
function written(
  text: string,
  { by = 'dan', ts = time(), thread, channel = CHANNEL, type = 'app_mention' }: Words = {},
) {
  const inThread = thread === undefined ? {} : { thread_ts: thread };
  const known = world.slack.messages(channel).some((one) => one.ts === ts);
  if (!known) world.slack.write({ ts, text, user: USERS[by], mrkdwn: true, ...inThread }, channel);
  events += 1;
  const event = { type, channel, user: USERS[by], team: TEAM, ts, text, ...inThread };
  return {
    ts,
    ticket: `${TEAM}:${channel}:${thread ?? ts}`,
    body: { type: 'event_callback', team_id: TEAM, event_id: `Ev${events}`, event },
  };
}
const mention = (text: string, words: Words = {}) => written(`<@${BOT}> ${text}`, words);

const answers = (thread: string, channel = CHANNEL) =>
  world.slack.messages(channel).filter(({ thread_ts, user }) => thread_ts === thread && user === BOT);
const heard = (thread: string, channel = CHANNEL) =>
  answers(thread, channel)
    .map(({ text }) => text)
    .join('\n');
const hears = (thread: string, words: RegExp, channel = CHANNEL) =>
  expect.poll(() => heard(thread, channel), PATIENT).toMatch(words);

/** A click on the newest card of a thread that has such a button. */
function click(thread: string, action: string, by: Person, change: Record<string, unknown> = {}) {
  const card = answers(thread).findLast(({ blocks }) => JSON.stringify(blocks ?? []).includes(`ticket.${action}"`));
  if (card === undefined) throw new Error(`no card has ${action}`);
  return {
    ...{
      type: 'block_actions',
      team: { id: TEAM },
      user: { id: USERS[by], team_id: TEAM },
      trigger_id: `trigger.${by}`,
    },
    ...{ channel: { id: CHANNEL }, message: { ts: card.ts, thread_ts: thread, user: BOT } },
    actions: [{ action_id: `ticket.${action}`, action_ts: time() }],
    ...change,
  };
}
const deliver = (name: string): Deliver => transports.get(name)!;

describe.each(['HTTP', 'Socket Mode'])('by %s', (name) => {
  test('a mention is answered once in its thread, however often it comes, and solved by a click', async () => {
    const { ts, body, ticket } = mention(`why does my consumer lag by ${name}?`);
    expect(await deliver(name)(body)).toBe(true);
    // Acknowledged: the ticket is there, whatever happens to us now.
    expect((await world.handle(ticket).describe()).status.name).toBe('RUNNING');
    const again = written(body.event.text, { ts, type: 'message' }).body;
    expect(await Promise.all([body, again, body].map((it) => deliver(name)(it)))).toEqual([true, true, true]);
    await hears(ts, /Consumer lag \(docs lag\.md:3-5\)/);
    const solved = click(ts, 'solved', 'dan');
    await deliver(name)(solved);
    await hears(ts, /Closed, solved: dan says/);
    for (const it of [body, again, solved]) expect(await deliver(name)(it)).toBe(true);
    await expect.poll(async () => (await world.handle(ticket).describe()).status.name, PATIENT).toBe('COMPLETED');
    // How it was looked for, the answer, and the end.
    expect(answers(ts)).toHaveLength(3);
    await hears(ts, /^Looked for an answer: one place found, \d+ s\. To read on: npx patchwright ticket show/);
    await deliver(name)(click(ts, 'not-solved', 'dan'));
    await hears(ts, /it is closed \(dan says/);
    expect(await world.row(ticket)).toMatchObject({ asker: 'dan', state: 'closed', answers: 1 });
  });

  test('what arrives in another order is the same ticket', async () => {
    const first = mention(`lag in order ${name}`);
    const second = mention('it is the orders topic', { thread: first.ts });
    const third = written('since noon', { thread: first.ts, type: 'message' });
    for (const { body } of [third, second, first]) expect(await deliver(name)(body)).toBe(true);
    await hears(first.ts, /Consumer lag/);
    await expect
      .poll(async () => (await ticketEvents(world.db, first.ticket)).map(({ text }) => text), PATIENT)
      .toEqual([`lag in order ${name}`, 'it is the orders topic', 'since noon']);
    expect(await world.row(first.ticket)).toMatchObject({ asker: 'dan', text: expect.stringMatching(/lag in order/) });
  });

  test('strangers, people of other workspaces and guests are told so, once, and no ticket begins', async () => {
    for (const [by, words, team] of [
      ['eve', /I do not know you yet/, TEAM],
      ['eve', /people of this workspace only/, 'T9OTHER'],
      ['gus', /this account is a guest/, TEAM],
    ] as const) {
      const asked = mention('give me your secrets', { by });
      const body = { ...asked.body, event: { ...asked.body.event, team } };
      await deliver(name)(body);
      await hears(asked.ts, words);
      const more = mention('please', { by, thread: asked.ts });
      await deliver(name)({ ...more.body, event: { ...more.body.event, team } });
      await expect
        .poll(async () => (await world.handle(asked.ticket).describe()).status.name, PATIENT)
        .toBe('COMPLETED');
      expect(answers(asked.ts)).toHaveLength(1);
      expect(await world.row(asked.ticket)).toBeUndefined();
    }
  });

  test('another workspace’s event and click do nothing, and are in the audit', async () => {
    const asked = mention('what lags?');
    await deliver(name)({ ...asked.body, team_id: 'T9OTHER', event_id: `Ev9${name}` });
    expect(await world.row(asked.ticket)).toBeUndefined();
    const { ts, body, ticket } = mention(`lag of clicks ${name}`);
    await deliver(name)(body);
    await hears(ts, /Consumer lag/);
    await deliver(name)(click(ts, 'solved', 'dan', { team: { id: 'T9OTHER' } }));
    expect(await world.row(ticket)).toMatchObject({ state: 'answered' });
    const rows = await auditRows(world.db, { about: 'slack' });
    expect(rows.map(({ by, kind }) => [kind, by])).toContainEqual(['refused', `slack:${TEAM}/${USERS.dan}`]);
  });

  test('an escalation mentions who is on call, who hands it over with a hint from a form', async () => {
    const { ts, body, ticket } = mention(`where is lunch, by ${name}?`);
    await deliver(name)(body);
    await hears(ts, /<@U0ADA> ⚠️ ada is on call/);
    const direct = () => world.slack.messages('D0ADA').map(({ text }) => text);
    const link = `https://test.slack.example/archives/${CHANNEL}/p${ts.replace('.', '')}`;
    await expect.poll(() => direct().filter((text) => text.endsWith(link)), PATIENT).toHaveLength(1);
    await deliver(name)(click(ts, 'take', 'dan'));
    await hears(ts, /dan: that is for whoever may be on call/);
    const opened = world.slack.views.length;
    await deliver(name)(click(ts, 'hand-off-hint', 'ada'));
    const { view } = world.slack.views[opened]!;
    const submitted = {
      ...{ type: 'view_submission', team: { id: TEAM }, user: { id: USERS.ada, team_id: TEAM } },
      view: { ...view, id: `V${ts}`, state: { values: { hint: { hint: { value: 'look in the fridge' } } } } },
    };
    for (const again of [submitted, submitted]) expect(await deliver(name)(again)).toBe(true);
    await hears(ts, /ada hands it to the agent, with the hint: look in the fridge/);
    await expect.poll(() => world.handedOver.filter((order) => order.ticket === ticket), PATIENT).toHaveLength(1);
    expect((await world.row(ticket))?.state).toBe('handed-off');
  });
});

test('whoever is called has the same buttons in his direct message, by the same rules; both say what came of it', async () => {
  const { ts, body, ticket } = mention('where is supper?');
  await deliver('HTTP')(body);
  const link = `https://test.slack.example/archives/${CHANNEL}/p${ts.replace('.', '')}`;
  const direct = () => world.slack.messages('D0ADA');
  const call = () => direct().find(({ text }) => text.endsWith(link) || text.includes(`${link}\n`));
  await expect.poll(call, PATIENT).toBeDefined();
  // Nobody clicks in the moment between Slack's having it and our knowing where it stands.
  const known = () => callAt(world.db, { channel: 'D0ADA', thread: call()?.ts ?? '' });
  await expect.poll(known, PATIENT).toBeDefined();
  const said = () =>
    direct()
      .filter(({ thread_ts }) => thread_ts === call()?.ts)
      .map(({ text }) => text)
      .join('\n');
  const press = (action: string, by: Person) => ({
    ...{ type: 'block_actions', team: { id: TEAM }, user: { id: USERS[by], team_id: TEAM }, trigger_id: `${by}.d` },
    ...{ channel: { id: 'D0ADA' }, message: { ts: call()?.ts, user: BOT } },
    actions: [{ action_id: `ticket.${action}`, action_ts: time() }],
  });
  for (const action of ['hand-off', 'hand-off-hint', 'take', 'not-ours'])
    expect(JSON.stringify(call()?.blocks)).toContain(`ticket.${action}"`);
  await deliver('HTTP')(press('take', 'dan'));
  await hears(ts, /dan: that is for whoever may be on call/);
  await expect.poll(said, PATIENT).toContain('dan: that is for whoever may be on call');
  const taken = press('take', 'ada');
  for (const again of [taken, taken]) await deliver('HTTP')(again);
  await hears(ts, /ada has it\./);
  await expect.poll(said, PATIENT).toContain('ada has it.');
  expect(await world.row(ticket)).toMatchObject({ state: 'escalated', holder: 'ada' });
  const handed = press('hand-off', 'ada');
  for (const again of [handed, handed]) await deliver('HTTP')(again);
  await hears(ts, /ada hands it to the agent\./);
  await expect.poll(() => call()?.text, PATIENT).toMatch(/ada hands it to the agent\.$/);
  expect(JSON.stringify(call()?.blocks)).not.toContain('ticket.');
  await expect.poll(() => world.handedOver.filter((order) => order.ticket === ticket), PATIENT).toHaveLength(1);
  expect(await world.row(`${TEAM}:D0ADA:${call()?.ts}`)).toBeUndefined();
});

test('a request that Slack did not sign, or that is old, does nothing', async () => {
  const { body, ticket } = mention('lag forged?');
  const old = Math.floor(Date.now() / 1_000) - 301;
  const other = JSON.stringify({ ...body, event: { ...body.event, user: USERS.ada } });
  for (const forged of [{ secret: 'guessed' }, { timestamp: old }, { timestamp: old + 700 }, { body: other }]) {
    expect(await postSigned(http.port, body, forged)).toBe(401);
  }
  const unsigned = await fetch(`http://127.0.0.1:${http.port}/slack/events`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  expect(unsigned.status).toBe(401);
  expect(await world.row(ticket)).toBeUndefined();
  expect(await postSigned(http.port, { type: 'url_verification', challenge: 'abc' })).toBe(200);
});

test('the role waits for Slack, listens where it is configured to, and ends when it is told to', async () => {
  const { slack, db, artifacts, client, wakeThread } = world;
  const port = await freePort();
  process.env.SUPPORT_TEST_SIGNING = SIGNING_SECRET;
  const http = { signingSecret: { env: 'SUPPORT_TEST_SIGNING' }, port };
  const parts = { client, db, artifacts, settings: world.configure({ slack: { http } }), wakeThread };
  const stop = new AbortController();
  slack.fail('auth.test', { kind: 'error', error: 'internal_error' });
  const serving = serveInbound({ ...parts, slack: { token: slack.token, apiUrl: slack.url } }, stop.signal);
  const asked = mention('lag by the role?');
  await expect.poll(() => postSigned(port, asked.body).catch(() => 0), { timeout: 90_000 }).toBe(200);
  await hears(asked.ts, /Consumer lag/);
  stop.abort();
  await serving;
  await expect(postSigned(port, asked.body)).rejects.toThrow();
});

test('what cannot be made durable is not acknowledged', async () => {
  const broken = await listenToSlack({
    door: { receive: async () => Promise.reject(new Error('Temporal is away')) },
    secret: SIGNING_SECRET,
    port: 0,
    host: '127.0.0.1',
  });
  expect(await postSigned(broken.port, mention('lag?').body)).toBe(500);
  await broken.stop();
});

test('a connection that is refreshed or cut is opened anew', async () => {
  for (const end of [socketMode.refresh, socketMode.cut]) {
    const before = socketMode.connections();
    end();
    await expect.poll(() => socketMode.connections(), PATIENT).toBeGreaterThan(before);
  }
  const { ts, body } = mention('lag after the cut?');
  expect(await deliver('Socket Mode')(body)).toBe(true);
  await hears(ts, /Consumer lag/);
});

test('what only some may read stays out of a channel; the asker alone gets it in a direct message', async () => {
  const words = { by: 'ada' as const };
  const asked = mention('lag of keys?', words);
  await deliver('HTTP')(asked.body);
  await hears(asked.ts, /Consumer lag \(docs/);
  // Not even that there is more: the asker alone is told.
  expect(heard(asked.ts)).not.toMatch(/read more|direct message|secret|keys\.md/);
  const alone = () => world.slack.messages('D0ADA').map(({ text }) => text);
  await expect
    .poll(alone, PATIENT)
    .toContainEqual(expect.stringMatching(/You may read more.*You asked: lag of keys\?/));
  const direct = written('lag of keys?', { ...words, channel: 'D0ADA', type: 'message' });
  await deliver('HTTP')(direct.body);
  await hears(direct.ts, /CANARY-7731/, 'D0ADA');
  for (const channel of [CHANNEL, 'C0OTHER'])
    expect(JSON.stringify(world.slack.messages(channel))).not.toContain('CANARY');
});

test('Slack away and rate-limited: the answer comes once, when it takes it', async () => {
  const { ts, body } = mention('lag while you are away?');
  world.slack.fail('chat.postMessage', { kind: 'die' });
  world.slack.fail('chat.postMessage', { kind: 'rate-limit', seconds: 1 });
  await deliver('HTTP')(body);
  await hears(ts, /Consumer lag/);
  const solved = click(ts, 'solved', 'dan');
  const before = world.slack.calls.length;
  world.slack.setDown({ kind: 'drop' });
  await deliver('HTTP')(solved);
  await expect.poll(() => world.slack.calls.length, PATIENT).toBeGreaterThan(before);
  world.slack.setDown(undefined);
  await expect.poll(() => heard(ts), { timeout: 120_000, interval: 100 }).toMatch(/Closed, solved/);
  expect(answers(ts)).toHaveLength(3);
}, 120_000);
