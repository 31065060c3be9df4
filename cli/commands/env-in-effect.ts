import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { startPolicy } from '../../activities/start-policy.ts';
import type { EnvironmentSettings } from '../../config/environment.ts';
import { g5HoldsArtifact } from '../../decisions/artifact-hold.ts';
import { coolsDownUntil } from '../../decisions/environment-queue.ts';
import type { InEffect } from '../../decisions/environment-words.ts';
import type { Db } from '../../store/database.ts';
import { pastRolloutsOf, stoppedDigests } from '../../store/holds.ts';
import { type EnvironmentState, environmentId } from '../../workflows/environment-messages.ts';
import { connect, type Globals } from '../context.ts';

const HELD_SHOWN = 10;

/**
 * What is in effect in an environment: its workflow's state, the freeze windows of today's configuration, and the
 * artifacts that are held. Reads only. Where nothing of ours runs, or does not answer, it is the answer why.
 */
export async function inEffect(globals: Globals, name: string, settings: EnvironmentSettings): Promise<InEffect> {
  try {
    const { db, client, close } = await connect(globals);
    try {
      return await read({ db, client }, name, settings);
    } finally {
      await close();
    }
  } catch (error) {
    return { unknown: (error as Error).message };
  }
}

async function read(
  { db, client }: { db: Db; client: Client },
  name: string,
  rules: EnvironmentSettings,
): Promise<InEffect> {
  const state = await stateOf(client, name);
  const now = new Date();
  const { closed, coolDownSeconds } = startPolicy(rules, false, now);
  const until = coolsDownUntil(state, coolDownSeconds, now.toISOString());
  const digests = await stoppedDigests(db, HELD_SHOWN);
  const held = await Promise.all(digests.map(async (one) => g5HoldsArtifact(one, await pastRolloutsOf(db, one))));
  return {
    state,
    windows: closed,
    ...(until !== undefined && { coolsDownUntil: until }),
    held: held.flat().map(({ reason }) => reason),
  };
}

/** One that nobody ever asked for anything has no workflow yet. */
async function stateOf(client: Client, environment: string): Promise<EnvironmentState> {
  try {
    return await client.workflow.getHandle(environmentId(environment)).query<EnvironmentState>('environmentState');
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { environment, ended: [] };
    throw error;
  }
}
