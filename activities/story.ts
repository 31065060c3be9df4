import { asyncLocalStorage } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { logger } from '../lib/log.ts';
import type { Db } from '../store/database.ts';
import { EffectBusy, runEffect } from '../store/journal.ts';
import * as thread from '../store/thread.ts';
import { markShown, shownKey, unshown } from '../store/work.ts';
import {
  createSlack,
  type Slack,
  type SlackConnection,
  type SlackMessage,
  SlackRefused,
  SlackUnavailable,
} from './slack.ts';

export type StoryDeps = {
  db: Db;
  /** Without it the thread is in the store only, and the terminal follows it there. */
  slack?: SlackConnection & { channel: string };
  /** Starts or signals the workflow that carries a release's thread to Slack (`thread:<release>`). */
  wakeThread?: (release: string) => Promise<void>;
};

export type Told = { release: string; key: string; text: string; tone?: thread.Tone; mentions?: string[] };

/**
 * idle: Slack has all that was told so far, but for what may be shown in `laterMs` only · closed: and the story is
 * over · refused: a human must change something.
 */
export type Drained = { kind: 'idle'; laterMs?: number } | { kind: 'closed' } | { kind: 'refused'; problem: string };

/**
 * The story of a release. Telling is one insert into the store: whatever state Slack is in, a release goes
 * on. `drainThread` carries what was told to Slack, in order, each message through the journal.
 */
export function createStoryActivities({ db, slack, wakeThread }: StoryDeps) {
  const client = slack && createSlack(slack);

  async function append(message: thread.NewMessage): Promise<void> {
    await thread.appendMessage(db, message);
    if (client) await wakeThread?.(message.release);
  }

  return {
    /** Opens the thread: its first message becomes the parent in Slack. Safe to repeat: the key is unique. */
    async openThread({ channel, ...message }: Told & { channel?: string }): Promise<void> {
      await append({ ...message, ...(channel !== undefined && { channel }) });
    },

    /** Tells the next thing. `final` says how the release ended; Slack's first message then shows it too. Safe to repeat. */
    async tell(message: Told & { final?: boolean }): Promise<void> {
      await append(message);
    },

    /** Brings Slack's copy of the thread up to the store's. Safe to repeat, and to run twice at once. */
    async drainThread({ release }: { release: string }): Promise<Drained> {
      if (!client || !slack) return { kind: 'closed' };
      try {
        return await drain({ db, client, channel: slack.channel, release });
      } catch (error) {
        return await explain(db, release, error);
      }
    },
  };
}

export type StoryActivities = ReturnType<typeof createStoryActivities>;

// Another attempt that overlaps with this one: Temporal asks again soon enough.
const ELSEWHERE = { waitMs: 5_000 };

type Drain = { db: Db; client: Slack; channel: string; release: string };

async function drain(work: Drain): Promise<Drained> {
  const { db, release } = work;
  for (const message of await thread.unposted(db, release)) {
    // A worker that dies here is noticed in seconds. (Undefined where a test calls this without Temporal.)
    asyncLocalStorage.getStore()?.heartbeat();
    await postOne(work, message);
  }
  for (const ended of await thread.unended(db, release)) {
    asyncLocalStorage.getStore()?.heartbeat();
    await showEnd(work, ended);
  }
  const laterMs = await showWork(work);
  if (laterMs !== undefined) return { kind: 'idle', laterMs };
  const messages = await thread.threadOf(db, release);
  const state = await thread.threadState(db, release);
  const [parent, ending] = [messages[0], messages.find(({ final }) => final)];
  if (!state || !parent || !ending) return { kind: 'idle' };
  if (!state.slackClosed && state.slackTs !== undefined && state.slackChannel !== undefined) {
    const text = parent === ending ? spoken(parent) : `${spoken(parent)}\n${spoken(ending)}`;
    await showOutcome(
      work,
      { channel: state.slackChannel, ts: state.slackTs },
      { key: parent.key, text, ending: ending.key },
    );
  }
  return { kind: 'closed' };
}

async function postOne({ db, client, channel, release }: Drain, message: thread.ThreadMessage): Promise<void> {
  const state = await thread.threadState(db, release);
  const parent = state?.slackTs;
  const place = {
    channel: state?.slackChannel ?? (await client.placeOf(state?.channel ?? channel)),
    ...(parent !== undefined && { thread: parent }),
  };
  const order = { key: `${message.key}/slack`, kind: 'slack-post', release, intent: { ...place, text: message.text } };
  const posted = await runEffect<SlackMessage>(
    db,
    order,
    {
      readBack: () => client.find({ ...place, key: message.key, oldest: slackSeconds(message.at) }),
      perform: () => {
        const { key, mentions = [] } = message;
        return client.post({ ...place, key, text: spoken(message), mentions, ...cardOf(message) });
      },
    },
    ELSEWHERE,
  );
  await thread.markPosted(db, { release, seq: message.seq, ...posted, parent: parent === undefined });
}

