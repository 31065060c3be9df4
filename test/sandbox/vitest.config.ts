import { defineConfig } from 'vitest/config';

/** All of the sandbox's tests, those too that need the machine to themselves. */
export default defineConfig({
  test: {
    root: '.',
    include: ['test/sandbox/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
