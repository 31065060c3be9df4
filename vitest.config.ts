import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Longest first (seconds alone on two cores: 200 to 50), so that none of them is left over for the end. */
const LONG = [
  'suite/kinds',
  'rollout/rollout',
  'suite/hosts',
  'repair/repair',
  'suite/workflow',
  'chaos/kills',
  'release/second-fork',
  'rehearsal/rehearsal',
  'rollout/plain',
  'rollout/command',
  'release/triage',
  'environment/kafka-cluster',
  'support/slack-away',
  'rollout/queue',
  'rollout/one-way-release',
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
