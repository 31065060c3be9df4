import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'node_modules/**',
      // They need the machine to themselves and a clone that other uids can read: until the sandbox is in use (issue 4)
      // they are run by hand, `npx vitest run --config test/sandbox/vitest.config.ts`.
      'test/sandbox/{limits,own-uid,refusal}.test.ts',
    ],
    // Real servers, JVMs and clusters on two cores: one file after another, each in a process of its own.
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
  },
});
