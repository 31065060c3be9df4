import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { codeHere, type Kept, keep, keptIn, measuredAt, measuring, newerThan } from '../../proof/kept-outcomes.ts';

const folder = mkdtempSync(join(tmpdir(), 'kept-outcomes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=p', '-c', 'user.email=p@localhost', ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
const commit = (words: string) => {
  writeFileSync(join(folder, 'code'), words);
  git('add', '.');
  git('commit', '-q', '-m', words);
  return git('rev-parse', 'HEAD').trim();
};
git('init', '-q');
const [first, second, third] = [commit('first'), commit('second'), commit('third')];

const at = (commit: string, date: string, load = 1): Kept => ({
  id: date,
  measured: { commit, date, load: { begin: load, end: load + 1 } },
});
const OLD = at(first, '2026-11-28T10:00:00.000Z');
const NEW = at(third, '2026-11-30T10:00:00.000Z');
const UNSAID: Kept = { id: 'of before' };
const ELSEWHERE = at('0'.repeat(40), '2026-11-30T12:00:00.000Z');

test.each<[since: string | undefined, counted: Kept[]]>([
  [undefined, [OLD, NEW, UNSAID, ELSEWHERE]],
  [second, [NEW]],
  [first, [OLD, NEW]],
  [third.slice(0, 8), [NEW]],
  ['2026-11-29', [NEW, ELSEWHERE]],
  ['2026-11-30T11:00Z', [ELSEWHERE]],
])('since %s', (since, counted) => {
  expect([OLD, NEW, UNSAID, ELSEWHERE].filter(newerThan(since, folder))).toEqual(counted);
});

test.each(['no-such-commit', '2026-13-45', '--all'])('since %s is refused', (since) => {
  expect(() => newerThan(since, folder)).toThrow(/--since .*(date|commit)/);
});

test('the code is said to be changed where it is, but not by the outcomes themselves', () => {
  expect(codeHere(folder)).toEqual({ commit: third });
  keep(join(folder, 'proof', 'outcomes', 'x.jsonl'), OLD);
  expect(codeHere(folder)).toEqual({ commit: third });
  writeFileSync(join(folder, 'other'), 'not committed');
  expect(codeHere(folder)).toEqual({ commit: third, changed: true });
});

test('of a case measured twice the last one that counts is kept; half a line is none', () => {
  const file = join(folder, 'kept.jsonl');
  const one = { ...OLD, id: 'fault-1', outcome: 'first' };
  const again = { ...NEW, id: 'fault-1', outcome: 'again' };
  const otherSeed = { ...OLD, id: 'fault-1', seed: 2 };
  for (const outcome of [one, again, otherSeed]) keep(file, outcome);
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"id":"fault-2","ver`);
  expect(keptIn(file)).toEqual([again, otherSeed]);
  expect(keptIn(file, (of) => of.measured?.commit === first)).toEqual([one, otherSeed]);
  expect(keptIn(join(folder, 'none.jsonl'))).toEqual([]);
  // What is kept after it is a line of its own; half of one may even end as a whole one does.
  const third = { ...NEW, id: 'fault-3' };
  keep(file, third);
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"id":"fault-4","measured":{}`);
  const last = { ...NEW, id: 'fault-5' };
  keep(file, last);
  expect(keptIn(file)).toEqual([again, otherSeed, third, last]);
});

test('a kept line holds no path of the machine', () => {
  const file = join(folder, 'paths.jsonl');
  keep(file, { ...OLD, problem: `${tmpdir()}/patchwright-1/data: gone` } as Kept);
  expect(readFileSync(file, 'utf8')).not.toContain(tmpdir());
  expect(keptIn<Kept & { problem: string }>(file)[0]?.problem).toBe('<tmp>/patchwright-1/data: gone');
});

test('the summary says from which commits and loads its figures come', () => {
  const changed = measuring({ commit: second, changed: true })();
  const outcomes = [OLD, at(third, '2026-11-30T09:00:00.000Z', 7), NEW, UNSAID, { id: 'changed', measured: changed }];
  expect(measuredAt(outcomes)).toEqual([
    {
      ...{ commit: `${second.slice(0, 12)} with changes`, outcomes: 1, from: changed.date, to: changed.date },
      load: {
        least: Math.min(changed.load.begin, changed.load.end),
        most: Math.max(changed.load.begin, changed.load.end),
      },
    },
    {
      ...{ commit: third.slice(0, 12), outcomes: 2, from: '2026-11-30T09:00:00.000Z', to: '2026-11-30T10:00:00.000Z' },
      load: { least: 1, most: 8 },
    },
    {
      ...{ commit: first.slice(0, 12), outcomes: 1, from: '2026-11-28T10:00:00.000Z', to: '2026-11-28T10:00:00.000Z' },
      load: { least: 1, most: 2 },
    },
    { commit: 'not said', outcomes: 1 },
  ]);
});
