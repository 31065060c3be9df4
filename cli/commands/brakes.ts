import { randomUUID } from 'node:crypto';
import { type Client, WorkflowUpdateFailedError } from '@temporalio/client';
import { startEnvironment } from '../../activities/environment-request.ts';
import type { Settings } from '../../config/schema.ts';
import { stateLines } from '../../decisions/environment-words.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { appendAudit } from '../../store/audit.ts';
import type { Db } from '../../store/database.ts';
import type { BrakeOrder, EnvironmentState } from '../../workflows/environment-messages.ts';
import { requireEnvironment } from './env.ts';
import { personOf } from './release.ts';

/** Presses or releases one brake of an environment (design, *Brakes*). Exit 1 where it cannot be, with the reason. */
export async function pressBrake(
  { client, db }: { client: Client; db: Db },
  settings: Settings,
  environment: string,
  order: { kind: BrakeOrder['kind']; reason?: string | undefined },
): Promise<EnvironmentState> {
  requireEnvironment(settings, environment);
  const full: BrakeOrder = { kind: order.kind, by: personOf(settings), reason: order.reason ?? '' };
  try {
    const state = await client.workflow.executeUpdateWithStart<never, EnvironmentState, [BrakeOrder]>('brake', {
      args: [full],
      startWorkflowOperation: startEnvironment(environment) as never,
    });
    const entry = { brake: order.kind, reason: full.reason };
    await appendAudit(db, { key: randomUUID(), kind: 'brake', about: environment, by: full.by, entry });
    return state;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw new ExitError(1, error.cause?.message ?? error.message);
    throw error;
  }
}

/** `stop-all`: pauses every environment; what is under way stops after its current node. */
export async function stopAll(
  connected: { client: Client; db: Db },
  settings: Settings,
  reason: string | undefined,
): Promise<EnvironmentState[]> {
  const names = Object.keys(settings.environments);
  return Promise.all(names.map((name) => pressBrake(connected, settings, name, { kind: 'pause', reason })));
}

/** What is in effect, as a sentence each. */
export function brakeLines(state: EnvironmentState): string[] {
  const lines = stateLines(state);
  const said = lines.length > 0 ? lines : ['nothing rolls out, nothing is braked'];
  return said.map((line) => `${state.environment}: ${line}`);
}
