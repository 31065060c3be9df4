import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { SANDBOX_PART, sandboxPart } from '../../activities/sandbox/part.ts';
import { sandboxFields, sandboxProblem } from '../../config/sandbox.ts';
import { ensureBubblewrap } from '../../setup/bubblewrap.ts';
import { thisMachine } from '../../setup/machine.ts';
import { allParts } from '../../setup/parts.ts';
import { silent } from '../../setup/progress.ts';

const dir = mkdtempSync(join(tmpdir(), 'patchwright-part-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('the doctor’s sandbox is one that was run', async () => {
  await ensureBubblewrap(thisMachine(), silent);
  const part = sandboxPart(thisMachine(), dir);
  await part.ensure(silent);
  expect(await part.probe()).toMatchObject({ kind: 'found', where: expect.stringMatching(/bwrap \((uids|own uid)/) });
});

test('without bubblewrap the doctor says whether it can be fetched, and how', async () => {
  const bare = sandboxPart({ env: { PATH: dir }, cacheDir: dir }, dir);
  const get = expect.stringMatching(/apt-get install bubblewrap$/);
  expect(await bare.probe()).toMatchObject({ kind: 'missing', why: 'there is no bwrap', get, byItself: false });
  const debian = join(dir, 'debian');
  mkdirSync(debian);
  for (const name of ['apt-get', 'dpkg-deb']) writeFileSync(join(debian, name), '#!/bin/sh\n', { mode: 0o755 });
  const fetching = sandboxPart({ env: { PATH: debian }, cacheDir: dir }, dir);
  expect(await fetching.probe()).toMatchObject({ kind: 'missing', why: 'there is no bwrap', byItself: true });
});

test.each([
  ['required where a fork runs in it', true],
  ['told, and no error, where every fork goes without', false],
])('the sandbox is %s', (_what, sandboxed) => {
  const parts = allParts({ env: { PATH: dir }, cacheDir: dir }, {}, { sandboxed });
  expect(parts.find(({ name }) => name === SANDBOX_PART)?.required).toBe(sandboxed);
});

const fork = z.strictObject(sandboxFields);

test.each([
  ['nothing said', {}, undefined],
  ['limits', { sandbox: { memoryMb: 8192 } }, undefined],
  ['none, with a reason', { sandbox: 'none', sandboxReason: 'no namespaces on that host' }, undefined],
  ['none, without one', { sandbox: 'none' }, /say why/],
  ['a reason without none', { sandboxReason: 'no namespaces on that host' }, /belongs to/],
])('configuration: %s', (_what, written, problem) => {
  const found = sandboxProblem(fork.parse(written));
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found?.message).toMatch(problem);
});

test.each([{ sandbox: 'off' }, { sandbox: 'none', sandboxReason: '   ' }, { sandbox: { memoryMb: 1 } }])(
  'configuration: %j is refused',
  (written) => {
    expect(fork.safeParse(written).success).toBe(false);
  },
);
