import { expect, test } from 'vitest';
import { ConfigurationError, parseSettings } from '../../config/load.ts';
import { respondersOf } from '../../config/support.ts';

const BASE = `
forks: {}
people: { ada: { name: Ada }, bob: { name: Bob }, cyd: { name: Cyd } }
groups: { platform: [bob, cyd] }
`;
const settings = (support: string) => parseSettings(`${BASE}${support}`, 'p.yaml', '.');

test.each<[string, RegExp]>([
  [
    'support: { onCall: { schedule: [{ person: zoe, from: mon 08:00, to: tue 08:00 }] } }',
    /nobody is called "zoe"; there are: ada, bob, cyd/,
  ],
  [
    'support: { onCall: { schedule: [{ person: ada, from: mon 08:00, to: 2026-12-01T08:00 }] } }',
    /both times of the week, or both dates/,
  ],
  [
    'support: { onCall: { schedule: [{ person: ada, from: 2026-12-02T08:00, to: 2026-12-01T08:00 }] } }',
    /ends before it begins/,
  ],
  [
    'support: { onCall: { schedule: [{ person: ada, from: monday, to: tue 08:00 }] } }',
    /a time of the week \(fri 16:00\)/,
  ],
  [
    'support: { onCall: { url: "https://x.org", schedule: [{ person: ada, from: mon 08:00, to: tue 08:00 }] } }',
    /either a schedule or a url/,
  ],
  ['support: { responders: [nobody] }', /neither a person nor a group is called "nobody"/],
  ['support: { slack: { appToken: { env: A } } }', /announcements\.slack is missing/],
  ['support: { slack: {} }', /either appToken \(Socket Mode\) or http/],
  ['support: { slack: { appToken: xapp-1-secret } }', /found something else; a reference/],
  ['support: { answerMinutes: 0 }', /at least 0\.005/],
])('%s', (support, problem) => {
  expect(() => settings(support)).toThrow(problem);
  expect(() => settings(support)).toThrow(ConfigurationError);
});

test.each([
  ['', ['ada', 'bob', 'cyd']],
  ['support: { onCall: { schedule: [{ person: ada, from: mon 08:00, to: tue 08:00 }] } }', ['ada']],
  ['support: { responders: [platform, ada] }', ['bob', 'cyd', 'ada']],
])('%j may be handled by %j', (support, people) => expect(respondersOf(settings(support))).toEqual(people));
