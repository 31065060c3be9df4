import { ApplicationFailure } from '@temporalio/common';
import { afterEach, describe, expect, test } from 'vitest';
import { createStoryActivities, type StoryActivities } from '../../activities/story.ts';
import { waitForSlack } from '../../cli/wait-for-slack.ts';
import type { Db } from '../../store/database.ts';
import { effectsOf } from '../../store/journal.ts';
import { appendMessage, threadOf, threadState } from '../../store/thread.ts';
import { type SlackServer, startSlackServer } from '../servers/slack.ts';
import { useDatabases } from './database.ts';

const freshDatabase = useDatabases();
const servers: SlackServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

const release = 'kafka-1';
const KEYS = ['opened', 'cut', 'built', 'ended'].map((step) => `${release}/story/${step}`);

async function setUp({ timeoutMs = 2000, channel = 'C0RELEASES', pageSize = 100, token = '' } = {}) {
  const slack = await startSlackServer({ pageSize });
  servers.push(slack);
  const { db } = await freshDatabase();
  const deps = { db, slack: { token: token || slack.token, apiUrl: slack.url, channel, timeoutMs } };
  return { slack, db, story: createStoryActivities(deps), deps };
}

async function tellAll(story: StoryActivities): Promise<void> {
  await story.openThread({ release, key: KEYS[0] ?? '', text: 'kafka-1: releasing kafka, 4 patches on 3.6.2' });
  await story.tell({ release, key: KEYS[1] ?? '', text: 'cut 4 patches' });
  await story.tell({ release, key: KEYS[2] ?? '', text: 'built kafka-clients and 1 more' });
  await story.tell({ release, key: KEYS[3] ?? '', text: 'released to production', tone: 'good', final: true });
}

/** What Temporal does: again until it works. Returns the delays that were asked for. */
async function drainUntilQuiet(story: StoryActivities, attempts = 10): Promise<(number | undefined)[]> {
  const delays: (number | undefined)[] = [];
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    try {
      await story.drainThread({ release });
      return delays;
    } catch (error) {
      expect(error).toBeInstanceOf(ApplicationFailure);
      expect((error as ApplicationFailure).nonRetryable).toBe(false);
      delays.push((error as ApplicationFailure).nextRetryDelay as number | undefined);
    }
  }
  throw new Error(`Slack was never quiet in ${attempts} attempts`);
}

async function expectWholeStory(slack: SlackServer, db: Db): Promise<void> {
  expect(slack.keys()).toEqual(KEYS);
  const [parent, ...replies] = slack.messages();
  expect(parent).toMatchObject({
    text: 'kafka-1: releasing kafka, 4 patches on 3.6.2\n✅ released to production',
    edited: true,
  });
  expect(parent).not.toHaveProperty('thread_ts');
  expect(replies.map(({ thread_ts }) => thread_ts)).toEqual(replies.map(() => parent?.ts));
  expect(replies.map(({ text }) => text)).toEqual([
    'cut 4 patches',
    'built kafka-clients and 1 more',
    '✅ released to production',
  ]);
  expect(await threadState(db, release)).toMatchObject({
    slackTs: parent?.ts,
    slackChannel: 'C0RELEASES',
    slackClosed: true,
  });
  expect((await effectsOf(db, release)).map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => 'done'));
}

