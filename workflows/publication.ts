import {
  ActivityFailure,
  ApplicationFailure,
  continueAsNew,
  proxyActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { PublishActivities } from '../activities/publish.ts';
import type { StoryActivities } from '../activities/story.ts';
import { publicationWords, publishAgainMinutes } from '../decisions/publication-words.ts';
import type { PublicationLook, PublicationOrder, PublicationOutcome } from './publication-types.ts';
import type { Artifact } from './types.ts';

const taskQueue = 'patchwright-activity';

const { lookToPublish } = proxyActivities<PublishActivities>({
  taskQueue,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds' },
});

const { publishArtifact } = proxyActivities<PublishActivities>({
  taskQueue,
  // A command or a file has a limit of its own; this only bounds what could hang around it.
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '20 seconds',
  // Then it is told, and tried again later.
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 4 },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/**
 * Publishes a finished release, on its own: the release has ended and is not held up, and nothing is ever rolled back
 * because of it.
 *
 *   1. Wait until no watch can take the release back any more, where the configuration says so. Taken back: not published.
 *   2. Each artifact once, by its digest. What fails is told and tried again, for a day; what no retry can change
 *      (something else is there under this version) ends it.
 *   3. Say where it is.
 */
export async function publication(order: PublicationOrder): Promise<PublicationOutcome> {
  const look = await untilItMay(order);
  if (look.kind === 'not') return ends(order, look);
  const where: string[] = [];
  for (const artifact of look.artifacts) {
    const done = await publishOne(order, artifact);
    if (typeof done !== 'string') return ends(order, done);
    where.push(done);
  }
  return ends(order, { kind: 'published', where });
}

async function untilItMay(order: PublicationOrder): Promise<Exclude<PublicationLook, { kind: 'wait' }>> {
  for (;;) {
    const look = await lookToPublish(order);
    if (look.kind !== 'wait') return look;
    await sleep(look.ms);
    // A watch of a week is looked at tens of thousands of times.
    if (workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > 1500)
      await continueAsNew<typeof publication>(order);
  }
}

async function publishOne(
  { artifacts: _all, environments: _where, ...order }: PublicationOrder,
  artifact: Artifact,
): Promise<string | Extract<PublicationOutcome, { kind: 'failed' }>> {
  for (let tried = 0; ; tried += 1) {
    try {
      return (await publishArtifact({ ...order, artifact })).where;
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      const { cause } = error;
      const reasons = [cause?.message ?? error.message];
      const minutes = publishAgainMinutes(tried);
      if (minutes === undefined || (cause instanceof ApplicationFailure && cause.nonRetryable))
        return { kind: 'failed', reasons };
      const text = `${artifact.name} could not be published yet, and is tried again in ${minutes} min: ${reasons[0]}`;
      await say(order.release, `${artifact.name}/${tried}`, text, 'warn');
      await sleep(minutes * 60_000);
    }
  }
}

async function ends(order: PublicationOrder, outcome: PublicationOutcome): Promise<PublicationOutcome> {
  const { text, tone } = publicationWords(order, outcome);
  await say(order.release, 'end', text, tone);
  return outcome;
}

/** One that is asked for again says so again. */
async function say(release: string, key: string, text: string, tone: 'good' | 'warn' | 'bad'): Promise<void> {
  await tell({ release, key: `${release}/publish/${workflowInfo().runId.slice(-6)}/${key}`, text, tone });
}
