import { describe, expect, test } from 'vitest';
import type { TargetFacts } from '../../activities/deploy/driver.ts';
import {
  changedSettings,
  keptSettings,
  type StartSetting,
  settingsOfProperties,
} from '../../activities/deploy/start-settings.ts';
import { changesAtOnce, type Need, needOf, restartsOf } from '../../activities/rollout/one-change.ts';
import { reasonsOf } from '../../decisions/kafka-rules/waivers.ts';
import { g1OneKindOfChange } from '../../decisions/wave-plan.ts';
import { readProperties, writeProperties } from '../../lib/java-properties.ts';
import type { LedgerEntry, TargetState } from '../../store/rollout-tables.ts';

// G1: one kind of change a wave, and what tells that there would be two.

test.each([
  [
    'one kind on many',
    [
      ['n1', 'artifact'],
      ['n2', 'artifact'],
    ],
    0,
  ],
  [
    'image and configuration on one node',
    [
      ['n1', 'artifact'],
      ['n1', 'configuration'],
    ],
    1,
  ],
  [
    'or on two',
    [
      ['n1', 'artifact'],
      ['n2', 'jvm'],
    ],
    1,
  ],
  ['nothing', [], 0],
] as const)('G1 a wave changes %s', (_name, rows, findings) => {
  expect(g1OneKindOfChange(rows.map(([target, kind]) => ({ target, kind })))).toHaveLength(findings);
});

test('G1 names what is another, and never its value', () => {
  const changes = [
    { target: 'n1', kind: 'artifact' as const },
    { target: 'n1', kind: 'configuration' as const, name: 'start' },
    { target: 'n2', kind: 'configuration' as const, name: 'environment.TOKEN' },
    { target: 'n2', kind: 'jvm' as const, name: 'jvm' },
  ];
  expect(g1OneKindOfChange(changes)[0]?.reason).toContain(
    'artifact on n1 and configuration (start, environment.TOKEN) on n1, n2 and jvm (jvm) on n2',
  );
});

/** Of two nodes, `n1` would be restarted with other threads. */
const threads = (one: string) =>
  one === 'n1' ? [{ kind: 'configuration' as const, name: 'properties.num.io.threads' }] : [];
const asked = (system: 'kafka' | 'process') => ({
  driver: { changedSettings: async (one: string) => threads(one) },
  settings: { system },
});
const release = { environment: 'staging', release: 'shop-7' };

test.each([
  ['kafka', /^G1: .*What is to stay has to stand in properties or jvm .*patchwright env up staging.*retry shop-7$/],
  ['process', /^G1: .*while this release waited.* this is enough: patchwright release retry shop-7. Otherwise restart/],
] as const)('G1 says what to do with nodes of the system %s', async (system, words) => {
  const nodes = ['n1', 'n2'];
  const found = await changesAtOnce(asked(system), release, { restarted: nodes, artifact: nodes });
  expect(reasonsOf(found)).toEqual([expect.stringMatching(words)]);
});

const restart = (artifact: boolean): Need => ({ kind: 'restart', artifact });
const runsIt: Need = { kind: 'runs-it', readBack: { artifacts: [], commit: '' } };
test.each<[string, Need, Need, RegExp[]]>([
  [
    'both on one node',
    restart(true),
    restart(true),
    [/artifact on n1, n2 and configuration .* on n1:.* restart n1 on/],
  ],
  [
    'settings on one, artifacts on another',
    restart(false),
    restart(true),
    [/artifact on n2 and configuration .* on n1:/],
  ],
  ['settings alone', restart(false), restart(false), []],
  ['artifacts alone', runsIt, restart(true), []],
])('G1 is asked of all that would be restarted: %s', async (_what, n1, n2, words) => {
  const restarts = restartsOf([
    { name: 'n1', need: n1 },
    { name: 'n2', need: n2 },
  ]);
  const found = await changesAtOnce(asked('process'), release, restarts);
  expect(reasonsOf(found)).toEqual(words.map((one) => expect.stringMatching(one)));
});