describe('the story of a release', () => {
  test('is one Slack thread whose first message ends in the outcome', async () => {
    const { slack, db, story } = await setUp();
    await tellAll(story);
    expect(slack.messages()).toEqual([]);
    expect(await story.drainThread({ release })).toEqual({ kind: 'closed' });
    await expectWholeStory(slack, db);
  });

  test('told and carried twice is there once', async () => {
    const { slack, db, story } = await setUp();
    await tellAll(story);
    await tellAll(story);
    await Promise.all([story.drainThread({ release }), story.drainThread({ release }), story.drainThread({ release })]);
    await story.drainThread({ release });
    await expectWholeStory(slack, db);
    expect(slack.calls.filter(({ method }) => method === 'chat.update')).toHaveLength(1);
  });

  test('goes on being told while it is carried; each message is carried in its order', async () => {
    const { slack, db, story } = await setUp();
    await story.openThread({ release, key: 'k0', text: 'opened' });
    await Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        await story.tell({ release, key: `k${n + 1}`, text: `step ${n}` });
        await story.drainThread({ release });
      }),
    );
    await story.drainThread({ release });
    expect(slack.keys()).toHaveLength(13);
    expect(slack.keys()).toEqual((await threadOf(db, release)).map(({ key }) => key));
  });

  test('mentions only whom it was told to mention, whatever its text says', async () => {
    const { slack, db, story } = await setUp();
    await story.openThread({ release, key: 'k0', text: 'opened' });
    await story.tell({ release, key: 'k1', text: 'PAGE: <!channel> <@U0EVIL> *x*', tone: 'bad', mentions: ['U01'] });
    await story.tell({ release, key: 'k2', text: 'and on' });
    // As messages have it that were told before there was one way for all.
    await appendMessage(db, { release, key: 'k3', text: 'call', card: { mention: 'U02' } as object });
    await story.drainThread({ release });
    const [, page, after, before] = slack.messages();
    expect(before?.text).toBe('<@U02> call');
    expect(page?.text).toBe('<@U01> ⛔ PAGE: &lt;!channel&gt; &lt;@U0EVIL&gt; *x*');
    const elements = [
      { type: 'user', user_id: 'U01' },
      { type: 'text', text: ' ' },
    ];
    const words = { type: 'plain_text', text: '⛔ PAGE: <!channel> <@U0EVIL> *x*', emoji: false };
    expect(page?.blocks).toEqual([
      { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] },
      { type: 'section', text: words },
    ]);
    expect(after).not.toHaveProperty('blocks');
  });

  test('without Slack is in the store alone', async () => {
    const { db } = await freshDatabase();
    const woken: string[] = [];
    const story = createStoryActivities({ db, wakeThread: async (id) => void woken.push(id) });
    await tellAll(story);
    expect(await story.drainThread({ release })).toEqual({ kind: 'closed' });
    expect((await threadOf(db, release)).map(({ key, final }) => [key, final])).toEqual(
      KEYS.map((key, n) => [key, n === 3]),
    );
    expect(woken).toEqual([]);
    expect(await effectsOf(db, release)).toEqual([]);
  });

  test('wakes its carrier at every word, also at one that was already in the store', async () => {
    const { db, deps } = await setUp();
    const woken: string[] = [];
    const story = createStoryActivities({ ...deps, db, wakeThread: async (id) => void woken.push(id) });
    await story.tell({ release, key: 'a', text: 'one' });
    await story.tell({ release, key: 'a', text: 'one' });
    expect(woken).toEqual([release, release]);
  });
});

