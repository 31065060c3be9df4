import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/rollout/fixture.ts';
import { fillDisk, type Ground, halves, onSmallDisks, signal, snapshot, untilItWaits } from './cluster.ts';
import type { Trouble } from './troubles.ts';

/** More than a roll-out wants free (256 MiB), and little enough to be filled at once. */
const SMALL_DISK_MIB = 700;

export const NODE_TROUBLES: Trouble[] = [
  {
    // It carries the candidate, and was killed from outside: waited for until somebody brings it up.
    ...{ id: 'broker-killed', kind: 'trouble', expected: ['promoted'] },
    async meanwhile(ground) {
      const { done } = await halves(ground);
      await killed(ground, done[0]!);
    },
  },
  {
    ...{ id: 'other-broker-killed', kind: 'trouble', expected: ['promoted'] },
    async meanwhile(ground) {
      const { untouched } = await halves(ground);
      await killed(ground, untouched[0]!);
    },
  },
  {
    // Two are down at once, the one that is being changed and another: without a quorum nothing is decided.
    ...{ id: 'broker-killed-in-a-change', kind: 'trouble', expected: ['promoted', 'held'] },
    async meanwhile(ground) {
      const { fixture, environment, rollout } = ground;
      await until('the next node is stopped', async () => {
        const open = (await fixture.ledger(rollout)).find(({ state }) => state === 'intent' || state === 'changed');
        return open && (await fixture.driver(environment).facts(open.target)).state !== 'running';
      });
      const { done } = await halves(ground);
      await signal(ground, done[0]!, 'SIGKILL');
      await sleep(5_000);
      await fixture.driver(environment).start(done[0]!, { envUp: true });
    },
  },
  {
    ...{ id: 'active-controller-killed', kind: 'trouble', expected: ['promoted'] },
    async meanwhile(ground) {
      const { quorum, nodes } = await snapshot(ground);
      const leader = nodes.find(({ id }) => quorum !== 'unknown' && id === quorum.leader)?.name;
      if (leader === undefined) throw new Error('nobody leads the quorum');
      await killed(ground, leader);
    },
  },
  {
    ...{ id: 'restarted-by-hand', kind: 'trouble', expected: ['held'], because: /somebody else restarted it/ },
    reaches: 1,
    async meanwhile(ground) {
      const { untouched } = await halves(ground);
      const driver = ground.fixture.driver(ground.environment);
      await driver.stop(untouched[0]!, { graceMs: 30_000, kill: false });
      await driver.start(untouched[0]!, { ledger: 'somebody-else' });
      await driver.waitReady(untouched[0]!, 60_000);
    },
    again: 'promoted',
  },
  diskFull(),
  secondRoll(),
];

/** From outside, and brought up again once a person was told of it. */
async function killed(ground: Ground, node: string): Promise<void> {
  await signal(ground, node, 'SIGKILL');
  await untilItWaits(ground, `${node} ended with exit code 137`);
  await ground.fixture.up(ground.environment);
}

/** Of a node that was not touched yet: it ends by itself, and is waited for until somebody makes room. */
function diskFull(): Trouble {
  let disks: Awaited<ReturnType<typeof onSmallDisks>> | undefined;
  return {
    ...{ id: 'disk-full', kind: 'trouble', expected: ['promoted'] },
    async before(ground) {
      disks = await onSmallDisks(ground, SMALL_DISK_MIB);
    },
    async meanwhile(ground) {
      const { untouched } = await halves(ground);
      const file = disks!.fileOn(untouched[0]!);
      await fillDisk(file);
      await untilItWaits(ground, `${untouched[0]} ended`);
      rmSync(file);
      await ground.fixture.up(ground.environment);
    },
    after: () => disks!.undo(),
  };
}

/** Another release asks while this one bakes: it waits, and then has its turn. */
function secondRoll(): Trouble {
  let second: { result(): Promise<{ kind: string }>; digests: string[] } | undefined;
  return {
    ...{ id: 'second-roll', kind: 'trouble', expected: ['promoted'] },
    async meanwhile({ fixture, environment, rollout, release, candidate, another }) {
      const next = await another();
      const asked = await fixture.requested(environment, `${release}-second`, next);
      second = { result: () => asked.result(), digests: next.artifacts.map(({ sha256 }) => sha256) };
      await until('it waits in the queue', async () => {
        const [queued] = (await fixture.state(environment)).queue ?? [];
        return queued?.why.some((why) => why.includes(`${rollout} rolls out`)) && queued;
      });
      if (next.digest === candidate.digest) throw new Error('the second one is the first');
    },
    async after() {
      const outcome = await second!.result();
      if (outcome.kind !== 'promoted') throw new Error(`the second roll-out ended ${outcome.kind}`);
    },
    holds: () => second!.digests,
  };
}
