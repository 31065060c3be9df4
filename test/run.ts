/**
 * `npm test`: gets what the tests need, runs them all, and ends with the line `N passed, N failed`.
 * `--fast` runs those that need no server, JVM or cluster. Further arguments go to vitest.
 *
 * In CI a test that fails is tried once more, and said so: on a machine that somebody else loads, one late answer in
 * a thousand tests should be seen, not stop everybody. Elsewhere a failure is a failure at once.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configDefaults } from 'vitest/config';
import { startVitest } from 'vitest/node';
import { ensureEverything } from '../cli/ensure.ts';
import { loadSettings } from '../config/load.ts';
import { progressOnStderr } from '../setup/progress.ts';
import { shareLines } from './shares.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Needs nothing but Node: decisions, configuration, architecture, words. */
const FAST = [
  'test/decisions',
  'test/config',
  'test/architecture',
  'test/knowledge/decisions',
  'test/knowledge/documents',
  'test/gates/arithmetic',
  'test/gates/gate',
  'test/gates/prometheus',
  'test/gates/settings',
  'test/proof/kept-outcomes',
  'test/rollout/kafka-rules',
  'test/rollout/waves',
  'test/suite/decisions',
  'test/story/redact.test',
  'test/story/redact-item',
];

/**
 * A few kills of what `npm run chaos -- rollout|agent|tickets` does at length: run where they are named, and not with
 * everything, which has to end within 45 minutes on two cores.
 */
const WHERE_NAMED = ['rollout', 'agent', 'ticket'].map((name) => `test/chaos/${name}-kills.test.ts`);

async function main(args: string[]): Promise<number> {
  const fast = args.includes('--fast');
  const filters = args.filter((arg) => arg !== '--fast');
  process.chdir(ROOT);
  if (!fast) await ensureEverything(loadSettings(join(ROOT, 'patchwright.yaml')), progressOnStderr());
  const begun = Date.now();
  const retry = process.env.CI ? 1 : 0;
  const exclude = filters.length === 0 ? [...configDefaults.exclude, ...WHERE_NAMED] : configDefaults.exclude;
  const vitest = await startVitest('test', fast ? FAST : filters, { watch: false, run: true, retry, exclude });
  const modules = vitest.state.getTestModules();
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  // A file that cannot even be loaded has no tests: it is a failure all the same.
  const broken = modules.filter(
    (module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0,
  ).length;
  const unhandled = vitest.state.getUnhandledErrors().length;
  const late = tests.filter((test) => test.diagnostic()?.flaky);
  await vitest.close();
  if (filters.length === 0 && !fast) {
    const times = modules.map((module) => ({ file: module.relativeModuleId, ms: timeOf(module.diagnostic()) }));
    process.stdout.write(`${shareLines(times, Date.now() - begun).join('\n')}\n`);
  }
  for (const test of late)
    process.stdout.write(`passed when tried again: ${test.module.relativeModuleId} > ${test.fullName}\n`);
  const passed = count('passed');
  const failed = count('failed') + broken + unhandled;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

const timeOf = (at: { prepareDuration: number; collectDuration: number; setupDuration: number; duration: number }) =>
  at.prepareDuration + at.collectDuration + at.setupDuration + at.duration;

process.exit(await main(process.argv.slice(2)));
