import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * What each layer may import at run time, as paths from the top or package names (design.md, *Layout*).
 * `import type` is free: it leaves no trace.
 */
const LAYERS: [files: string, mayImport: RegExp][] = [
  ['workflows/types.ts', /^$/],
  ['decisions/**/*.ts', /^(workflows\/types\.ts|decisions\/)/],
  ['workflows/**/*.ts', /^(workflows\/|decisions\/|@temporalio\/(workflow|common)$)/],
  ['activities/**/*.ts', /^(?!workflows\/(?!types\.ts)|cli\/|services\/|report\/|worker\.ts)/],
  ['store/**/*.ts', /^(?!activities\/|workflows\/(?!types\.ts)|cli\/|services\/)/],
  ['lib/**/*.ts', /^(?!activities\/|workflows\/|decisions\/|cli\/|services\/|store\/|setup\/)/],
  // Nothing knows the example: only the command that starts it, and the one that pushes to it.
  ['{activities,workflows,decisions,store,lib,git,services,setup,report,runner,config}/**/*.ts', /^(?!examples\/)/],
];

function runtimeImports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)'/gm)]
    .filter(([statement]) => !/^(?:import|export) \{(\s*type [^,}]+,?)+\s*\} from/.test(statement))
    .map(([, target = '']) => (target.startsWith('.') ? normalize(join(dirname(file), target)) : target));
}

describe.each(LAYERS)('%s', (files, mayImport) => {
  const found = globSync(files, { cwd: ROOT });
  test('has files', () => expect(found.length).toBeGreaterThan(0));
  test.each(found)('%s stays in its layer', (file) => {
    for (const target of runtimeImports(file)) expect(target, `imported by ${file}`).toMatch(mayImport);
  });
});

test('process.env is read in config/env.ts and before anything else runs, nowhere else', () => {
  const sources = globSync('{activities,workflows,decisions,store,cli,report,lib,git,services,config,runner}/**/*.ts', {
    cwd: ROOT,
  });
  const readers = [...sources, 'worker.ts'].filter((file) =>
    readFileSync(join(ROOT, file), 'utf8').includes('process.env'),
  );
  expect(readers.filter((file) => file !== 'config/env.ts')).toEqual([]);
});
