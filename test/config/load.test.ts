import { describe, expect, test } from 'vitest';
import { ConfigurationError, parseSettings } from '../../config/load.ts';

const GOOD = `forks:
  demo:
    repository: ./demo.git
    base: upstream
    build:
      command: [make]
      artifacts:
        - name: app.jar
          path: out/app.jar
    suites:
      unit:
        runner: junit-xml
        command: [make, test]
        reports: [out/reports]
    release:
      suites: [unit]
      environments: []
`;

function problemsOf(text: string): string[] {
  try {
    parseSettings(text, 'patchwright.yaml', '/srv/demo');
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

const toMaven = (url: string, artifacts: string) =>
  GOOD.replace(
    'environments: []',
    `publish: { maven: { url: '${url}', group: org.example, artifacts: ${artifacts} } }`,
  );
const NEXUS = 'https://nexus.example.org/releases';

describe('the configuration', () => {
  test('is read with defaults, and repositories relative to the file', () => {
    const settings = parseSettings(GOOD, 'patchwright.yaml', '/srv/demo');
    expect(settings.forks.demo?.repository).toBe('/srv/demo/demo.git');
    expect(settings.forks.demo?.branch).toBe('main');
  });

  test.each([
    ['nothing', '', 2],
    ['who alone', 'approvals: { expedite: { from: [ada] } }', 2],
    ['for how long alone', 'approvals: { expedite: { expiresHours: 1 } }', 2],
    ['how many', 'approvals: { expedite: { needed: 1 } }', 1],
  ])('the expedited lane, where its approval says %s', (_what, approvals, needed) => {
    const { approvals: read } = parseSettings(`${GOOD}people: { ada: { name: Ada } }\n${approvals}`, 'p.yaml', '/srv');
    expect(read.expedite.needed).toBe(needed);
    expect(read.unhold.needed).toBe(1);
  });

  test.each([
    [
      'an unknown key',
      GOOD.replace('base: upstream', 'bass: upstream'),
      [
        /forks\.demo\.base: nothing was found/,
        /^patchwright\.yaml:4: forks\.demo\.bass: this key is not known here.*base/,
      ],
    ],
    [
      'a missing key',
      GOOD.replace('    base: upstream\n', ''),
      [/^patchwright\.yaml:2: forks\.demo\.base: nothing was found; string is expected/],
    ],
    [
      'a wrong type',
      GOOD.replace('[make]', 'make'),
      [/^patchwright\.yaml:6: forks\.demo\.build\.command: found "make"; array is expected/],
    ],
    [
      'a path outside',
      GOOD.replace('out/app.jar', '../app.jar'),
      [/^patchwright\.yaml:9: .*found "\.\.\/app\.jar"; a path inside the checkout/],
    ],
    [
      'a suite that is not there',
      GOOD.replace('suites: [unit]', 'suites: [all]'),
      [
        /^patchwright\.yaml:\d+: forks\.demo\.release\.suites\.0: found "all"; no suite "all" in this fork; there are: unit/,
      ],
    ],
    [
      'a secret in clear',
      `${GOOD}announcements:\n  slack:\n    channel: C1\n    token: xoxb-1\n`,
      [/^patchwright\.yaml:21: announcements\.slack\.token: found something else; a reference: \{env: NAME\}/],
    ],
    [
      'a password in an address',
      toMaven('https://me:mine@nexus.example.org', '{ app.jar: {} }'),
      [
        /^patchwright\.yaml:17: forks\.demo\.release\.publish\.maven\.url: found "https:\/\/me:\[redacted:.*use `user` and `password`, or `token`/,
      ],
    ],
    [
      'two POMs of one id',
      toMaven(NEXUS, '{ app.jar: {}, app.tgz: {} }'),
      [
        /^patchwright\.yaml:17: .*maven\.artifacts: .*of the id app exactly one .* here app\.jar and app\.tgz have none/,
      ],
    ],
    [
      'no POM of an id, and one file twice',
      toMaven(NEXUS, '{ app.jar: { classifier: docs }, b.jar: { id: app, classifier: docs, pom: app.pom } }'),
      [
        /here all have a classifier/,
        /b\.jar would be published as app-docs\.jar/,
        /b\.jar has a classifier, and no POM/,
      ],
    ],
    ['no YAML at all', 'forks: [\n', [/^patchwright\.yaml:\d+: /]],
    ['an empty file', '', [/forks: nothing was found/]],
  ])('%s: file, line, key, what was found, what is allowed', (_name, text, messages) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    for (const [i, message] of messages.entries()) expect(problems[i] ?? '').toMatch(message);
  });

  test('a few lines of aliases do not stand for gigabytes', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
    ].join('\n');
    expect(() => parseSettings(bomb, 'patchwright.yaml', '/')).toThrow(/alias|known/i);
  });
});
