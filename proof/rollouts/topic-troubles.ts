import { setTimeout as sleep } from 'node:timers/promises';
import {
  cancelMove,
  configureTopic,
  createTopic,
  deleteTopic,
  fill,
  type Ground,
  halves,
  idOf,
  joinAndStick,
  moveTopic,
  signal,
  untilItWaits,
} from './cluster.ts';
import type { Trouble } from './troubles.ts';

const CANARY = 'patchwright-canary';
const LONE = 'without-a-replica';
const MOVED = 'moved';

/** Longer than a broker's session (4 s): then it is fenced, and what it alone held is offline. */
const FENCED_MS = 12_000;
/** 40 MiB at so many bytes a second: longer than the first wave bakes, and ten minutes. */
const SOON = 768 << 10;
const LATE = 64 << 10;

export const TOPIC_TROUBLES: Trouble[] = [
  {
    ...{ id: 'topic-without-replica', kind: 'trouble', expected: ['held'], because: /^K8: /, reaches: 0 },
    before: (ground) => createTopic(ground, LONE, ['--partitions', '1', '--replication-factor', '1']),
    after: (ground) => deleteTopic(ground, LONE),
    again: 'promoted',
  },
  {
    // Somebody makes it in the middle: no harm of the candidate's, so that what is done stays done. Of the two nodes that
    // are left the one that does not hold it may go on.
    ...{ id: 'topic-without-replica-later', kind: 'trouble', expected: ['held'], because: /^K8: /, reaches: 2 },
    meanwhile: async (ground) =>
      createTopic(ground, LONE, ['--replica-assignment', String(await idOf(ground, await anUntouched(ground)))]),
    after: (ground) => deleteTopic(ground, LONE),
    again: 'promoted',
  },
  {
    // As high as there are replicas: nothing can be spared (K8), and no candidate did that.
    ...{ id: 'min-isr-raised', kind: 'trouble', expected: ['held'], because: /^K8: /, reaches: 1 },
    meanwhile: (ground) => configureTopic(ground, CANARY, '--add-config', 'min.insync.replicas=3'),
    after: (ground) => configureTopic(ground, CANARY, '--delete-config', 'min.insync.replicas'),
    again: 'promoted',
  },
  {
    // A broker that somebody stopped for a moment alone held it: neither Tier 0 nor the clients ask for a cause.
    ...{
      id: 'partition-offline',
      kind: 'trouble',
      expected: ['rolled-back'],
      because: /offline|requests failed/,
      reaches: 1,
    },
    async meanwhile(ground) {
      const node = await anUntouched(ground);
      await createTopic(ground, LONE, ['--replica-assignment', String(await idOf(ground, node))]);
      await signal(ground, node, 'SIGSTOP');
      await sleep(FENCED_MS);
      await signal(ground, node, 'SIGCONT');
    },
    after: (ground) => deleteTopic(ground, LONE),
  },
  stuckGroup(),
  {
    // It ends in time: waited for.
    ...{ id: 'reassignment-started', kind: 'trouble', expected: ['promoted'] },
    before: movable,
    async meanwhile(ground) {
      await moveTopic(ground, MOVED, [3, 1], SOON);
      await untilItWaits(ground, 'a reassignment is running');
    },
    after: (ground) => deleteTopic(ground, MOVED),
  },
  {
    ...{ id: 'reassignment-stays', kind: 'trouble', expected: ['held'], because: /a reassignment is running/ },
    reaches: 1,
    before: movable,
    meanwhile: (ground) => moveTopic(ground, MOVED, [3, 1], LATE),
    async after(ground) {
      await cancelMove(ground, MOVED, [3, 1]);
      await deleteTopic(ground, MOVED);
    },
    again: 'promoted',
  },
];

/**
 * A member of the canary's group that reads nothing: it cannot be told from a coordinator that the candidate broke. It
 * takes a while to join, and ten seconds are no stuck group: the first wave of half a minute may have passed by then.
 */
function stuckGroup(): Trouble {
  let leave: (() => Promise<void>) | undefined;
  return {
    ...{ id: 'group-stuck', kind: 'trouble', expected: ['rolled-back'], because: /group is stuck/, reaches: 2 },
    async meanwhile(ground) {
      leave = await joinAndStick(ground, { topic: CANARY, group: CANARY });
    },
    async after() {
      await leave?.();
    },
  };
}

/** Two replicas of which one suffices, and enough in it that a move takes its time. */
async function movable(ground: Ground): Promise<void> {
  await createTopic(ground, MOVED, ['--replica-assignment', '1:2', '--config', 'min.insync.replicas=1']);
  await fill(ground, MOVED, 40);
}

async function anUntouched(ground: Ground): Promise<string> {
  const { untouched } = await halves(ground);
  if (untouched[0] === undefined) throw new Error('every node was touched already');
  return untouched[0];
}
