import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readKafka } from '../../activities/health/kafka.ts';
import { type Fixture, until } from '../../test/rollout/fixture.ts';
import type { Case } from './faults.ts';

const run = promisify(execFile);
const LONE = 'without-a-replica';
const CANARY = 'patchwright-canary';

/** Something that happens to the cluster, and is not the candidate's fault; the candidate is harmless. */
export type Trouble = Case & {
  /** What the roll-out may end with. */
  expected: string[];
  before?: (fixture: Fixture, environment: string) => Promise<void>;
  /** While its first wave bakes. */
  meanwhile?: (fixture: Fixture, environment: string) => Promise<void>;
  after?: (fixture: Fixture, environment: string) => Promise<void>;
};

export const TROUBLES: Trouble[] = [
  {
    ...{ id: 'topic-without-replica', kind: 'trouble', expected: ['held'] },
    before: (fixture, environment) =>
      tool(fixture, environment, 'kafka.admin.TopicCommand', [
        ...['--create', '--topic', LONE, '--partitions', '1', '--replication-factor', '1'],
      ]),
    after: (fixture, environment) =>
      tool(fixture, environment, 'kafka.admin.TopicCommand', ['--delete', '--topic', LONE]),
  },
  {
    // K6 blocks, and after a node was changed it cannot be told from the candidate's harm: either way nothing is lost.
    ...{ id: 'min-isr-raised', kind: 'trouble', expected: ['held', 'rolled-back'] },
    meanwhile: (fixture, environment) => minIsr(fixture, environment, '--add-config', 'min.insync.replicas=3'),
    after: (fixture, environment) => minIsr(fixture, environment, '--delete-config', 'min.insync.replicas'),
  },
  {
    ...{ id: 'active-controller-killed', kind: 'trouble', expected: ['promoted'] },
    async meanwhile(fixture, environment) {
      const facts = await fixture.facts(environment);
      const { quorum, nodes } = await readKafka(await fixture.driver(environment).targets(), facts);
      const leader = nodes.find(({ id }) => quorum !== 'unknown' && id === quorum.leader)?.name;
      const pid = facts.find(({ name }) => name === leader)?.pid;
      if (pid === undefined) throw new Error('nobody leads the quorum');
      process.kill(pid, 'SIGKILL');
      await sleep(5_000);
      await fixture.up(environment);
    },
  },
  {
    ...{ id: 'worker-away', kind: 'trouble', number: 60_000, expected: ['promoted'] },
    async meanwhile(fixture) {
      await fixture.worker.kill();
      await sleep(60_000);
      await fixture.worker.start();
    },
  },
];

/** Once the first wave bakes; a roll-out that ends before is not troubled. */
export async function troubleWhenBaking(
  fixture: Fixture,
  { environment, rollout }: { environment: string; rollout: string },
  { meanwhile }: Trouble,
): Promise<void> {
  if (!meanwhile) return;
  const step = async () => (await fixture.progress(rollout).catch(() => undefined))?.step;
  await until('the first wave bakes', async () => (await step()) === 'bake');
  await meanwhile(fixture, environment);
}

const minIsr = (fixture: Fixture, environment: string, ...change: string[]) =>
  tool(fixture, environment, 'kafka.admin.ConfigCommand', [
    ...['--alter', '--entity-type', 'topics', '--entity-name', CANARY],
    ...change,
  ]);

/** One of Kafka's own command-line tools, of the library that the brokers run. */
async function tool(fixture: Fixture, environment: string, main: string, args: string[]): Promise<void> {
  const [target] = await fixture.driver(environment).targets();
  const bootstrap = `${target!.host}:${target!.ports.broker}`;
  const libraries = join(await fixture.library('kafka-3.6.2'), '*');
  await run('java', ['-cp', libraries, main, '--bootstrap-server', bootstrap, ...args], { timeout: 60_000 });
}