/** A question that is over loses its buttons. */
async function showEnd({ db, client, channel, release }: Drain, ended: { key: string; text: string; ts: string }) {
  const { key, text, ts } = ended;
  const at = { channel: (await thread.threadState(db, release))?.slackChannel ?? channel, ts };
  const order = { key: `${key}/slack-end`, kind: 'slack-update', release, intent: { ...at, text } };
  await runEffect<SlackMessage>(
    db,
    order,
    {
      // An update that is made again changes nothing, so there is nothing to read back.
      readBack: async () => undefined,
      perform: async () => {
        await client.update({ ...at, key, text, card: {} });
        return at;
      },
    },
    ELSEWHERE,
  );
  await thread.markEnded(db, key);
}

/** A message that is updated is updated no more often than this. */
const UPDATE_EVERY_MS = 3_000;

/** What is being done, in the messages that say it. After how many milliseconds there is more to show. */
async function showWork({ db, client, channel, release }: Drain): Promise<number | undefined> {
  let laterMs: number | undefined;
  for (const { key, text, n, ts, waitMs } of await unshown(db, release, UPDATE_EVERY_MS)) {
    if (waitMs > 0) {
      laterMs = Math.min(laterMs ?? waitMs, waitMs);
      continue;
    }
    asyncLocalStorage.getStore()?.heartbeat();
    const at = { channel: (await thread.threadState(db, release))?.slackChannel ?? channel, ts };
    const order = { key: shownKey(key, n), kind: 'slack-update', release, intent: { ...at, text } };
    const update = async () => {
      const problem = await refusalOf(() => client.update({ ...at, key, text }));
      // Somebody has deleted it, or it is too old: what is done goes on, and so does the thread.
      if (problem !== undefined) logger('story', { release }).warn({ key, problem }, 'Slack refuses an update');
      return { ...at, ...(problem !== undefined && { problem }) };
    };
    // An update that is made again changes nothing, so there is nothing to read back.
    await runEffect(db, order, { readBack: async () => undefined, perform: update }, ELSEWHERE);
    await markShown(db, { release, key, n });
  }
  return laterMs;
}

async function refusalOf(request: () => Promise<void>): Promise<string | undefined> {
  try {
    await request();
    return undefined;
  } catch (error) {
    if (error instanceof SlackRefused) return error.message;
    throw error;
  }
}

/** The first message is what people see in the channel: at the end it says how it ended. */
async function showOutcome(
  { db, client, release }: Drain,
  at: SlackMessage,
  { key, text, ending }: Record<'key' | 'text' | 'ending', string>,
) {
  const order = { key: `${ending}/slack-parent`, kind: 'slack-update', release, intent: { ...at, text } };
  await runEffect<SlackMessage>(db, order, {
    // An update that is made again changes nothing, so there is nothing to read back.
    readBack: async () => undefined,
    perform: async () => {
      await client.update({ ...at, key, text });
      return at;
    },
  });
  await thread.markSlackClosed(db, release);
}

/** A refusal is an answer; anything else goes to Temporal, with the wait that Slack asked for. */
async function explain(db: Db, release: string, error: unknown): Promise<Drained> {
  if (error instanceof SlackRefused) {
    await thread.markSlackProblem(db, release, `Slack refuses: ${error.message}`);
    logger('story', { release }).warn({ problem: error.message }, 'Slack refuses the thread; the store has it');
    return { kind: 'refused', problem: error.message };
  }
  if (error instanceof SlackUnavailable) {
    await thread.markSlackProblem(db, release, error.message);
    throw ApplicationFailure.create({
      message: error.message,
      type: 'SlackUnavailable',
      cause: error,
      ...(error.retryAfterMs !== undefined && { nextRetryDelay: error.retryAfterMs }),
    });
  }
  if (error instanceof EffectBusy)
    throw ApplicationFailure.create({ message: error.message, type: 'EffectBusy', nextRetryDelay: 1000 });
  throw error;
}

const MARKS: Record<thread.Tone, string> = { info: '', good: '✅ ', warn: '⚠️ ', bad: '⛔ ' };

function spoken({ tone, text }: { tone: thread.Tone; text: string }): string {
  return `${MARKS[tone]}${text}`;
}

const cardOf = ({ card }: thread.ThreadMessage) => (card === undefined ? {} : { card });

/** Slack's clock and ours may differ by a little; a minute back costs one page at most. */
function slackSeconds(at: string): string {
  return ((Date.parse(at) - 60_000) / 1000).toFixed(6);
}
