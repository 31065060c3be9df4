import { ErrorCode, LogLevel, type View, WebClient } from '@slack/web-api';
import type { Card } from '../workflows/ticket-types.ts';
import { blocksOf, isUser, mentionWords } from './slack-card.ts';

/**
 * The part of Slack's Web API that a thread needs. Every message carries its key in its metadata, so that
 * whoever comes after a crash can ask Slack whether it is there. Retries are Temporal's (`retries: 0`).
 *
 * The bot needs `chat:write`, and `channels:history` (`groups:history` for a private channel) to read back.
 */
/** `settleMs`: how long what Slack did not answer may still be on its way into it. */
export type SlackConnection = { token: string; apiUrl?: string; timeoutMs?: number; settleMs?: number };

export type SlackMessage = { channel: string; ts: string };
/** `mentions`: users who are called by it, by id. `card`: its buttons. */
export type SlackPost = {
  channel: string;
  text: string;
  key: string;
  thread?: string;
  mentions?: readonly string[];
  card?: Card;
};

export type SlackUpdate = SlackMessage & { text: string; key: string; card?: Card };
export type SlackWhisper = { channel: string; user: string; thread?: string; text: string };

/** Slack refuses, and will again until a human changes something (token, channel, scope). */
export class SlackRefused extends Error {
  override name = 'SlackRefused';
}

