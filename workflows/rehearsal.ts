import { ActivityFailure, isCancellation, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { GoBack, RehearsalActivities } from '../activities/rehearsal.ts';
import type { StoryActivities } from '../activities/story.ts';
import { rehearsalWords } from '../decisions/rehearsal.ts';
import type { RehearsalInput, RehearsalOutcome, Rehearsed } from './rehearsal-types.ts';

const taskQueue = 'patchwright-activity';

const { planRehearsals, recordRehearsal } = proxyActivities<RehearsalActivities>({
  taskQueue,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds' },
});

const { rehearseDowngrade } = proxyActivities<RehearsalActivities>({
  taskQueue,
  // The configured limit ends it; this only bounds what could hang around it.
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '20 seconds',
  // A machine that cannot do it five times is not going to: that is said, and counts for nothing.
  retry: { maximumInterval: '30 seconds', maximumAttempts: 5 },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/**
 * Tries whether what runs now could be put back after the candidate has run.
 *
 *   1. Look what runs on the nodes of the release's Kafka environments; each artifact is gone back to once.
 *   2. For each, on a throw-away cluster: begin with it, write, upgrade to the candidate, write, downgrade, read all.
 *   3. Keep and tell how that ended. What could not be tried proves nothing, and is said to be so.
 *
 * Nothing to go back to (every node runs the candidate): nothing is tried, and nothing is said.
 */
export async function rehearsal(input: RehearsalInput): Promise<Rehearsed[]> {
  const { fork, settings } = input;
  const { artifacts } = input.candidate;
  const { from: wanted, problems } = await planRehearsals(input);
  const rehearsed: Rehearsed[] = [];
  const ends = async (one: Rehearsed) => {
    rehearsed.push(one);
    await keepAndTell(input, rehearsed.length, one);
  };
  for (const { environment, reason } of problems)
    await ends({ environment, from: 'what runs there', outcome: { kind: 'impossible', reasons: [reason] } });
  for (const from of wanted) {
    const candidate = artifacts.filter(({ name }) => from.artifacts.some((ran) => ran.name === name));
    const outcome = await orWhyNot({ fork, settings, from, candidate });
    await ends({ environment: from.environment, from: from.name, outcome });
  }
  return rehearsed;
}

async function orWhyNot(order: GoBack): Promise<RehearsalOutcome> {
  try {
    return await rehearseDowngrade(order);
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const reason = (error.cause?.message ?? error.message).split('\n').slice(0, 3).join(' ');
    return { kind: 'impossible', reasons: [reason.slice(0, 400)] };
  }
}

async function keepAndTell({ release, n }: RehearsalInput, count: number, rehearsed: Rehearsed): Promise<void> {
  await recordRehearsal({ release, n, rehearsed });
  const { kind } = rehearsed.outcome;
  const tone = kind === 'reversible' ? 'good' : kind === 'one-way' ? 'bad' : 'warn';
  // A release that is tried again rehearses again, and says so again.
  const key = `${release}/${n}/rehearsal/${workflowInfo().runId.slice(-6)}/${count}`;
  await tell({ release, key, text: rehearsalWords(rehearsed), tone });
}
