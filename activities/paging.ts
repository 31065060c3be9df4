import { readSecret } from '../config/env.ts';
import type { Settings } from '../config/schema.ts';
import { mentionsOf } from '../decisions/page-mentions.ts';
import { oneLine } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { runEffect } from '../store/journal.ts';
import type { Digest, PageOrder } from '../workflows/types.ts';
import { permanent } from './failures.ts';

export type PagingDeps = { db: Db; settings: (digest: Digest) => Promise<Settings> };

/** PagerDuty's own limit. */
const SUMMARY = 1_024;
const PATIENCE_MS = 10_000;
const MINUTE_MS = 60_000;

export function createPagingActivities(deps: PagingDeps) {
  return {
    /** How often it is to be repeated, and whom it mentions in Slack. Reads only. */
    async openPage({ settings }: PageOrder): Promise<{ repeatMs: number; mentions?: string[] }> {
      const { paging, people, groups } = await deps.settings(settings);
      return {
        repeatMs: paging.repeatMinutes * MINUTE_MS,
        mentions: mentionsOf(paging.mention, { people, groups }),
      };
    },

    /** Calls for the nth time, where somebody is configured. Safe to repeat: the service knows a call by its key. */
    async sendPage(order: PageOrder & { n: number }): Promise<void> {
      await send(deps, order, `call/${order.n}`, 'trigger');
    },

    /** Who took it is in the audit; the service is told. Safe to repeat. */
    async acknowledgePage(order: PageOrder & { by: string }): Promise<void> {
      const { id, by, about } = order;
      await appendAudit(deps.db, { key: `page/${id}/ack/${by}`, kind: 'page', about, by, entry: { acknowledged: id } });
      await send(deps, order, 'acknowledge', 'acknowledge');
    },
  };
}

export type PagingActivities = ReturnType<typeof createPagingActivities>;

async function send(
  { db, settings }: PagingDeps,
  { id, release, about, summary, settings: digest }: PageOrder,
  step: string,
  action: 'trigger' | 'acknowledge',
): Promise<void> {
  const { pagerduty } = (await settings(digest)).paging;
  if (!pagerduty) return;
  const payload = {
    summary: oneLine(redact(summary), SUMMARY),
    source: 'patchwright',
    severity: 'critical',
    component: about,
  };
  const event = { event_action: action, dedup_key: `patchwright/${id}`, ...(action === 'trigger' && { payload }) };
  await runEffect(
    db,
    { key: `page/${id}/${step}`, kind: 'page', release, intent: event },
    {
      // There is nothing to read back; the same dedup_key again is the same alert.
      readBack: async () => undefined,
      perform: async () => {
        await post(pagerduty.url, {
          routing_key: readSecret(pagerduty.routingKey, 'paging.pagerduty.routingKey'),
          ...event,
        });
        return { sent: action };
      },
    },
  );
}

/** @throws what a retry may change as it is; a refusal of the event itself for good. */
async function post(url: string, event: object): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (response.ok) return;
  const said = oneLine(await response.text(), 200);
  const words = `the paging service answered ${response.status}: ${said}`;
  if (response.status < 500 && response.status !== 429) throw permanent('BadConfiguration', words);
  throw new Error(words);
}
