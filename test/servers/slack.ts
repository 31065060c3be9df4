import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A Slack of our own: the part of the Web API that a thread uses, over HTTP, with what Slack does wrong.
 * The real `@slack/web-api` talks to it (`slackApiUrl: server.url`).
 */
export type StoredMessage = {
  ts: string;
  text: string;
  mrkdwn: boolean;
  thread_ts?: string;
  metadata?: { event_type: string; event_payload: Record<string, unknown> };
  edited?: boolean;
  user: string;
  blocks?: Record<string, unknown>[];
};

/**
 * What happens to the next call of a method: `drop` before it is done · `die` after it is done, before the
 * answer · `slow` done at once, answered after `ms` · `late` done and answered after `ms` · `answer-twice`
 * on one connection · a refusal by Slack's error word · a rate limit · a broken proxy's page.
 */
export type Fault =
  | { kind: 'drop' | 'die' | 'answer-twice' | 'html' }
  | { kind: 'slow' | 'late'; ms: number }
  | { kind: 'error'; error: string; needed?: string }
  | { kind: 'rate-limit'; seconds: number };

export type SlackServer = Awaited<ReturnType<typeof startSlackServer>>;

type Call = { method: string; form: URLSearchParams; token: string | undefined };
type Answer = { ok: boolean; error?: string; [field: string]: unknown };

const TOKEN = 'xoxb-0000000000-test-token';
export const APP_TOKEN = 'xapp-0000000000-test-token';
const CHANNELS = new Map([
  ['C0RELEASES', 'releases'],
  ['C0OTHER', 'other'],
  ['D0DAN', 'dan'],
  ['D0ADA', 'ada'],
]);

