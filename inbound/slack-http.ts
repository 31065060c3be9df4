import { createHmac, timingSafeEqual } from 'node:crypto';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { logger } from '../lib/log.ts';
import type { SlackDoor } from './slack.ts';

/** Slack's own word for how long a request may be under way. */
const WINDOW_SECONDS = 300;
const LARGEST = 1_000_000;

export type Signed = { timestamp: string | undefined; signature: string | undefined; body: Uint8Array };

/** Why this is no request of Slack, or undefined: HMAC-SHA256 over the raw body, at most five minutes old. */
export function whyForged({ timestamp, signature, body }: Signed, secret: string, nowMs: number): string | undefined {
  if (timestamp === undefined || signature === undefined) return 'it is not signed';
  if (!/^\d{1,12}$/.test(timestamp)) return 'its time is none';
  if (Math.abs(nowMs / 1_000 - Number(timestamp)) > WINDOW_SECONDS) return 'it is older than five minutes';
  const wanted = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest();
  const given = Buffer.from(/^v0=([0-9a-f]{64})$/.exec(signature)?.[1] ?? '', 'hex');
  // Of a length that anybody may know; the bytes take the same time whatever they are.
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return 'its signature is wrong';
  return undefined;
}

/** Requests of Slack by HTTP. 200 once what they ask is durable; 500 makes Slack send it again. */
export function slackRoutes({ door, secret }: { door: SlackDoor; secret: string }): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: LARGEST }));
  for (const path of ['/slack/events', '/slack/interactivity']) {
    app.post(path, async (context) => {
      const body = new Uint8Array(await context.req.arrayBuffer());
      const timestamp = context.req.header('x-slack-request-timestamp');
      const signature = context.req.header('x-slack-signature');
      const forged = whyForged({ timestamp, signature, body }, secret, Date.now());
      if (forged !== undefined) {
        logger('inbound').warn({ path, why: forged }, 'refused: no request of Slack');
        return context.text('refused', 401);
      }
      const asked = parse(path, Buffer.from(body).toString('utf8'));
      if (asked === undefined) return context.text('neither JSON nor a payload', 400);
      if (asked.type === 'url_verification') return context.json({ challenge: String(asked.challenge ?? '') });
      await door.receive(asked);
      return context.body(null, 200);
    });
  }
  app.onError((error, context) => {
    logger('inbound').error({ err: error.message }, 'not taken; Slack sends it again');
    return context.text('try again', 500);
  });
  return app;
}

function parse(path: string, body: string): Record<string, unknown> | undefined {
  const json = path === '/slack/events' ? body : (new URLSearchParams(body).get('payload') ?? '');
  try {
    const found: unknown = JSON.parse(json);
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : undefined;
  } catch {
    // Signed, and yet not what Slack sends: it is answered with what is wrong.
    return undefined;
  }
}

export type HttpOrder = { door: SlackDoor; secret: string; port: number; host: string };

/** Listens until it is stopped. */
export async function listenToSlack({
  port,
  host,
  ...order
}: HttpOrder): Promise<{ port: number; stop: () => Promise<void> }> {
  const app = slackRoutes(order);
  const [server, bound] = await new Promise<[ServerType, number]>((resolve, reject) => {
    const started = serve({ fetch: app.fetch, port, hostname: host }, (info) => resolve([started, info.port]));
    started.once('error', reject);
  });
  logger('inbound').info({ port: bound }, 'listens to Slack by HTTP');
  return { port: bound, stop: () => new Promise((resolve) => server.close(() => resolve())) };
}
