import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { effectsOf } from '../../store/journal.ts';
import { edit, handIn, LIMITS, plan, raise } from './script.ts';
import { type FixWorld, openFixWorld } from './world.ts';

/** Fixes that are not applied, and why; and what never leaves for a thread. */
let world: FixWorld;
let repository: ReturnType<FixWorld['repository']>;
const main = () => repository.git('rev-parse', 'main');
const applied = async (id: string) => (await effectsOf(world.store(), id)).filter(({ state }) => state === 'done');
const CANARY = 'canary-of-a-private-file';

beforeAll(async () => {
  world = await openFixWorld(
    (folder) => `
forks: {}
support:
  repositories:
    limits: { repository: ${folder}/limits, check: [sh, check.sh], readers: [bob, cat] }
    other: { repository: ${folder}/limits, check: [sh, check.sh], readers: [bob], land: branch }
`,
  );
  repository = world.repository('limits');
  repository.commit({ ...LIMITS, 'private.conf': `# ${CANARY}\n` }, 'Limits');
  repository.git('branch', 'main');
  await world.patchwright.start();
}, 120_000);
afterAll(() => world?.close(), 60_000);
beforeEach(() => void repository.git('branch', '--force', 'main', 'upstream'));

test('a ticket that is solved, or handed off again, takes nothing of an earlier approval', async () => {
  const before = main();
  const id = await world.handOff('Is it solved meanwhile?', (asked) =>
    asked.role === 'investigate' && asked.turn === 1
      ? { calls: [['search', { in: 'repo.other', pattern: 'canary' }]] }
      : raise(asked),
  );
  const first = await world.question(id);
  // Whoever may not read the repository is not asked about its lines, nor about words of whoever has read another.
  expect(first.open.deciders).toEqual(['bob']);
  expect(first.open.barred.cat).toContain('may not read all that it is made of');
  await world
    .store()
    .updateTable('ticket')
    .set({ fix: `${id}/2` })
    .where('id', '=', id)
    .execute();
  expect(await world.approve('bob', first)).toMatchObject({ status: 0 });
  const told = await world.hears(id, /No fix: it was approved and is not applied: .* was handed off again/);
  expect(told).not.toContain(CANARY);
  expect([main(), await applied(id)]).toEqual([before, []]);
}, 300_000);

test('a no ends it with the reason, and it goes back to a person', async () => {
  const before = main();
  const id = await world.handOff('May it be refused?', raise);
  const asked = await world.question(id);
  await world.as('bob', 'reject', asked.id, '--digest', asked.open.digest, '--note', 'not on a friday');
  // By its state: what people are called for says why.
  await world.hears(id, /No fix: the fix of the repository limits: rejected by bob: not on a friday/);
  expect([main(), (await world.show(id)).state, await applied(id)]).toEqual([before, 'escalated', []]);

  // Who asked reads the ticket, and not what its agents have read, nor what was said of that; `bob` does.
  const seen = async (...args: string[]) => {
    const [by, other] = [await world.patchwright.call(...args), await world.as('bob', ...args)];
    return [`${by.status} ${by.stdout}${by.stderr}`, `${other.status} ${other.stdout}`];
  };
  const shut = expect.stringMatching(/^1 .*\/1 agents have read limits, and ann may not: ask one of support\.repo/);
  expect(await seen('agent', 'show', `${id}/1/1-1/patch`)).toEqual([shut, expect.stringMatching(/^0 .*answered/)]);
  expect(await seen('approvals', '--show', asked.id)).toEqual([shut, expect.stringContaining('+connections=50')]);
  const [told, whole] = await seen('audit', 'show', asked.id);
  expect(whole).toMatch(/decision .*not on a friday/);
  expect(told).toMatch(/decision .*"decision":"reject".*"withheld":".* agents have read limits/);
  expect(told).not.toContain('friday');
  expect(told?.split('\n')).toHaveLength(whole?.split('\n').length ?? 0);
  expect((await world.patchwright.call('audit', 'verify')).stdout).toMatch(/^whole/);
}, 300_000);

test('what is not proven is asked of nobody, and no private line reaches the thread', async () => {
  const before = main();
  const id = await world.handOff('Can it be proven?', (asked) => {
    const { role, turn } = asked;
    if (role === 'investigate') {
      const quotes = [{ in: 'repo.limits', of: 'private.conf', text: CANARY }];
      return { calls: [plan({ quotes, what: `Leak ${CANARY}`, why: `It says ${CANARY}, says ${CANARY}.` })] };
    }
    if (role !== 'patch') return undefined;
    // The first changes what it is checked by; the others do not pass.
    if (turn === 1 && !asked.brief.includes('by which it is checked: nothing is shown'))
      return { calls: [edit("echo 'too late'; exit 1", 'exit 0', 'check.sh')] };
    if (turn === 1) return { calls: [edit('connections=10', `connections=${CANARY}`)] };
    return { calls: [handIn()] };
  });
  const told = await world.hears(id, /No fix: 3 changes were not taken; what stood against the last one: artifacts\//);
  expect(told).not.toContain(CANARY);
  expect(await world.store().selectFrom('approval').select('id').where('ticket', '=', id).execute()).toEqual([]);
  expect(main()).toBe(before);
  const runs = await world.patchwright.call('agent', 'runs', id);
  expect(runs.stdout).toMatch(/investigate {2}answered[\s\S]*patch {2}answered/);
}, 300_000);

test('nothing that should be changed is an answer', async () => {
  const id = await world.handOff('Is there anything to do?', ({ role }) =>
    role === 'investigate'
      ? { calls: [plan({ kind: 'none', target: '', why: `It is as it should be: ${CANARY}`, quotes: [] })] }
      : undefined,
  );
  const told = await world.hears(
    id,
    /No fix: the agent found nothing that should be changed: npx patchwright agent show/,
  );
  expect(told).not.toContain(CANARY);
}, 300_000);

test('where the branch takes no push it goes onto one of its own, and is verified once people have merged that', async () => {
  const before = main();
  const id = await world.handOff('Is the branch guarded?', (asked) =>
    asked.role === 'investigate' ? { calls: [plan({ target: 'other' })] } : raise(asked),
  );
  const asked = await world.question(id);
  const { commit = '', ref } = asked.question.binds;
  expect(asked.question.binds).toMatchObject({ 'merged into': 'refs/heads/main', base: before });
  expect(ref).toBe(`refs/heads/patchwright/${commit.slice(0, 12)}`);
  expect(asked.question.summary).toMatch(
    /is a new branch, which people merge into refs\/heads\/main[\s\S]*back .*: nothing/,
  );
  expect(await world.approve('bob', asked)).toMatchObject({ status: 0 });
  await world.hears(id, /Applied: .*Open a request to merge it into refs\/heads\/main, as it is/);
  expect([main(), repository.git('rev-parse', ref ?? '')]).toEqual([before, commit]);
  // As a server that squashes does: the same lines, by another commit.
  repository.git('checkout', '--quiet', 'main');
  repository.commit({ 'other.conf': 'x=1\n' }, 'Another limit');
  repository.git('cherry-pick', commit);
  repository.git('checkout', '--quiet', 'upstream');
  await world.hears(id, /VERIFIED: .* Merged into refs\/heads\/main, and checked at [0-9a-f]{12} of other/);
  expect(main()).not.toBe(commit);
  // What it has taught is of a repository that `ann` may not read.
  await world.hears(id, /What this fix taught waits/);
  const { stdout } = await world.patchwright.call('memory', 'list');
  expect([stdout.includes(id), (await world.as('bob', 'memory', 'list')).stdout.includes(id)]).toEqual([false, true]);
}, 300_000);