export async function startSlackServer({ pageSize = 100, port = 0 }: { pageSize?: number; port?: number } = {}) {
  const channels = new Map<string, StoredMessage[]>([...CHANNELS.keys()].map((id) => [id, []]));
  const faults: { method: string; fault: Fault }[] = [];
  /** `body`: every byte that came in. */
  const calls: { method: string; at: number; body: string }[] = [];
  let down: Fault | undefined;
  /** What `users.info` says of an account beyond its existence. */
  const accounts = new Map<string, Record<string, unknown>>();
  const members = new Map<string, string[]>();
  const socket = { url: '' };
  const views: { trigger: string; view: Record<string, unknown> }[] = [];
  /** What was shown to one person alone. */
  const whispers: { user: string; text: string }[] = [];
  let clock = Math.floor(Date.now() / 1000) * 1_000_000;

  const methods: Record<string, (call: Call) => Answer> = {
    'auth.test': () => ({
      ok: true,
      user_id: 'U0BOT',
      bot_id: 'B0BOT',
      team_id: 'T0TEST',
      url: 'https://test.slack.example/',
    }),
    'chat.postMessage': ({ form }) => {
      const id = channelId(form.get('channel'));
      const messages = id && channels.get(id);
      if (!messages) return { ok: false, error: 'channel_not_found' };
      const thread = form.get('thread_ts') ?? undefined;
      if (thread && !messages.some(({ ts }) => ts === thread)) return { ok: false, error: 'thread_not_found' };
      if (!form.get('text')) return { ok: false, error: 'no_text' };
      clock = Math.max(clock + 100, Date.now() * 1000);
      const message: StoredMessage = {
        ts: `${Math.floor(clock / 1e6)}.${String(clock % 1e6).padStart(6, '0')}`,
        text: form.get('text') ?? '',
        mrkdwn: form.get('mrkdwn') !== 'false',
        user: 'U0BOT',
        ...(thread && { thread_ts: thread }),
        ...(form.get('blocks') && { blocks: JSON.parse(form.get('blocks') ?? '') }),
        ...(form.get('metadata') && { metadata: JSON.parse(form.get('metadata') ?? '') }),
      };
      messages.push(message);
      return { ok: true, channel: id, ts: message.ts, message };
    },
    'chat.update': ({ form }) => {
      const message = channels.get(form.get('channel') ?? '')?.find(({ ts }) => ts === form.get('ts'));
      if (!message) return { ok: false, error: 'message_not_found' };
      Object.assign(message, { text: form.get('text'), edited: true });
      if (form.get('metadata')) message.metadata = JSON.parse(form.get('metadata') ?? '');
      // Slack keeps the blocks of before where none are given.
      if (form.get('blocks')) message.blocks = JSON.parse(form.get('blocks') ?? '');
      return { ok: true, channel: form.get('channel'), ts: message.ts, text: message.text };
    },
    'chat.postEphemeral': ({ form }) => {
      if (!channels.has(form.get('channel') ?? '')) return { ok: false, error: 'channel_not_found' };
      whispers.push({ user: form.get('user') ?? '', text: form.get('text') ?? '' });
      return { ok: true, message_ts: '0' };
    },
    'conversations.history': ({ form }) => {
      const messages = channels.get(form.get('channel') ?? '');
      if (!messages) return { ok: false, error: 'channel_not_found' };
      const oldest = Number(form.get('oldest') ?? 0);
      return page(messages.filter((one) => !one.thread_ts && Number(one.ts) > oldest).reverse(), form);
    },
    'conversations.replies': ({ form }) => {
      const messages = channels.get(form.get('channel') ?? '');
      if (!messages) return { ok: false, error: 'channel_not_found' };
      const parent = form.get('ts');
      if (!messages.some(({ ts }) => ts === parent)) return { ok: false, error: 'thread_not_found' };
      return page(
        messages.filter((one) => one.ts === parent || one.thread_ts === parent),
        form,
      );
    },
    'conversations.open': ({ form }) => {
      const id = `D${(form.get('users') ?? '').slice(1)}`;
      if (!channels.has(id)) channels.set(id, []);
      return { ok: true, channel: { id } };
    },
    'apps.connections.open': () => ({ ok: true, url: socket.url }),
    'conversations.members': ({ form }) => ({ ok: true, members: members.get(form.get('channel') ?? '') ?? [] }),
    'users.info': ({ form }) => {
      const id = form.get('user') ?? '';
      return { ok: true, user: { id, team_id: 'T0TEST', ...accounts.get(id) } };
    },
    'views.open': ({ form }) => {
      views.push({ trigger: form.get('trigger_id') ?? '', view: JSON.parse(form.get('view') ?? '{}') });
      return { ok: true, view: { id: `V${views.length}` } };
    },
    'views.update': ({ form }) => {
      const open = views[Number((form.get('view_id') ?? '').slice(1)) - 1];
      if (open === undefined) return { ok: false, error: 'not_found' };
      open.view = JSON.parse(form.get('view') ?? '{}');
      return { ok: true, view: { id: form.get('view_id') } };
    },
    'conversations.list': () => ({ ok: true, channels: [...CHANNELS].map(([id, name]) => ({ id, name })) }),
  };

  function page(messages: StoredMessage[], form: URLSearchParams): Answer {
    const from = Number(form.get('cursor') || 0);
    const to = from + Math.min(Number(form.get('limit') || 100), pageSize);
    const shown = messages.slice(from, to).map(({ metadata, ...message }) => ({
      ...message,
      ...(form.get('include_all_metadata') === 'true' && metadata && { metadata }),
    }));
    const more = to < messages.length;
    return { ok: true, messages: shown, has_more: more, response_metadata: { next_cursor: more ? String(to) : '' } };
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error) => response.destroy(error));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = (request.url ?? '').split('/').pop() ?? '';
    const body = await bodyOf(request);
    const form = new URLSearchParams(body);
    const token = request.headers.authorization?.replace('Bearer ', '');
    calls.push({ method, at: Date.now(), body });
    const index = faults.findIndex((planned) => planned.method === method || planned.method === '*');
    const fault = down ?? (index === -1 ? undefined : faults.splice(index, 1)[0]?.fault);
    const act = () => {
      if (token !== (method === 'apps.connections.open' ? APP_TOKEN : TOKEN))
        return { ok: false, error: 'invalid_auth' };
      return methods[method]?.({ method, form, token }) ?? { ok: false, error: 'unknown_method' };
    };
    await answer(response, fault, act);
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
    token: TOKEN,
    channel: 'C0RELEASES',
    calls,
    accounts,
    /** Where `apps.connections.open` sends Socket Mode clients. */
    socket,
    members,
    views,
    whispers,
    /** What a person writes, as Slack would keep it. */
    write: (message: StoredMessage, channel = 'C0RELEASES') => void channels.get(channel)?.push(message),
    /** Plans one fault for the next call of the method (`*` any). */
    fail: (method: string, fault: Fault) => faults.push({ method, fault }),
    /** Every call meets this fault, until `undefined`. */
    setDown: (fault: Fault | undefined) => {
      down = fault;
    },
    messages: (channel = 'C0RELEASES') => channels.get(channel) ?? [],
    keys: (channel = 'C0RELEASES') => (channels.get(channel) ?? []).map(({ metadata }) => metadata?.event_payload.key),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(response: ServerResponse, fault: Fault | undefined, act: () => Answer): Promise<void> {
  switch (fault?.kind) {
    case 'drop':
      response.destroy();
      return;
    case 'die':
      act();
      response.destroy();
      return;
    case 'slow': {
      const body = act();
      await delay(fault.ms);
      return send(response, body);
    }
    case 'late':
      await delay(fault.ms);
      return send(response, act());
    case 'answer-twice': {
      const body = JSON.stringify(act());
      const whole = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
      response.socket?.write(whole + whole);
      return;
    }
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>proxy error</html>');
      return;
    case 'error':
      return send(response, { ok: false, error: fault.error, ...(fault.needed && { needed: fault.needed }) });
    case 'rate-limit':
      response.writeHead(429, { 'retry-after': String(fault.seconds), 'content-type': 'application/json' });
      response.end('{"ok":false,"error":"ratelimited"}');
      return;
    case undefined:
      return send(response, act());
  }
}

function channelId(given: string | null): string | undefined {
  if (given?.startsWith('D')) return given;
  for (const [id, name] of CHANNELS) if (given === id || given === `#${name}` || given === name) return id;
  return undefined;
}

function send(response: ServerResponse, body: Answer): void {
  if (!response.destroyed)
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
