import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The long files (200 to 30 seconds alone), so that none is left over for the end. Of two that run beside each other one
 * keeps the cores busy (suites, builds) and one waits for most of its time (bakes, gates, Slack), as far as an order of
 * files can have it.
 */
const LONG = [
  'suite/kinds',
  'rollout/rollout',
  'rehearsal/rehearsal',
  'suite/hosts',
  'rollout/plain',
  'suite/workflow',
  'rollout/command',
  'repair/repair',
  'environment/kafka-cluster',
  'support/slack-away',
  'rollout/queue',
  'chaos/kills',
  'approval/one-way-release',
  'fix/ends',
  'release/second-fork',
  'support/ticket',
  'fix/stack',
  'support/product',
  'release/triage',
  'fix/repository',
  'support/slack',
  'suite/maven',
].map((name) => `/test/${name}.test.ts`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((name) => moduleId.endsWith(name));
      return at === -1 ? LONG.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Real servers, JVMs and clusters wait for each other a third of the time: two files at once fill two cores.
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
  },
});
