import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { resolveEntries } from '../../activities/suite-runner/arms.ts';
import type { Settings } from '../../config/schema.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import type { Build } from '../../workflows/types.ts';

const FILES = [
  'lib/b.jar',
  'lib/a.jar',
  'lib/notes.txt',
  'lib/deep/c.jar',
  'classes/a/B.class',
  'resources/x.properties',
];

const build: Build = { fork: 'f', commit: 'c0ffee', version: '1', digest: 'd', artifacts: [], buildKey: 'k' };

/** A commit with folders of jars and classes, resolved as for an arm; paths relative to its checkout. */
async function resolve(...folders: string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'pw-classpath-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  let checkouts = 0;
  const deps = {
    artifacts: createArtifactStore(join(dir, 'artifacts')),
    libraryJars: async () => [join(dir, 'library.jar')],
    checkout: async (_source: unknown, into: string) => {
      checkouts += 1;
      for (const file of FILES) {
        mkdirSync(dirname(join(into, file)), { recursive: true });
        writeFileSync(join(into, file), file);
      }
      symlinkSync('/etc', join(into, 'out'));
      symlinkSync('lib', join(into, 'linked'));
    },
  };
  const settings = { libraries: { junit: {} } } as unknown as Settings;
  const entries = [...folders.map((folder) => ({ folder })), { library: 'junit' }];
  const files = await resolveEntries(deps, settings, entries, build, dir);
  expect(checkouts).toBe(1);
  return files.map((file) => relative(join(dir, '.checkout'), file));
}

test('a folder of the repository is its jars, or itself where it has none', async () => {
  expect(await resolve('lib/', 'classes', 'resources')).toEqual([
    'lib/a.jar',
    'lib/b.jar',
    'classes',
    'resources',
    '../library.jar',
  ]);
});

test.each(['gone', 'out', 'linked', 'lib/a.jar'])('%s is no folder of the commit', async (folder) => {
  await expect(resolve(folder)).rejects.toThrow(/wants the folder .*, which commit c0ffee does not have/);
});
