import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyOnce } from '../../activities/fixes/apply.ts';
import { repositoryKind } from '../../activities/fixes/repository.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { run } from '../../lib/run.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { auditRows } from '../../store/audit.ts';
import { effectsOf } from '../../store/journal.ts';
import type { FixChange, GitChange } from '../../workflows/fix-types.ts';
import { LIMITS, raise } from './script.ts';
import { type FixWorld, openFixWorld, type Question } from './world.ts';

/** One approval, and what is not done with it. */
let world: FixWorld;
let repository: ReturnType<FixWorld['repository']>;
const main = () => repository.git('rev-parse', 'main');

beforeAll(async () => {
  world = await openFixWorld(
    (folder) => `
forks: {}
support:
  repositories:
    limits: { repository: ${folder}/limits, check: [sh, check.sh], readers: [ann, bob, cat] }
    closed: { repository: ${folder}/limits, readers: [ann] }
`,
  );
  repository = world.repository('limits');
  repository.commit(LIMITS, 'Limits');
  repository.git('branch', 'main');
  await world.patchwright.start();
}, 120_000);
afterAll(() => world?.close(), 60_000);

const changeOf = ({ question }: Question): GitChange => {
  const {
    base,
    commit,
    tree,
    patch,
    ref,
    inverse,
    'failing case': failingCase,
  } = question.binds as Record<string, string>;
  return { kind: 'repository', target: 'limits', base, commit, tree, patch, ref, inverse, failingCase } as GitChange;
};

/** A worker's own hands on a ticket's repository. */
async function hands(ticket: string) {
  const row = await world
    .store()
    .selectFrom('ticket')
    .select('settings')
    .where('id', '=', ticket)
    .executeTakeFirstOrThrow();
  const settings = await createSettingsReader(world.store())(row.settings);
  const environment = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
  const never = () => {
    throw new Error('nothing runs here');
  };
  const dataDir = world.patchwright.data;
  const artifacts = createArtifactStore(join(dataDir, 'artifacts'));
  const kind = repositoryKind({ run, environment, dataDir, artifacts, sandboxOf: never, allowedEnvironment: never });
  const at = { settings, digest: row.settings, ticket, fix: `${ticket}/1`, run: `${ticket}/1/attack` };
  return { kind, at };
}

/** What a worker does with an approval that it was given: with another change, another key, another evidence. */
async function use(ticket: string, { id, question }: Question, change: FixChange, key: string) {
  const { kind, at } = await hands(ticket);
  const evidence = { digest: question.binds.evidence ?? '' };
  return applyOnce(world.store(), kind as never, at, { key, change, evidence, approval: id });
}

