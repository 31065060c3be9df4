import { z } from 'zod';
import type { Settings } from '../../config/schema.ts';
import { turnOf } from '../../config/support.ts';
import { callOrder, nthToCall } from '../../decisions/on-call.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { CallEnd } from '../../workflows/ticket-types.ts';

const PATIENCE_MS = 5_000;
const answered = z.object({ people: z.array(z.string()).max(100) });

/**
 * Whom the nth call goes to: by the schedule, or by what the URL answers.
 *
 * @throws where the URL does not answer, which a retry may change.
 */
export async function whoIsOnCall(
  { support, people }: Settings,
  { n, asker, team }: { n: number; asker: string; team: string | undefined },
  now = Date.now(),
): Promise<CallEnd> {
  const { schedule, url } = support.onCall;
  const order =
    url === undefined
      ? callOrder(
          schedule.map((shift) => turnOf(shift, now)),
          now,
        )
      : await askedOf(url);
  const known = order.filter((name) => name in people);
  const person = nthToCall(known, n, asker);
  if (person === undefined) {
    const problem =
      order.length > 0
        ? `${oneLine(order.join(', '), 200)} is nobody under people`
        : 'the schedule under support.onCall has nobody now';
    return { problem };
  }
  const slack = people[person]?.slack;
  return { person, ...(slack !== undefined && slack.team === team && { mention: slack.user }) };
}

async function askedOf(url: string): Promise<string[]> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) throw new Error(`support.onCall.url answered ${response.status}`);
  const found = answered.safeParse(await response.json());
  if (!found.success) throw new Error('support.onCall.url did not answer {"people": [NAME, …]}');
  return found.data.people;
}
