import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { memories } from '../../cli/commands/memory.ts';
import { edit, handIn, LIMITS, plan, raise } from './script.ts';
import { type FixWorld, openFixWorld } from './world.ts';

/** From a question at the terminal to an applied, verified fix of a repository; and the ways on which it is not. */
let world: FixWorld;
let repository: ReturnType<FixWorld['repository']>;
const main = () => repository.git('rev-parse', 'main');
const fileOf = (path: string) => repository.git('show', `main:${path}`);

beforeAll(async () => {
  world = await openFixWorld(
    (folder) => `
forks: {}
support:
  repositories:
    limits: { repository: ${folder}/limits, check: [sh, check.sh], sandbox: { show: [${folder}/machine] } }
`,
  );
  mkdirSync(join(world.patchwright.folder, 'machine'));
  repository = world.repository('limits');
  repository.commit(LIMITS, 'Limits');
  repository.git('branch', 'main');
  await world.patchwright.start();
}, 120_000);
afterAll(() => world?.close(), 60_000);
beforeEach(() => void repository.git('branch', '--force', 'main', 'upstream'));

test('asked, handed off, planned, made, proven, reviewed, approved by another person, applied, verified', async () => {
  const seen: string[] = [];
  const id = await world.handOff(
    'Why are connections refused?',
    (asked) => {
      seen.push(...asked.outputs, asked.role === 'investigate' ? asked.brief : '');
      if (asked.role === 'investigate' && asked.turn === 1)
        return {
          calls: [
            plan({ target: 'secrets' }),
            plan({ quotes: [{ in: 'repo.limits', of: 'limits.conf', text: 'connections=11' }] }),
            plan({ quotes: [{ in: 'search', of: 'no-such-word', text: 'nothing matches' }] }),
            ['history', { in: 'repo.limits', path: 'limits.conf' }],
            ['search', { in: 'repo.limits', pattern: 'no-such-word' }],
          ],
        };
      // What it looked for in vain is quoted too.
      if (asked.role === 'investigate') {
        const found = { in: 'repo.limits', of: 'limits.conf', text: 'connections=10' };
        return { calls: [plan({ quotes: [found, { in: 'search', of: 'no-such-word', text: 'nothing matches' }] })] };
      }
      return raise(asked);
    },
    'look at limits.conf',
  );
  const asked = await world.question(id);
  const all = seen.join('\n');
  expect(all).toContain('ann: Why are connections refused?');
  expect(all).toContain('look at limits.conf');
  expect(all).toMatch(
    /## What changed lately\n### repo\.limits[\s\S]*## Outline of files[\s\S]*limits\.conf \(\d+ lines\)/,
  );
  expect(all).toContain('target: Invalid option: expected one of ""|"limits"');
  expect(all).toContain('"connections=11" does not stand in limits.conf of repo.limits');
  expect(all).toContain('"nothing matches" does not stand in no-such-word of search');
  expect(all).toMatch(/^[0-9a-f]{7,} 2026-01-01T\S+ Limits$/m);
  expect(asked.question.summary).toMatch(/limits, refs\/heads\/main: limits\.conf \(\+1 −1\)/);
  expect(asked.question.summary).toMatch(/failing case .*before: exit 1.*with the change: exit 0/);
  expect(asked.question.summary).toMatch(/check of limits: before: exit 0.*with the change: exit 0/);
  expect(asked.question.summary).toContain('+connections=50');
  expect(asked.open.deciders).toEqual(['bob', 'cat']);
  expect(await world.approve('ann', asked)).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('ann asked for it'),
  });
  const before = main();
  expect(await world.approve('bob', asked)).toMatchObject({ status: 0 });
  const told = await world.hears(id, /VERIFIED: .*read back, and checked/i);
  expect(told).toMatch(/Approved by bob[\s\S]*Applied: [0-9a-f]{12} is on refs\/heads\/main of limits/);
  expect(told).not.toContain('connections=50');
  // One message said what the agents did: code's words, and no file's name.
  const shown = (await world.show(id)).thread.filter(({ text }) => text.includes('patchwright agent runs'));
  expect(shown.map(({ text }) => text)).toEqual([
    expect.stringMatching(
      /^An agent looked into it: \d calls, .*\nAn agent made a change: 3 calls, .*\nCode tried it: \d+ s(\nA reviewer read it \(.*\): \d calls?, .*){3}\nTo read on: npx patchwright agent runs cli:/,
    ),
  ]);
  expect(shown[0]?.text).not.toMatch(/limits\.conf|no end that counts/);
  expect(await world.show(id)).toMatchObject({ state: 'closed', ended: 'fixed' });
  expect(fileOf('limits.conf')).toBe('connections=50\nmemory=64');
  expect(main()).toBe(asked.question.binds.commit);
  expect(repository.git('rev-parse', 'main^')).toBe(before);
  expect(repository.git('log', '-1', '--format=%s%n%(trailers)', 'main')).toMatch(
    /^Raise the limit of connections\nTicket: cli:.*\nProposed-By: patchwright cli:/,
  );
  const late = await world.approve('cat', asked);
  expect(late).toMatchObject({ status: 1, stdout: expect.stringContaining('it is over: approved by bob') });
}, 300_000);

