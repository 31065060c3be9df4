import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { othersMayEnter } from './machine-state.ts';

// Not of the sandbox's own range: somebody who happens to run Patchwright.
const UID = '61234';
const dir = mkdtempSync(join(tmpdir(), 'patchwright-own-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const fixture = new URL('./fixture-own-uid.ts', import.meta.url).pathname;
const possible = process.getuid?.() !== 0 || othersMayEnter(process.execPath, fixture);

/** Whoever is not root has the same sandbox, in namespaces of their own uid. */
test.runIf(possible)('without root: namespaces, an overlay, limits and walls with the own uid', () => {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(dir, Number(UID), Number(UID));
  const drop = isRoot ? ['setpriv', '--reuid', UID, '--regid', UID, '--clear-groups', '--inh-caps=-all'] : ['env'];
  const [command = '', ...args] = [...drop, process.execPath, fixture, dir];
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
  expect(said.uids).toEqual([isRoot ? Number(UID) : process.getuid?.()]);
});
