import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSlack } from '../../activities/slack.ts';
import { createSlackDoor } from '../../inbound/slack.ts';
import { listenToSlack } from '../../inbound/slack-http.ts';
import { keepSettings } from '../../store/releases.ts';
import type { Fault } from '../servers/slack.ts';
import { postSigned, SIGNING_SECRET } from '../servers/slack-events.ts';
import { openSupportWorld, type SupportWorld, TEAM, USERS } from './world.ts';

// Slack as it is on a bad day, under whole tickets: what was asked is answered, and Slack has each message once.
const CHANNEL = 'C0RELEASES';
const BOT = 'U0BOT';
const TICKETS = 4;
const TIMEOUT_MS = 700;
/** Long after what is answered late has been done. */
const SETTLE_MS = 4 * TIMEOUT_MS;
const PATIENT = { timeout: 90_000, interval: 100 };
let world: SupportWorld;
let http: Awaited<ReturnType<typeof listenToSlack>>;
let clock = 1_790_000_000;

beforeAll(async () => {
  world = await openSupportWorld({ slackTimeoutMs: TIMEOUT_MS, slackSettleMs: SETTLE_MS });
  const { slack, db, artifacts, client, wakeThread } = world;
  const settings = world.configure();
  const digest = await keepSettings(db, settings);
  const parts = { client, db, artifacts, present: async () => ({ settings, digest }), wakeThread };
  const connection = createSlack({ token: slack.token, apiUrl: slack.url });
  const door = createSlackDoor({ ...parts, slack: connection, self: await connection.self() });
  http = await listenToSlack({ door, secret: SIGNING_SECRET, port: 0, host: '127.0.0.1' });
  slack.members.set(CHANNEL, [BOT, USERS.ada, USERS.dan]);
}, 120_000);

afterAll(async () => {
  await http?.stop();
  await world?.stop();
}, 60_000);

const time = () => {
  clock += 1;
  return `${clock}.000100`;
};

/** Nothing is found about it: the thread says who is called, and he gets a message of his own. */
async function ask(what: string): Promise<string> {
  const ts = time();
  const text = `<@${BOT}> where is ${what}?`;
  world.slack.write({ ts, text, user: USERS.dan, mrkdwn: true });
  const event = { type: 'app_mention', channel: CHANNEL, user: USERS.dan, team: TEAM, ts, text };
  expect(await postSigned(http.port, { type: 'event_callback', team_id: TEAM, event_id: `Ev${ts}`, event })).toBe(200);
  return ts;
}

async function notOurs(thread: string): Promise<void> {
  const body = {
    ...{ type: 'block_actions', team: { id: TEAM }, user: { id: USERS.ada, team_id: TEAM } },
    ...{ channel: { id: CHANNEL }, message: { ts: thread, thread_ts: thread, user: BOT } },
    actions: [{ action_id: 'ticket.not-ours', action_ts: time() }],
  };
  expect(await postSigned(http.port, body)).toBe(200);
}

const heard = (thread: string) =>
  world.slack
    .messages(CHANNEL)
    .filter(({ thread_ts, user }) => thread_ts === thread && user === BOT)
    .map(({ text }) => text);

/** All that was told since is in Slack, once and under its own key, and nothing else is. */
async function saidOnce(threads: readonly string[]): Promise<void> {
  const mine = (text: string | null) => threads.some((thread) => text?.includes(`:${thread}`));
  const underWay = async () => {
    const effects = await world.db.selectFrom('effect').select(['release', 'state']).execute();
    return effects.filter(({ release, state }) => mine(release) && state !== 'done').length;
  };
  // What Slack has, and has not said that it has, is read back before anything is posted again: only then is it over.
  await expect.poll(underWay, PATIENT).toBe(0);
  const all = await world.db.selectFrom('thread_message').select(['key', 'release']).execute();
  const told = all.filter(({ release }) => mine(release)).map(({ key }) => key);
  const posted = [CHANNEL, 'D0ADA'].flatMap((channel) => world.slack.keys(channel).map(String).filter(mine));
  expect(posted.sort()).toEqual(told.sort());
  // How an answer was looked for, the call, its own message, and the end.
  expect(told).toHaveLength(4 * threads.length);
  for (const thread of threads)
    await expect.poll(() => heard(thread).join(), PATIENT).toMatch(/^Looked for an answer, and there is none/);
}

const many = (method: string, fault: Fault, times: number) => () => {
  for (let i = 0; i < times; i += 1) world.slack.fail(method, fault);
};
const all = (fault: Fault) => () => world.slack.setDown(fault);
const POST = 'chat.postMessage';

/** It is away until it was called so often for each ticket: a time would be long on one machine, and short on another. */
async function calledSince(before: number, times: number): Promise<void> {
  await expect.poll(() => world.slack.calls.length - before, PATIENT).toBeGreaterThanOrEqual(times * TICKETS);
  world.slack.setDown(undefined);
}

test.each([
  ['it is down', all({ kind: 'drop' }), 2],
  ['a proxy answers for it', all({ kind: 'html' }), 2],
  ['it limits the rate of all', all({ kind: 'rate-limit', seconds: 1 }), 2],
  ['it limits the rate of posts', many(POST, { kind: 'rate-limit', seconds: 1 }, TICKETS), 0],
  ['it answers everything twice', all({ kind: 'answer-twice' }), 0],
  ['it does it, and answers nothing', many(POST, { kind: 'die' }, TICKETS), 0],
  ['it does it at once, and answers when nobody waits', many(POST, { kind: 'slow', ms: 2 * TIMEOUT_MS }, TICKETS), 0],
  ['it does it when nobody waits any more', many(POST, { kind: 'late', ms: 2 * TIMEOUT_MS }, TICKETS), 0],
])(
  '%s: nothing is lost, nothing is said twice',
  async (name, begin, times) => {
    const first = world.slack.calls.length;
    begin();
    const threads: string[] = [];
    for (let n = 0; n < TICKETS; n += 1) threads.push(await ask(`ticket ${n} while ${name}`));
    if (times > 0) await calledSince(first, times);
    for (const thread of threads) await expect.poll(() => heard(thread).join(), PATIENT).toMatch(/ada is on call/);
    world.slack.setDown(undefined);
    const then = world.slack.calls.length;
    begin();
    for (const thread of threads) await notOurs(thread);
    if (times > 0) await calledSince(then, times / 2);
    for (const thread of threads) await expect.poll(() => heard(thread).join(), PATIENT).toMatch(/Closed, not ours/);
    world.slack.setDown(undefined);
    const direct = () => world.slack.messages('D0ADA').filter(({ text }) => text.includes(`while ${name}?`));
    await expect.poll(() => direct().length, PATIENT).toBe(TICKETS);
    await saidOnce(threads);
  },
  240_000,
);