test('a fix whose verification fails is taken back by the approved inverse, and says so', async () => {
  // Its check holds until the machine is another: after it was proven, and before it is verified.
  const late = join(world.patchwright.folder, 'machine', 'is-another');
  const id = await world.handOff('Connections are refused again?', (asked) => {
    if (asked.role !== 'patch' || asked.turn > 1) return raise(asked);
    return { calls: [edit('connections=10', 'connections=50'), edit('', `${late}\n`, 'before')] };
  });
  const asked = await world.question(id);
  const before = main();
  writeFileSync(late, '');
  expect(await world.approve('bob', asked)).toMatchObject({ status: 0 });
  const told = await world.hears(id, /UNDONE: /);
  expect(told).toMatch(
    /UNDONE: .* its verification failed \(.*exit 1; the whole log: artifacts\/.*\), and it was taken back: [0-9a-f]{12}/,
  );
  expect(told).not.toContain('too late');
  expect(repository.git('rev-parse', 'main~2')).toBe(before);
  expect(main()).toBe(asked.question.binds.inverse);
  expect(repository.git('diff', '--stat', before, 'main')).toBe('');
  expect((await world.show(id)).state).toBe('escalated');
  // What was undone has taught nothing.
  const kept = await world.patchwright.json<Awaited<ReturnType<typeof memories>>>('memory', 'list');
  expect(kept.filter(({ ticket }) => ticket === id)).toEqual([]);
}, 300_000);

test('changes that people ask for are made, and whoever asked for them decides no more', async () => {
  const briefs: string[] = [];
  const read: string[] = [];
  const id = await world.handOff('Are connections refused for good?', (asked) => {
    if (asked.role === 'patch') briefs.push(asked.brief);
    if (asked.role.startsWith('review')) read.push(asked.brief);
    const again = asked.brief.includes('please 40');
    if (asked.role !== 'patch' || !again) return raise(asked);
    return {
      calls:
        asked.turn === 1 ? [edit('connections=10', 'connections=40')] : [handIn('grep -q connections=40 limits.conf')],
    };
  });
  const first = await world.question(id);
  const no = await world.as(
    'bob',
    'reject',
    first.id,
    '--digest',
    first.open.digest,
    '--note',
    'please 40',
    '--changes',
  );
  expect(no.stdout).toContain('changes were asked for by bob: please 40');
  const second = await world.question(id, 2);
  expect(briefs.at(-1)).toContain('People who decide ask for changes: please 40');
  expect(briefs.at(-1)).toMatch(/Your earlier change[\s\S]*\+connections=50/);
  expect(briefs.at(-1)).toMatch(/What you said of it\n.* Risk: .*\nfailingCase: grep -q connections=50 limits\.conf/);
  expect(read.at(0)).toMatch(
    /What code has found:\n.*failing case `grep -q connections=50 limits\.conf`: before: exit 1/,
  );
  expect(read.at(0)).not.toContain('please 40');
  expect(read.at(-1)).toContain('People who decide ask for changes: please 40');
  expect(second.open.deciders).toEqual(['cat']);
  expect(second.open.digest).not.toBe(first.open.digest);
  expect(second.question.summary).toContain('the agent was asked: please 40');
  expect(await world.as('cat', 'approve', second.id, '--digest', first.open.digest)).toMatchObject({ status: 1 });
  expect(await world.approve('bob', second)).toMatchObject({
    stdout: expect.stringContaining('bob wrote or steered it'),
  });
  expect(await world.approve('cat', second)).toMatchObject({ status: 0 });
  await world.hears(id, /VERIFIED: /);
  expect(fileOf('limits.conf')).toBe('connections=40\nmemory=64');
}, 300_000);
