import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { compileRunner } from '../../runner/compile.ts';
import { withProcessor } from '../processor-jar.ts';
import { ENV, junitJars } from './sample.ts';

vi.setConfig({ testTimeout: 300_000 });

const dir = mkdtempSync(join(tmpdir(), 'pw-compile-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const OF_A_FORK = 'opentest4j-';

test('nothing of a jar that a fork brings runs when the runner is compiled, and nobody else gets what was compiled with it', async () => {
  const junit = await junitJars();
  const witness = join(dir, 'witness');
  const forks = junit.map((jar) =>
    basename(jar).startsWith(OF_A_FORK) ? withProcessor(jar, witness, join(dir, 'processor')) : jar,
  );
  expect(forks).not.toEqual(junit);
  const compile = (classpath: string[]) =>
    compileRunner({ cacheDir: join(dir, 'cache'), classpath, javac: 'javac', env: ENV });
  const made = await compile(forks);
  expect(existsSync(witness)).toBe(false);
  expect(await compile(junit)).not.toBe(made);
  expect(await compile(forks)).toBe(made);
});
