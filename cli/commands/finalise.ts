import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { startEnvironment } from '../../activities/environment-request.ts';
import type { Settings } from '../../config/schema.ts';
import { rankOf } from '../../decisions/approval-risk.ts';
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
  const handle = client.workflow.getHandle(`finalise:${environment}`);
  for (;;) {
    // Asked of the workflow first: one that has ended since has left its question behind, if it came so far.
    const { status } = await handle.describe();
    const [stored] = await approvalsOf(db, { id: answer.approval });
    if (stored) return stored;
    if (status.name !== 'RUNNING') throw new ExitError(1, whyNot((await handle.result()) as FinaliseOutcome));
    await sleep(LOOK_MS);
  }
}

const whyNot = (outcome: FinaliseOutcome) =>
  outcome.kind === 'refused' ? outcome.reasons.join('\n') : `${outcome.level} is finalised, and nobody was asked`;

export const askedLines = (stored: StoredApproval): string[] =>
  waitingLines([{ ...stored, mine: false, rank: rankOf(stored.question, []) }]);