/** Slack did not do it now, or did not say whether it did. `retryAfterMs` is its own wish or our time to settle. */
export class SlackUnavailable extends Error {
  override name = 'SlackUnavailable';
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export type Slack = ReturnType<typeof createSlack>;

export const EVENT_TYPE = 'patchwright_story';

// A request that timed out may still be on its way into Slack: give it time before reading back.
const SETTLE_MS = 5_000;
const PAGE = 200;
const MOST_MEMBERS = 1_000;

export function createSlack({ token, apiUrl, timeoutMs = 10_000, settleMs = SETTLE_MS }: SlackConnection) {
  const client = new WebClient(token, {
    ...(apiUrl !== undefined && { slackApiUrl: apiUrl }),
    timeout: timeoutMs,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logLevel: LogLevel.ERROR,
    // Its own logger writes to standard output, which belongs to documents.
    logger: SILENT,
  });

  const call = <T>(request: () => Promise<T>) => asked(request, settleMs);

  // Reading needs the channel's id; posting takes its name too, so the name may be all that is configured.
  let ids: Map<string, string> | undefined;
  async function channelId(channel: string): Promise<string> {
    if (!channel.startsWith('#')) return channel;
    ids ??= await channelIds((cursor) =>
      call(() =>
        client.conversations.list({
          types: 'public_channel,private_channel',
          exclude_archived: true,
          limit: PAGE,
          ...cursor,
        }),
      ),
    );
    const id = ids.get(channel.slice(1));
    if (id === undefined) throw new SlackRefused(`channel_not_found: the bot sees no channel ${channel}`);
    return id;
  }

  return {
    /** Posts one message; not safe to repeat by itself: `find` first. */
    async post({ channel, text, key, thread, mentions = [], card }: SlackPost): Promise<SlackMessage> {
      const posted = await call(() =>
        client.chat.postMessage({
          channel,
          text: `${mentionWords(mentions)}${escapeMrkdwn(text)}`,
          ...((card !== undefined || mentions.length > 0) && { blocks: blocksOf(text, card, mentions) }),
          // Our text is plain: nothing in a commit's subject may become a link, bold or a mention.
          mrkdwn: false,
          unfurl_links: false,
          unfurl_media: false,
          metadata: { event_type: EVENT_TYPE, event_payload: { key } },
          ...(thread !== undefined && { thread_ts: thread }),
        }),
      );
      return { channel: posted.channel ?? channel, ts: required(posted.ts, 'ts of the posted message') };
    },

    /** Replaces a message's text and key, and its blocks where there is a card. Safe to repeat. */
    async update({ channel, ts, text, key, card }: SlackUpdate): Promise<void> {
      const metadata = { event_type: EVENT_TYPE, event_payload: { key } };
      // Slack keeps the blocks of before where none are given.
      const blocks = card && { blocks: blocksOf(text, card) };
      await call(() => client.chat.update({ channel, ts, text: escapeMrkdwn(text), metadata, ...blocks }));
    },

    /** Says something to one person of a channel, whom alone it is shown. It is lost where he is away. */
    async whisper({ channel, user, thread, text }: SlackWhisper): Promise<void> {
      const place = { channel, user, ...(thread !== undefined && { thread_ts: thread }) };
      await call(() => client.chat.postEphemeral({ ...place, text: escapeMrkdwn(text), mrkdwn: false } as never));
    },

    /** Who we are there: our workspace, and the bot's own account. */
    async self(): Promise<{ team: string; user: string; url: string }> {
      const { team_id, user_id, url = '' } = await call(() => client.auth.test());
      return { team: required(team_id, 'team_id'), user: required(user_id, 'user_id'), url };
    },

    /** The channel of a direct message to this user: Slack makes it once. */
    async direct(user: string): Promise<string> {
      const { channel } = await call(() => client.conversations.open({ users: user }));
      return required(channel?.id, 'id of the direct message');
    },

    /** Where to post for a name of the configuration: to a person himself, where it is a user's id. */
    async placeOf(named: string): Promise<string> {
      return isUser(named) ? await this.direct(named) : named;
    },

    /** Opens a form; Slack takes a trigger once, and for three seconds. */
    async openView(trigger: string, view: View): Promise<void> {
      await call(() => client.views.open({ trigger_id: trigger, view }));
    },

    /** Shows something else in a form that is open. Safe to repeat. */
    async updateView(id: string, view: View): Promise<void> {
      await call(() => client.views.update({ view_id: id, view }));
    },

    /** Why this account may not ask, or undefined: guests, and accounts that are gone or of elsewhere. */
    async accountProblem(user: string): Promise<string | undefined> {
      const { user: found } = await call(() => client.users.info({ user }));
      if (found === undefined || found.deleted) return 'this account does not exist any more';
      if (found.is_stranger) return 'this account is of another workspace';
      return found.is_restricted || found.is_ultra_restricted ? 'this account is a guest' : undefined;
    },

    /** Everybody in a channel, up to a thousand; `all` is false where there are more. */
    async members(channel: string): Promise<{ users: string[]; all: boolean }> {
      const users: string[] = [];
      let cursor: string | undefined;
      do {
        const page = { channel, limit: PAGE, ...(cursor !== undefined && { cursor }) };
        const found = await call(() => client.conversations.members(page));
        users.push(...(found.members ?? []));
        cursor = found.response_metadata?.next_cursor || undefined;
      } while (cursor !== undefined && users.length < MOST_MEMBERS);
      return { users, all: cursor === undefined };
    },

    /** What people wrote in a thread, the first page of it: bots and service messages are left out. */
    async said(channel: string, thread: string): Promise<{ ts: string; user: string; text: string; team?: string }[]> {
      const { messages = [] } = await call(() => client.conversations.replies({ channel, ts: thread, limit: PAGE }));
      const people = messages as ((typeof messages)[number] & { subtype?: string })[];
      return people.flatMap(({ ts, user, text = '', bot_id, subtype, team }) =>
        ts === undefined || user === undefined || bot_id !== undefined || subtype !== undefined
          ? []
          : [{ ts, user, text, ...(team !== undefined && { team }) }],
      );
    },

    /** The message with this key: in a thread, or among the channel's own since `oldest` (Slack's seconds). */
    async find({ channel, key, thread, oldest }: FindOrder): Promise<SlackMessage | undefined> {
      const id = await channelId(channel);
      let cursor: string | undefined;
      do {
        const page = { channel: id, limit: PAGE, include_all_metadata: true, ...(cursor !== undefined && { cursor }) };
        const found = await call(() =>
          thread === undefined
            ? client.conversations.history({ ...page, ...(oldest !== undefined && { oldest }) })
            : client.conversations.replies({ ...page, ts: thread }),
        );
        for (const message of found.messages ?? []) {
          if (keyOf(message) === key && message.ts !== undefined) return { channel: id, ts: message.ts };
        }
        cursor = found.response_metadata?.next_cursor || undefined;
      } while (cursor !== undefined);
      return undefined;
    },
  };
}

export type FindOrder = { channel: string; key: string; thread?: string; oldest?: string };

/** Slack's three control characters. With them gone `<!channel>`, `<@U…>` and `<http…|…>` are only text. */
export function escapeMrkdwn(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

type ChannelPage = { channels?: { id?: string; name?: string }[]; response_metadata?: { next_cursor?: string } };

async function channelIds(list: (cursor: { cursor?: string }) => Promise<ChannelPage>): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  let cursor: string | undefined;
  do {
    const page = await list(cursor === undefined ? {} : { cursor });
    for (const { id, name } of page.channels ?? []) if (id !== undefined && name !== undefined) ids.set(name, id);
    cursor = page.response_metadata?.next_cursor || undefined;
  } while (cursor !== undefined);
  return ids;
}

function keyOf(message: { metadata?: { event_type?: string; event_payload?: object } }): unknown {
  const { event_type, event_payload } = message.metadata ?? {};
  return event_type === EVENT_TYPE ? (event_payload as { key?: unknown } | undefined)?.key : undefined;
}

async function asked<T>(request: () => Promise<T>, settleMs: number): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw asOurs(error, settleMs);
  }
}