const jar = (sha256: string) => [{ name: 'a.jar', sha256 }];
const to = { artifacts: jar('new'), version: '2', commit: 'b'.repeat(12) };
const fact = (state: TargetFacts['state'], holding = 'new') => ({
  ...{ name: 'n1', state, artifacts: jar(holding), strangers: [] },
});
const entered = (state: TargetState): LedgerEntry => ({
  ...{ rollout: 'shop-7/1/staging', target: 'n1', direction: 'forward', position: 0, key: 'k', state },
  ...{ from: { artifacts: jar('old') }, to, seen: { state: 'running' }, leaders: [], seconds: {} },
});
test.each<[string, TargetFacts, TargetState | undefined, string | undefined, Need | Need['kind']]>([
  ['another artifact', fact('running', 'old'), undefined, to.commit, restart(true)],
  ['a node that runs it', fact('running'), undefined, to.commit, 'runs-it'],
  ['one that holds it, and runs another', fact('running'), undefined, 'a'.repeat(12), restart(true)],
  ['one that holds it, and cannot say what it runs', fact('running'), undefined, undefined, restart(true)],
  ['one that holds it, and begins to run', fact('starting'), 'planned', to.commit, restart(true)],
  ['one that holds it, and is down', fact('stopped'), undefined, to.commit, restart(false)],
  ['one that is down with another', fact('stopped', 'old'), undefined, to.commit, restart(true)],
  ['one in the middle of its change', fact('stopped'), 'intent', to.commit, 'open'],
  ['one that was started', fact('running'), 'changed', to.commit, 'open'],
  ['one that an earlier attempt did', fact('stopped'), 'done', to.commit, 'done'],
  ['which was put back since', fact('running', 'old'), 'done', to.commit, restart(true)],
])('what a roll-out has to do with %s', async (_what, of, state, commit, need) => {
  const driver = { readBack: async () => ({ artifacts: of.artifacts, commit: commit ?? '' }) };
  const system = { readsCommit: () => commit !== undefined };
  const entry = state && entered(state);
  const wanted = typeof need === 'string' ? { kind: need } : need;
  expect(await needOf({ driver, system }, { fact: of, to, entry })).toMatchObject(wanted);
});

