import { describe, expect, test } from 'vitest';
import { settingsSchema } from '../../config/schema.ts';
import { mentionsOf } from '../../decisions/page-mentions.ts';

const slack = (user: string) => ({ slack: { team: 'T01', user } });
const known = {
  people: { ada: slack('U01'), bob: slack('U02'), carol: {}, dan: slack('U04') },
  groups: { platform: ['ada', 'carol'], night: ['ada', 'dan'] },
};

describe('whom a page mentions', () => {
  test.each<[string, string[] | undefined, string[]]>([
    ['nobody named: everybody with an account', undefined, ['U01', 'U02', 'U04']],
    ['nobody wanted', [], []],
    ['a person', ['bob'], ['U02']],
    ['groups, each person once', ['platform', 'night'], ['U01', 'U04']],
    ['one without an account', ['carol'], []],
    ['one who is gone', ['eve'], []],
  ])('%s', (_name, named, users) => {
    expect(mentionsOf(named, known)).toEqual(users);
  });

  test.each([
    ['a name that nobody has', { paging: { mention: ['eve'] } }],
    ['an account that is no id', { people: { ada: { name: 'Ada', slack: { team: 'T01', user: '!channel' } } } }],
  ])('%s is refused', (_name, settings) => {
    expect(settingsSchema.safeParse({ forks: {}, ...settings }).success).toBe(false);
  });
});