describe('Slack does wrong', () => {
  test.each([
    ['dies after it stored the first message', 'chat.postMessage', { kind: 'die' }],
    ['drops the call before it does it', 'chat.postMessage', { kind: 'drop' }],
    ['answers twice', 'chat.postMessage', { kind: 'answer-twice' }],
    ['answers with a page of a proxy', 'chat.postMessage', { kind: 'html' }],
    ['fails inside', 'chat.postMessage', { kind: 'error', error: 'internal_error' }],
    ['dies after the outcome', 'chat.update', { kind: 'die' }],
    ['stores at once but answers too late', 'chat.postMessage', { kind: 'slow', ms: 700 }],
  ] as const)('%s: every message is there once, in order', async (_name, method, fault) => {
    const { slack, db, story } = await setUp({ timeoutMs: 300 });
    await tellAll(story);
    slack.fail(method, fault);
    await drainUntilQuiet(story);
    await expectWholeStory(slack, db);
  });

  test('answers nothing: the next attempt waits until a call under way has arrived', async () => {
    const { slack, story } = await setUp({ timeoutMs: 100 });
    await tellAll(story);
    slack.fail('chat.postMessage', { kind: 'late', ms: 300 });
    expect(await drainUntilQuiet(story)).toEqual([5_000]);
  });

  test('dies after storing each single message: each is found by its key, never posted again', async () => {
    const { slack, db, story } = await setUp({ pageSize: 2 });
    await tellAll(story);
    for (let n = 0; n < 4; n += 1) slack.fail('chat.postMessage', { kind: 'die' });
    const delays = await drainUntilQuiet(story);
    expect(delays).toHaveLength(4);
    await expectWholeStory(slack, db);
    const found = (await effectsOf(db, release)).filter((effect) => effect.found).map(({ key }) => key);
    expect(found).toEqual(KEYS.map((key) => `${key}/slack`));
  });

  test('and dies again while it is read back', async () => {
    const { slack, db, story } = await setUp();
    await tellAll(story);
    slack.fail('chat.postMessage', { kind: 'die' });
    slack.fail('conversations.history', { kind: 'drop' });
    slack.fail('conversations.history', { kind: 'rate-limit', seconds: 1 });
    await drainUntilQuiet(story);
    await expectWholeStory(slack, db);
  });

  test('limits the rate: the wait it asks for is given to Temporal', async () => {
    const { slack, db, story } = await setUp();
    await tellAll(story);
    slack.fail('chat.postMessage', { kind: 'rate-limit', seconds: 17 });
    expect(await drainUntilQuiet(story)).toEqual([17_000]);
    await expectWholeStory(slack, db);
  });

  test('is down: telling goes on, the reader learns why, and afterwards all is posted in order', async () => {
    const { slack, db, story } = await setUp();
    slack.setDown({ kind: 'drop' });
    await tellAll(story);
    await expect(story.drainThread({ release })).rejects.toThrow('Slack did not answer');
    expect((await threadState(db, release))?.problem).toContain('Slack did not answer');
    expect(await threadOf(db, release)).toHaveLength(4);
    expect(await waitForSlack(db, release, { withinMs: 50 })).toContain('Slack did not answer');
    slack.setDown(undefined);
    await story.drainThread({ release });
    await expectWholeStory(slack, db);
    expect(await waitForSlack(db, release)).toBeUndefined();
    expect(await threadState(db, release)).not.toHaveProperty('problem');
  });

  test.each([
    ['the token', { token: 'xoxb-0000000000-wrong' }, 'invalid_auth'],
    ['the channel', { channel: 'C0NOWHERE' }, 'channel_not_found'],
  ])('refuses %s: no endless retry, a problem that a human can read', async (_name, options, problem) => {
    const { db, story } = await setUp(options);
    await tellAll(story);
    expect(await story.drainThread({ release })).toEqual({ kind: 'refused', problem });
    expect((await threadState(db, release))?.problem).toBe(`Slack refuses: ${problem}`);
  });

  test('names the missing scope', async () => {
    const { slack, story } = await setUp();
    await tellAll(story);
    slack.fail('chat.postMessage', { kind: 'error', error: 'missing_scope', needed: 'chat:write' });
    expect(await story.drainThread({ release })).toEqual({
      kind: 'refused',
      problem: 'missing_scope (needs chat:write)',
    });
  });

  test('a channel by name is found again by its id', async () => {
    const { slack, db, story } = await setUp({ channel: '#releases' });
    await tellAll(story);
    slack.fail('chat.postMessage', { kind: 'die' });
    await drainUntilQuiet(story);
    await expectWholeStory(slack, db);
  });
});

describe('what is posted', () => {
  async function posted(text: string) {
    const { slack, db, story } = await setUp();
    await story.tell({ release, key: 'k', text });
    await story.drainThread({ release });
    const [message] = slack.messages();
    return { text: message?.text ?? '', mrkdwn: message?.mrkdwn, stored: (await threadOf(db, release))[0]?.text };
  }

  test('pings nobody, links nothing, formats nothing', async () => {
    const { text, mrkdwn, stored } = await posted(
      'patch "<!channel> <@U123> <https://evil.example|fix> a && b" *bold*',
    );
    expect(text).toBe('patch "&lt;!channel&gt; &lt;@U123&gt; &lt;https://evil.example|fix&gt; a &amp;&amp; b" *bold*');
    expect(mrkdwn).toBe(false);
    expect(stored).toContain('<!channel>');
  });

  test('has no control, escape or invisible characters, and no half characters', async () => {
    const { text, stored } = await posted(
      'ok\u001b[31mred\u001b[0m a\u0000b\u0007 \u202egnirts\u202c z\u200bw \ud83d x\r\ny',
    );
    expect(text).toBe('okred a\ufffdb\ufffd gnirts zw \ufffd x\ny');
    expect(stored).toBe(text);
  });

  test('is cut before Slack cuts it', async () => {
    const { text } = await posted('é'.repeat(50_000));
    expect(text).toHaveLength(3500);
    expect(text.endsWith('…')).toBe(true);
  });

  test('has no secret in it, nor has the store', async () => {
    const token = ['xoxb', '123456789012', 'abcdefghijklmnop'].join('-');
    const { text, stored } = await posted(
      `build failed: SLACK_TOKEN=${token} curl https://bot:s3cr3t-pass@repo.example/x`,
    );
    expect(text).toMatch(
      /^build failed: SLACK_TOKEN=\[redacted:slack-token:[0-9a-f]{8}\] curl https:\/\/bot:\[redacted:url-password:/,
    );
    expect(stored).toBe(text);
  });
});