// What a second try cannot change (https://docs.slack.dev/reference/methods/chat.postMessage#errors).
const REFUSALS =
  /^(?:invalid_auth|not_authed|account_inactive|token_revoked|token_expired|no_permission|missing_scope|not_allowed_token_type|org_login_required|ekm_access_denied|access_denied|enterprise_is_restricted|two_factor_setup_required|team_access_not_granted|channel_not_found|not_in_channel|user_not_in_channel|is_archived|restricted_action.*|thread_not_found|thread_locked|message_not_found|cant_update_message|edit_window_closed|no_text|invalid_arguments|invalid_arg_name|metadata_.*|messages_tab_disabled|as_user_not_supported|user_not_found|user_disabled|users_not_found|user_not_visible|cannot_dm_bot)$/;

function asOurs(error: unknown, settleMs: number): Error {
  const { code, data, retryAfter, statusCode, original } = (error ?? {}) as {
    code?: string;
    data?: { error?: unknown; needed?: unknown };
    retryAfter?: number;
    statusCode?: number;
    original?: Error;
  };
  if (code === ErrorCode.RateLimitedError) {
    return new SlackUnavailable(`Slack asks to wait ${retryAfter} s`, (retryAfter ?? 30) * 1000);
  }
  if (code === ErrorCode.PlatformError) {
    const said = String(data?.error ?? 'nothing').slice(0, 100);
    const needed = typeof data?.needed === 'string' ? ` (needs ${data.needed})` : '';
    return REFUSALS.test(said) ? new SlackRefused(`${said}${needed}`) : new SlackUnavailable(`Slack answered: ${said}`);
  }
  if (code === ErrorCode.HTTPError)
    return new SlackUnavailable(`Slack answered with HTTP status ${statusCode}`, settleMs);
  const cause = original?.cause instanceof Error ? original.cause.message : undefined;
  const said = cause || original?.message || (error instanceof Error ? error.message : String(error));
  // What never reached Slack cannot be on its way.
  const unsent = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/.test(said);
  return new SlackUnavailable(`Slack did not answer: ${said}`, unsent ? undefined : settleMs);
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new SlackUnavailable(`Slack's answer lacks the ${what}`, SETTLE_MS);
  return value;
}

const nothing = () => undefined;
/** Slack’s clients write to standard output, which belongs to documents. */
export const SILENT = {
  ...{ debug: nothing, info: nothing, warn: nothing, error: nothing, setLevel: nothing, setName: nothing },
  getLevel: () => LogLevel.ERROR,
};
