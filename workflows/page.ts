import {
  ActivityFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  patched,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import type { PagingActivities } from '../activities/paging.ts';
import type { StoryActivities } from '../activities/story.ts';
import { acknowledgePageBy, type PageState, pageState } from './page-messages.ts';
import type { PageOrder } from './types.ts';

const { openPage, sendPage, acknowledgePage } = proxyActivities<PagingActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '40 seconds',
  // A service that is away for an hour is called again with the next turn.
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** Then a new history begins: with a quarter of an hour in between, once a day. */
const CALLS_A_HISTORY = 96;

/**
 * Calls somebody until somebody has it.
 *
 *   1. Say in the thread what is the matter and what to type, and mention who is to know.
 *   2. Call; wait; call again, until it is acknowledged, however long that takes. A call that fails is told, and the next
 *      one is made all the same.
 *   3. Say who has it, in the thread and to the service.
 *
 * `called`: the calls of the histories before this one.
 */
export async function page(order: PageOrder, called = 0): Promise<PageState> {
  const { id, release } = order;
  const state: PageState = { called };
  setHandler(pageState, () => state);
  setHandler(acknowledgePageBy, ({ by }) => {
    state.acknowledged ??= { by, at: new Date().toISOString() };
    return state;
  });
  const say = (key: string, text: string, tone: 'good' | 'bad', mentions: string[] = []) =>
    tell({ release, key: `page/${id}/${key}`, text, tone, ...(mentions.length > 0 && { mentions }) });

  // A page from before there were mentions goes on without.
  const { repeatMs, mentions = [] } = await openPage(order);
  const take = `Whoever takes it: npx patchwright page ack ${id}`;
  if (called === 0) await say('open', `PAGE: ${order.summary} ${take}`, 'bad', mentions);
  const isLong = () => state.called > called && state.called % CALLS_A_HISTORY === 0;
  while (!state.acknowledged && !isLong()) {
    state.called += 1;
    // The first was said above.
    if (state.called > 1 && mentions.length > 0) {
      await say(`again/${state.called}`, `PAGE, still nobody's: ${order.about} is frozen. ${take}`, 'bad', mentions);
    }
    const problem = await call({ ...order, n: state.called });
    if (problem !== undefined) await say(`problem/${state.called}`, `nobody could be called: ${problem}`, 'bad');
    await condition(() => state.acknowledged !== undefined, repeatMs);
  }
  if (state.acknowledged) {
    const { by } = state.acknowledged;
    await acknowledgePage({ ...order, by });
    await say('taken', `${by} has it: ${id}`, 'good');
  }
  await condition(allHandlersFinished);
  // A history from before ended here.
  if (!state.acknowledged && patched('called-until-acknowledged')) {
    await continueAsNew<typeof page>(order, state.called);
  }
  return state;
}

async function call(order: PageOrder & { n: number }): Promise<string | undefined> {
  try {
    await sendPage(order);
    return undefined;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return error.cause?.message ?? error.message;
  }
}
