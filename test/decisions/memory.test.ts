import { describe, expect, test } from 'vitest';
import { mayRead } from '../../activities/memory.ts';
import { mayList } from '../../cli/commands/memory.ts';
import { settingsSchema } from '../../config/schema.ts';
import { memoriesAbout, memoriesOf, whomToAsk } from '../../decisions/memory.ts';

const LIMIT = {
  id: 'm-1',
  asked: 'Why are connections refused?',
  cause: 'limits.conf allows ten connections',
  change: 'Raise the limit of connections',
};
const LAG = { id: 'm-2', asked: 'Why does my consumer lag?', cause: 'fetch.min.bytes is small', change: 'Raise it' };

test.each<[string, string, string[]]>([
  ['the same question', 'why are connections refused', ['m-1']],
  ['its words in another form', 'My connection was refused by the limit', ['m-1']],
  ['another one', 'my consumer lags', ['m-2']],
  ['a word in common', 'connections between tables and dashboards of finance', []],
  ['nothing but common words', 'why is it so?', []],
])('%s', (_name, question, found) => {
  expect(memoriesOf(question, [LIMIT, LAG]).map(({ id }) => id)).toEqual(found);
});

describe('what an agent is given of the code that it works on', () => {
  const on = (id: string, ...files: [place: string, path: string][]) => ({
    ...{ ...LIMIT, id, rests_on: files.map(([place, path]) => ({ place, path })) },
  });
  const all = [
    on('elsewhere', ['repo.limits', 'Sum.java']),
    on('place', ['sum', 'Other.java']),
    on('file', ['sum', 'Sum.java'], ['repo.limits', 'x']),
    on('nowhere'),
  ];
  test.each<[what: string, about: Parameters<typeof memoriesAbout>[0], ids: string[]]>([
    ['its files first, then its place', { places: ['sum'], paths: ['Sum.java'] }, ['file', 'place']],
    ['its place', { places: ['sum'] }, ['place', 'file']],
    ['what speaks of the question', { places: ['sum'], question: 'why are connections refused' }, ['file', 'place']],
    ['its files, whatever is asked', { places: ['sum'], paths: ['Sum.java'], question: 'where is lunch' }, ['file']],
    ['nothing of another place', { places: ['product'], paths: ['Sum.java'] }, []],
    ['three at the most', { places: ['sum', 'repo.limits'], paths: ['Sum.java'] }, ['elsewhere', 'file', 'place']],
  ])('%s', (_, about, ids) => {
    expect(memoriesAbout(about, all).map(({ id }) => id)).toEqual(ids);
  });
});

describe('who may read one', () => {
  const settings = (readers?: string[]) =>
    settingsSchema.parse({
      ...{ forks: {}, people: { ann: { name: 'Ann' }, bob: { name: 'Bob' } }, groups: { desk: ['ann', 'bob'] } },
      support: { repositories: { limits: { repository: '/tmp/limits', ...(readers && { readers }) } } },
    });
  const of = (readers: string[], place = 'repo.limits') =>
    ({ ...LIMIT, readers, rests_on: [{ place, path: 'limits.conf', blob: 'b' }] }) as unknown as Parameters<
      typeof mayRead
    >[1];

  test.each<[string, boolean, ReturnType<typeof settings>, Parameters<typeof mayRead>[1], string[]]>([
    ['everyone', true, settings(), of(['everyone']), ['slack:T/U']],
    ['all of a group', true, settings(), of(['desk']), ['ann', 'bob']],
    ['one who is not named', false, settings(), of(['ann']), ['ann', 'bob']],
    ['nobody named', false, settings(), of([]), ['ann']],
    ['a stranger beside', false, settings(), of(['desk']), ['ann', 'slack:T/U']],
    ['one who may no longer read its repository', false, settings(['bob']), of(['everyone']), ['ann']],
    ['one who may read its repository', true, settings(['bob']), of(['everyone']), ['bob']],
    ['a place that is gone', false, settings(), of(['everyone'], 'repo.gone'), ['ann']],
  ])('%s: %s', (_name, may, configured, memory, audience) => {
    expect(mayRead(configured, memory, audience)).toBe(may);
  });

  test.each<[string, boolean, string]>([
    ['who answers tickets', true, 'ann'],
    ['one of its readers', true, 'cat'],
    ['any other person', false, 'bob'],
    ['a user who is nobody', false, 'root'],
  ])('shown at a terminal to %s: %s', (_name, may, reader) => {
    const people = { ann: {}, bob: {}, cat: {} };
    const configured = { ...settings(), people, support: { ...settings().support, responders: ['ann'] } } as never;
    expect(mayList(configured, of(['cat']), reader)).toBe(may);
    expect(mayList({ ...settings(), people: {} }, of(['cat']), reader)).toBe(true);
  });
});

test.each<[string, string[], string[], string[]]>([
  ['whoever approved it and answers tickets', ['ann', 'bob'], ['bob', 'cat'], ['bob']],
  ['those who answer tickets, where nobody is both', ['ann', 'bob'], ['cat'], ['ann', 'bob']],
  ['a few of many', ['a', 'b', 'c', 'd', 'e', 'f'], [], ['a', 'b', 'c', 'd', 'e']],
])('asked to confirm it: %s', (_name, responders, approvedBy, asked) => {
  expect(whomToAsk(responders, approvedBy)).toEqual(asked);
});
