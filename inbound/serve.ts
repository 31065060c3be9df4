import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { createSlack, type Slack, type SlackConnection, SlackRefused } from '../activities/slack.ts';
import { readSecret } from '../config/env.ts';
import type { Settings } from '../config/schema.ts';
import type { SlackSelf } from '../decisions/slack-event.ts';
import { logger } from '../lib/log.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';
import { keepSettings } from '../store/releases.ts';
import type { Digest } from '../workflows/types.ts';
import { createSlackDoor, type SlackDoor, type SlackDoorDeps } from './slack.ts';
import { listenToSlack } from './slack-http.ts';
import { connectToSlack } from './slack-socket.ts';

export type InboundParts = {
  client: Client;
  db: Db;
  settings: Settings;
  /** Those of now; without it those of the start hold. */
  present?: () => Settings;
  slack: SlackConnection | undefined;
  artifacts: Pick<ArtifactStore, 'read'>;
  wakeThread: (ticket: string) => Promise<void>;
};

const AGAIN_MS = 5_000;
const AGAIN_REFUSED_MS = 60_000;

/** The role `inbound`: takes what people ask in Slack, until it is told to stop. Without Slack it has nothing to do. */
export async function serveInbound(parts: InboundParts, stopped: AbortSignal): Promise<void> {
  const over = new Promise<void>((resolve) => {
    if (stopped.aborted) resolve();
    stopped.addEventListener('abort', () => resolve(), { once: true });
  });
  const door = await openDoor(parts, stopped);
  if (door === undefined) {
    if (parts.settings.support.slack === undefined)
      logger('inbound').info('support.slack is not configured: nothing comes in');
    return over;
  }
  const serving = await connect(parts, door);
  await over;
  await serving.stop();
}

async function openDoor(parts: InboundParts, stopped: AbortSignal): Promise<SlackDoor | undefined> {
  if (parts.slack === undefined || parts.settings.support.slack === undefined) return undefined;
  const slack = createSlack(parts.slack);
  const self = await whoWeAre(slack, stopped);
  if (self === undefined) return undefined;
  const { client, db, wakeThread, artifacts } = parts;
  return createSlackDoor({ client, db, wakeThread, artifacts, slack, self, present: presentOf(parts) });
}

/** The settings of now, kept in the store for the tickets that begin with them. */
function presentOf({ db, settings, present = () => settings }: InboundParts): SlackDoorDeps['present'] {
  let kept: { settings: Settings; digest: Digest } | undefined;
  return async () => {
    const now = present();
    if (kept?.settings !== now) kept = { settings: now, digest: await keepSettings(db, now) };
    return kept;
  };
}

/** Asked until Slack answers: without it a button of another workspace could not be told from ours. */
async function whoWeAre(slack: Slack, stopped: AbortSignal): Promise<SlackSelf | undefined> {
  while (!stopped.aborted) {
    try {
      return await slack.self();
    } catch (error) {
      logger('inbound').warn({ err: (error as Error).message }, 'Slack does not say who we are; asked again');
      const pause = error instanceof SlackRefused ? AGAIN_REFUSED_MS : AGAIN_MS;
      await sleep(pause, undefined, { signal: stopped }).catch(() => undefined);
    }
  }
  return undefined;
}

async function connect({ settings, slack }: InboundParts, door: SlackDoor): Promise<{ stop: () => Promise<unknown> }> {
  const { appToken, http } = settings.support.slack ?? {};
  if (http !== undefined) {
    const secret = readSecret(http.signingSecret, 'support.slack.http.signingSecret');
    return listenToSlack({ door, secret, port: http.port, host: http.host });
  }
  if (appToken === undefined) throw new Error('support.slack names neither appToken nor http');
  const token = readSecret(appToken, 'support.slack.appToken');
  return connectToSlack({ door, appToken: token, ...(slack?.apiUrl !== undefined && { apiUrl: slack.apiUrl }) });
}