describe('what a node was started with', () => {
  const settings: StartSetting[] = [
    { kind: 'configuration', name: 'start', value: '["server"]' },
    { kind: 'configuration', name: 'environment.TOKEN', value: 'hunter2' },
    { kind: 'jvm', name: 'jvm', value: '-Xmx1g' },
  ];
  const monday = { key: Buffer.from('ours'), salt: 'monday' };
  const kept = keptSettings(settings, monday);
  const but = (name: string, value: string) => settings.map((one) => (one.name === name ? { ...one, value } : one));
  test.each<[string, StartSetting[], string[]]>([
    ['the same', settings, []],
    ['in another order', settings.toReversed(), []],
    ['another value', but('environment.TOKEN', 'hunter3'), ['configuration environment.TOKEN']],
    ['other flags', but('jvm', '-Xmx2g'), ['jvm jvm']],
    ['one that is gone', settings.slice(1), ['configuration start']],
    [
      'one that is new',
      [...settings, { kind: 'configuration', name: 'environment.A', value: '' }],
      ['configuration environment.A'],
    ],
  ])('is compared by name: %s', (_what, now, changed) => {
    expect(changedSettings(kept, now, monday)?.map(({ kind, name }) => `${kind} ${name}`)).toEqual(changed);
  });

  test('is kept by digest, which says nothing of two starts, nor without the key', () => {
    expect(JSON.stringify(kept)).not.toContain('hunter2');
    const token = (digesting: typeof monday) => keptSettings(settings, digesting).of[1]?.digest;
    const digests = [monday, { ...monday, salt: 'tuesday' }, { ...monday, key: Buffer.from('theirs') }].map(token);
    expect(new Set(digests).size).toBe(3);
  });

  test('is not known where it was kept by another key', () => {
    expect(changedSettings(kept, [], { ...monday, key: Buffer.from('theirs') })).toBeUndefined();
  });

  const PEM = 'ssl.key=-----BEGIN KEY----- \\\n  MIIEvQ==\\\n  aGk=x\nb=2';
  test.each<[string, string, [string, string][]]>([
    [
      'comments, blank lines, two of one key',
      '# a=1\n  ! b=2\n\nlog.dirs=/old\nlog.dirs=/data\n',
      [['log.dirs', '/data']],
    ],
    ['a separator in the value', 'listeners = A://:1,B://:2=x', [['listeners', 'A://:1,B://:2=x']]],
    ['blanks around the separator', 'a= 1\n b \t=\t2 \nc:3\nd : 4\ne 5', [...'abcde'].map((k, i) => [k, `${i + 1}`])],
    ['no value', 'a\nb=\nc:', [...'abc'].map((key) => [key, ''])],
    ['lines of Windows, and of old Macs', 'a=1\r\nb=2\rc=3', [...'abc'].map((k, i) => [k, `${i + 1}`])],
    [
      'lines that go on, with signs in them',
      PEM,
      [
        ['ssl.key', '-----BEGIN KEY----- MIIEvQ==aGk=x'],
        ['b', '2'],
      ],
    ],
    ['a comment that would go on', '# a=1\\\nb=2', [['b', '2']]],
    [
      'what goes on looks like a comment, or is empty',
      'a=1\\\n#2\nb=3\\\n\nc=4',
      [
        ['a', '1#2'],
        ['b', '3'],
        ['c', '4'],
      ],
    ],
    [
      'an even number of backslashes ends a line',
      'a=1\\\\\nb=2\\\\\\\n3',
      [...'ab'].map((k, i) => [k, ['1\\', '2\\3'][i]!]),
    ],
    ['the last line would go on', 'a=1\\', [['a', '1']]],
    ['escapes', 'a\\=\\:\\ b=\\t\\u0041\\z', [['a=: b', '\tAz']]],
  ])('a file of properties is read as Java does: %s', (_what, text, entries) => {
    // Blanks that end a value are its own.
    expect([...readProperties(text)].map(([key, value]) => [key, value.replace(/ $/, '')])).toEqual(entries);
  });

  test.each([
    ['as most are', 'log.dirs', '/data,/more', 'log.dirs=/data,/more\n'],
    ['separators', 'a b=c:d', 'x=1 y:2', 'a\\ b\\=c\\:d=x=1 y:2\n'],
    ['a backslash at the end', 'principal', 'DOMAIN\\', 'principal=DOMAIN\\\\\n'],
    ['lines', 'ssl.keystore.key', '-----BEGIN\nKEY-----\r\n', 'ssl.keystore.key=-----BEGIN\\nKEY-----\\r\\n\n'],
    ['what is no setting', 'a', '1\nb=2', 'a=1\\nb=2\n'],
    ['blanks before', 'a', '  \tb', 'a=\\  \\tb\n'],
    ['other alphabets', 'client.rack', 'Zürich', 'client.rack=Z\\u00fcrich\n'],
    ['numbers', 'node.id', 1, 'node.id=1\n'],
  ])('what is written is read as it was: %s', (_what, key, value, text) => {
    expect(writeProperties({ [key]: value })).toBe(text);
    expect([...readProperties(text)]).toEqual([[key, String(value)]]);
  });

  test('a setting of a file has its name, but for what no setting is called', () => {
    const read = (text: string) => settingsOfProperties(text).map(({ name, value }) => [name, value]);
    const named = [
      ['properties.log.dirs', '/data'],
      ['properties.listener.name.sasl_ssl.x', '1'],
    ];
    expect(read('log.dirs = /data\nlistener.name.sasl_ssl.x=1\n')).toEqual(named);
    // A key whose lines were not joined, by whoever wrote the file.
    const [first, others] = read('ssl.key=-----BEGIN KEY-----\nMIIEvQ==\n-----END KEY-----\n');
    expect(first).toEqual(['properties.ssl.key', '-----BEGIN KEY-----']);
    expect(others?.[0]).toBe('properties (others)');
    expect(settingsOfProperties('a= 1')).toEqual(settingsOfProperties('a=1'));
  });
});
