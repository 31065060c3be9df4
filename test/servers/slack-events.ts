import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { SlackServer } from './slack.ts';

export const SIGNING_SECRET = 'signing-secret-0123456789';
/** Slack waits for three seconds, a test for a busy machine. */
export const SLACK_WAITS_MS = 3_000;
const PATIENCE_MS = 60_000;

/** True where it was acknowledged. */
export type Deliver = (body: Record<string, unknown>) => Promise<boolean>;

/** The other side of Socket Mode: real clients connect to it, and acknowledge what it sends. */
export async function startSocketMode(slack: SlackServer) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  slack.socket.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/link`;
  const acknowledged = new Set<string>();
  const sockets: WebSocket[] = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.send(JSON.stringify({ type: 'hello', num_connections: 1 }));
    socket.on('message', (data) => acknowledged.add((JSON.parse(String(data)) as { envelope_id: string }).envelope_id));
  });
  const connected = () => sockets.findLast(({ readyState }) => readyState === 1);
  const until = async (done: () => boolean, ms: number) => {
    for (const end = Date.now() + ms; !done() && Date.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 10));
    return done();
  };
  const deliver = async (payload: Record<string, unknown>, waitMs = PATIENCE_MS): Promise<boolean> => {
    await until(() => connected() !== undefined, PATIENCE_MS);
    const id = randomUUID();
    const type = payload.type === 'event_callback' ? 'events_api' : 'interactive';
    connected()?.send(JSON.stringify({ type, envelope_id: id, payload, accepts_response_payload: false }));
    return until(() => acknowledged.has(id), waitMs);
  };
  return {
    deliver,
    connections: () => sockets.length,
    /** As Slack does every few hours, or a broken line at any time. */
    refresh: () => connected()?.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' })),
    cut: () => connected()?.terminate(),
    stop: () => {
      for (const socket of sockets) socket.terminate();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export type Forged = { secret?: string; timestamp?: number; body?: string };

/** A request as Slack signs it, or as somebody else would like to. Returns the status. */
export async function postSigned(port: number, payload: Record<string, unknown>, forged: Forged = {}): Promise<number> {
  const isEvent = payload.type === 'event_callback' || payload.type === 'url_verification';
  const json = JSON.stringify(payload);
  const body = isEvent ? json : new URLSearchParams({ payload: json }).toString();
  const timestamp = String(forged.timestamp ?? Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', forged.secret ?? SIGNING_SECRET)
    .update(`v0:${timestamp}:${body}`)
    .digest('hex');
  const response = await fetch(`http://127.0.0.1:${port}/slack/${isEvent ? 'events' : 'interactivity'}`, {
    method: 'POST',
    headers: {
      'content-type': isEvent ? 'application/json' : 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${signature}`,
    },
    body: forged.body ?? body,
  });
  await response.arrayBuffer();
  return response.status;
}
