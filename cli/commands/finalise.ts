import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { startEnvironment } from '../../activities/environment-request.ts';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { approvalsOf, type StoredApproval } from '../../store/approvals.ts';
import type { Db } from '../../store/database.ts';
import { keepSettings } from '../../store/releases.ts';
import type { FinaliseAnswer, FinaliseRequest } from '../../workflows/environment-messages.ts';
import type { FinaliseOutcome } from '../../workflows/types.ts';
import { waitingLines } from './approvals.ts';
import { requireEnvironment } from './env.ts';
import { personOf } from './release.ts';

const LOOK_MS = 200;

/**
 * `env finalise ENV LEVEL`: raises metadata.version for good. Everything but the approval is looked at now; then
 * people are asked, and this command does not wait for them.
 *
 * @throws ExitError 1 where it may not be, with the reasons
 */
export async function finalise(
  { client, db }: { client: Client; db: Db },
  settings: Settings,
  environment: string,
  level: string,
): Promise<StoredApproval> {
  requireEnvironment(settings, environment);
  const request: FinaliseRequest = { level, settings: await keepSettings(db, settings), by: personOf(settings) };
  const answer = await client.workflow.executeUpdateWithStart<never, FinaliseAnswer, [FinaliseRequest]>(
    'requestFinalise',
    { args: [request], startWorkflowOperation: startEnvironment(environment) as never },
  );
  if (answer.kind === 'refused') throw new ExitError(1, answer.reasons.join('\n'));
  const ended = client.workflow.getHandle(`finalise:${environment}`).result() as Promise<FinaliseOutcome>;
  const outcome = await Promise.race([ended, untilAsked(db, answer.approval)]);
  if (outcome.kind === 'asked') return outcome.stored;
  if (outcome.kind === 'refused') throw new ExitError(1, outcome.reasons.join('\n'));
  const [stored] = await approvalsOf(db, { id: answer.approval });
  if (!stored) throw new Error(`${level} is finalised, and nobody was asked about ${answer.approval}`);
  return stored;
}

async function untilAsked(db: Db, id: string): Promise<{ kind: 'asked'; stored: StoredApproval }> {
  for (;;) {
    const [stored] = await approvalsOf(db, { id });
    if (stored) return { kind: 'asked', stored };
    await sleep(LOOK_MS);
  }
}

export const askedLines = (stored: StoredApproval): string[] => waitingLines([{ ...stored, mine: false }]);