test('a base that moved is shown and asked again; no approval does more than it was given for', async () => {
  const id = await world.handOff('Why are connections refused?', raise);
  const first = await world.question(id);

  // Not decided yet: nothing is applied.
  const early = await use(id, first, changeOf(first), `${id}/early`);
  expect(early).toEqual({ kind: 'refused', reason: expect.stringContaining('it is not decided yet') });

  // Somebody pushes while people look at it.
  repository.git('checkout', '--quiet', 'main');
  const pushed = repository.commit({ 'other.conf': 'x=1\n' }, 'Another limit');
  repository.git('checkout', '--quiet', 'upstream');
  expect(await world.approve('bob', first)).toMatchObject({ status: 0 });
  const second = await world.question(id, 2);
  expect(main()).toBe(pushed);
  expect(second.question.summary).toMatch(
    /refs\/heads\/main of limits was .* and is [\s\S]*\+ [0-9a-f]+ Another limit/,
  );
  expect(second.question.binds).toMatchObject({ base: pushed, 'failing case': first.question.binds['failing case'] });

  // The first approval is over, and is no approval of the second change, nor of a change of it.
  expect(await world.approve('cat', first)).toMatchObject({ status: 1, stdout: expect.stringContaining('it is over') });
  const other = await use(id, first, changeOf(second), `${id}/other`);
  expect(other).toEqual({
    kind: 'refused',
    reason: expect.stringMatching(/base, tree, commit, inverse changed since it was approved/),
  });
  const evil = { ...changeOf(second), commit: repository.git('rev-parse', 'upstream'), failingCase: 'true' };
  expect(await use(id, second, evil, `${id}/evil`)).toMatchObject({ kind: 'refused' });
  expect(main()).toBe(pushed);

  // A digest of something else, a word that is no decision.
  const wrong = await world.as('cat', 'approve', second.id, '--digest', first.open.digest);
  expect(wrong).toMatchObject({ status: 1, stdout: expect.stringContaining('it names') });
  await world.patchwright.call('ticket', 'say', id, '--text', 'approve', '--detach');
  expect(main()).toBe(pushed);

  expect(await world.approve('cat', second)).toMatchObject({ status: 0 });
  await world.hears(id, /VERIFIED: /);
  expect(main()).toBe(second.question.binds.commit);
  expect(repository.git('rev-parse', 'main^')).toBe(pushed);

  // Replayed, under another key: the ticket is closed, and its branch has it.
  expect(await use(id, second, changeOf(second), `${id}/replay`)).toEqual({
    kind: 'refused',
    reason: expect.stringContaining('no longer wanted'),
  });
  expect(await use(id, second, changeOf(second), `${id}/1/2/apply`)).toMatchObject({ kind: 'applied' });
  expect(main()).toBe(second.question.binds.commit);

  const effects = (await effectsOf(world.store(), id)).filter(({ kind }) => kind === 'fix');
  expect(effects.filter(({ state }) => state === 'done').map(({ key }) => key)).toEqual([`${id}/1/2/apply`]);
  const audit = await auditRows(world.store(), { about: second.id });
  expect(audit.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['refused', 'decision', 'used', 'approval-ended']),
  );

  // As if it were to be applied now, where the server takes no push: an answer, and nothing is changed.
  await world.store().updateTable('ticket').set({ state: 'approved' }).where('id', '=', id).execute();
  repository.git('branch', '--force', 'main', pushed);
  const hook = join(repository.dir, '.git/hooks/pre-receive');
  writeFileSync(hook, '#!/bin/sh\necho "main is protected, ask <!channel>"\nexit 1\n', { mode: 0o755 });
  const refused = await use(id, second, changeOf(second), `${id}/protected`);
  expect(refused).toEqual({
    kind: 'refused',
    reason: expect.stringMatching(
      /^the server of limits refuses a push onto refs\/heads\/main, and did not take it: “main is protected, ask <!channel> \(pre-receive hook declined\)”\. Nothing was changed\. Let the account .* support\.repositories\.limits\.branch/,
    ),
  });
  expect(main()).toBe(pushed);

  // An approval of a push onto the branch is none of a branch of its own; what nobody has merged is not verified.
  const own = { ...changeOf(second), onto: 'refs/heads/main', ref: 'refs/heads/patchwright/own' };
  expect(await use(id, second, own, `${id}/own`)).toEqual({
    kind: 'refused',
    reason: expect.stringMatching(/: ref, merged into changed since it was approved/),
  });
  const { kind, at } = await hands(id);
  expect(await kind.verify(at, own)).toMatchObject({
    kind: 'inconclusive',
    words: expect.stringContaining('waits to be'),
  });
  expect(await kind.undo(at, own)).toMatchObject({ kind: 'not', reason: expect.stringContaining('revert') });
  const [kept] = (await effectsOf(world.store(), id)).filter(({ key }) => key === `${id}/protected`);
  expect(kept).toMatchObject({ state: 'failed', reason: expect.stringContaining('refuses a push') });
  rmSync(hook);
  expect(await use(id, second, changeOf(second), `${id}/protected`)).toMatchObject({ kind: 'applied' });
}, 300_000);
