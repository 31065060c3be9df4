import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SOMEBODY, somebody } from './somebody.ts';

const dir = mkdtempSync(join(tmpdir(), 'patchwright-own-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const fixture = new URL('./fixture-own-uid.ts', import.meta.url).pathname;
const they = somebody();

/** Whoever is not root has the same sandbox, in namespaces of their own uid. */
test.runIf(they)('without root: namespaces, an overlay, limits and walls with the own uid', () => {
  const { prefix = [], at = String } = they ?? {};
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(dir, SOMEBODY, SOMEBODY);
  const [command = '', ...args] = [...prefix, at(process.execPath), at(fixture), dir];
  const said = JSON.parse(execFileSync(command, args, { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', HOME: dir } }));
  expect(said).toMatchObject({
    who: 'own',
    overlay: true,
    base: 'base\n',
    again: 'base\nmore\n',
    untouched: 'base\n',
    escapes: '',
    processes: 'stopped: Resource temporarily unavailable',
    memory: 'memory',
    left: [],
    remaining: [],
  });
  expect(said.uids).toEqual([isRoot ? SOMEBODY : process.getuid?.()]);
});
