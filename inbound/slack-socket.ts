import { setTimeout as sleep } from 'node:timers/promises';
import { SocketModeClient } from '@slack/socket-mode';
import { SILENT } from '../activities/slack.ts';
import { logger } from '../lib/log.ts';
import type { SlackDoor } from './slack.ts';

const AGAIN_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000];

const CLOSING_MS = 2_000;

type Envelope = { ack: () => Promise<void>; type: string; body: unknown };

/**
 * Holds a Socket Mode connection until it is stopped: a lost one is opened anew, at once and then less often. An
 * envelope is acknowledged when what it asks is durable; one that is not, Slack sends again.
 */
export function connectToSlack({ door, appToken, apiUrl }: { door: SlackDoor; appToken: string; apiUrl?: string }) {
  const log = logger('inbound');
  const stopped = new AbortController();
  let current: SocketModeClient | undefined;

  const take = async ({ ack, type, body }: Envelope): Promise<void> => {
    try {
      if (type === 'events_api' || type === 'interactive') await door.receive(body);
      await ack();
    } catch (error) {
      log.error({ err: (error as Error).message, type }, 'not acknowledged; Slack sends it again');
    }
  };

  async function once(): Promise<void> {
    const client = new SocketModeClient({
      appToken,
      // One loop connects again, ours: it also does where Slack refuses for a while.
      autoReconnectEnabled: false,
      logger: SILENT,
      clientOptions: { ...(apiUrl !== undefined && { slackApiUrl: apiUrl }), retryConfig: { retries: 0 } },
    });
    current = client;
    client.on('slack_event', (envelope: Envelope) => void take(envelope));
    const over = new Promise<void>((resolve) => client.once('disconnected', () => resolve()));
    await client.start();
    log.info('connected to Slack');
    await over;
  }

  async function run(): Promise<void> {
    for (let failed = 0; !stopped.signal.aborted; ) {
      try {
        await once();
        failed = 0;
      } catch (error) {
        failed += 1;
        log.warn({ err: (error as Error | undefined)?.message ?? 'the connection ended' }, 'no connection to Slack');
      }
      const pause = AGAIN_MS[Math.min(failed, AGAIN_MS.length - 1)];
      await sleep(pause, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    stop: async () => {
      stopped.abort();
      // A peer that does not close its end is left to it.
      const closed = Promise.all([current?.disconnect(), running]);
      await Promise.race([closed, sleep(CLOSING_MS, undefined, { ref: false })]);
    },
  };
}
