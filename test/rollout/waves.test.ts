import { describe, expect, test } from 'vitest';
import { g5HoldsArtifact, type PastRollout } from '../../decisions/artifact-hold.ts';
import {
  g2OneCellAtATime,
  MOST_OF_CAPACITY,
  pickWave,
  planWaves,
  shapesOf,
  type WaveNode,
} from '../../decisions/wave-plan.ts';

const wave = (targets: string, why = 'rack a') => ({ targets: targets.split(','), why });

describe('which wave is next', () => {
  test.each<[string, ReturnType<typeof wave>[], string | undefined, string | undefined]>([
    ['as planned', [wave('n1'), wave('n2')], 'n2', 'n1'],
    ['nobody leads', [wave('n1'), wave('n2')], undefined, 'n1'],
    ['the one that leads now waits', [wave('n1'), wave('n2'), wave('n3')], 'n1', 'n2'],
    ['the last one does not', [wave('n1')], 'n1', 'n1'],
    ['a broker is never put before controllers', [wave('c1', 'the first controller'), wave('n1')], 'c1', 'c1'],
    [
      'controllers among themselves are',
      [wave('c1', 'the first controller'), wave('c2,c3', 'the other controllers, one by one'), wave('n1')],
      'c1',
      'c2,c3',
    ],
    ['nor a rack before the one that goes alone', [wave('n1', 'one node alone'), wave('n2,n3')], 'n1', 'n1'],
    ['nothing is left', [], 'n1', undefined],
  ])('%s', (_name, left, active, next) => {
    expect(pickWave(left, active)?.targets.join()).toBe(next);
  });

  test('bakes by kind: the first node that serves, its rack, the others', () => {
    const nodes = [...nine, controller('c1'), controller('c2'), controller('c3')];
    expect(shapesOf(nodes, planWaves(nodes, rules)).map(({ kind, firstServing }) => [kind, firstServing])).toEqual([
      ['one node', false],
      ['later rack', false],
      ['one node', true],
      ['first rack', false],
      ['later rack', false],
      ['later rack', false],
    ]);
  });
});

const rules = { firstOne: true, share: MOST_OF_CAPACITY };
const broker = (name: string, rack?: string): WaveNode => ({ name, roles: ['broker'], rack });
const controller = (name: string): WaveNode => ({ name, roles: ['controller'] });
const nine = ['a', 'b', 'c'].flatMap((rack) => [1, 2, 3].map((n) => broker(`${rack}${n}`, rack)));

describe('waves by rack and share, first one node', () => {
  test.each<[string, WaveNode[], string[]]>([
    ['three racks of three', nine, ['a1', 'a2,a3', 'b1,b2,b3', 'c1,c2,c3']],
    [
      'three combined nodes go one by one',
      ['n1', 'n2', 'n3'].map((name) => ({ name, roles: ['controller', 'broker'] })),
      ['n1', 'n2', 'n3'],
    ],
    [
      'controllers first, the first of each alone',
      [...nine.slice(0, 3), controller('c1'), controller('c2'), controller('c3')],
      ['c1', 'c2,c3', 'a1', 'a2', 'a3'],
    ],
    [
      'the rack of the first node before the others',
      [broker('z1', 'z'), broker('a1', 'a'), broker('z2', 'z')],
      ['z1', 'z2', 'a1'],
    ],
    [
      'a rack that is too large is cut in even parts',
      [1, 2, 3, 4, 5, 6].map((n) => broker(`a${n}`, 'a')),
      ['a1', 'a2,a3', 'a4,a5', 'a6'],
    ],
    [
      'without racks by share alone',
      [1, 2, 3, 4, 5, 6, 7].map((n) => broker(`n${n}`)),
      ['n1', 'n2,n3', 'n4,n5', 'n6,n7'],
    ],
    [
      'plain processes have no roles',
      [
        { name: 'web1', roles: [] },
        { name: 'web2', roles: [] },
      ],
      ['web1', 'web2'],
    ],
    ['nothing', [], []],
  ])('%s', (_name, nodes, waves) => {
    const plan = planWaves(nodes, rules);
    expect(plan.map(({ targets }) => targets.join())).toEqual(waves);
    expect(plan.flatMap(({ targets }) => targets).sort()).toEqual(nodes.map(({ name }) => name).sort());
    expect(g2OneCellAtATime(nodes, plan, rules.share)).toEqual([]);
  });

  test('the active controller never goes first, and its rack goes last (K3)', () => {
    const waves = (activeController: string, nodes = nine) =>
      planWaves(nodes, { ...rules, activeController }).map(({ targets }) => targets.join());
    expect(waves('a1')).toEqual(['a2', 'b1,b2,b3', 'c1,c2,c3', 'a3,a1']);
    expect(waves('b2')).toEqual(['a1', 'a2,a3', 'c1,c2,c3', 'b1,b3,b2']);
    expect(waves('c1', ['c1', 'c2', 'c3'].map(controller))).toEqual(['c2', 'c3,c1']);
  });

  test('says what each wave is', () => {
    expect(planWaves(nine, rules).map(({ why }) => why)).toEqual(['one node alone', 'rack a', 'rack b', 'rack c']);
  });

  test('where the configuration does not want the first one alone, racks decide', () => {
    expect(planWaves(nine, { ...rules, firstOne: false }).map(({ targets }) => targets.length)).toEqual([3, 3, 3]);
  });
});

test.each([
  ['two racks at once', [['a1'], ['a2', 'b1']], ['2 racks: a, b']],
  ['more than its share', [['a1'], ['a2', 'a3', 'b1', 'b2']], ['4 of 9', '33 %']],
  ['more than one first', [['a1', 'a2']], ['the first wave is one node']],
])('G2 a plan made by hand: %s', (_name, waves, words) => {
  const findings = g2OneCellAtATime(
    nine,
    waves.map((targets) => ({ targets })),
    MOST_OF_CAPACITY,
  );
  for (const word of words) expect(findings.map(({ rule, reason }) => `${rule} ${reason}`).join('\n')).toContain(word);
});

describe('G5 after a roll-back the artifact is held', () => {
  const past = (over: Partial<PastRollout>): PastRollout => ({
    environment: 'staging',
    digest: 'd1',
    outcome: 'rolled-back',
    reasons: ['client p50 is 900 ms'],
    endedAtMs: 1000,
    ...over,
  });
  test.each<[string, PastRollout[], string[]]>([
    ['never rolled out', [], []],
    ['promoted', [past({ outcome: 'promoted' })], []],
    ['aborted by a person', [past({ outcome: 'aborted' })], []],
    [
      'rolled back in another environment',
      [past({})],
      ['rolled back in staging (client p50 is 900 ms)', 'env unhold staging d1'],
    ],
    ['frozen', [past({ outcome: 'frozen' })], ['was frozen']],
    ['another artifact', [past({ digest: 'd2' })], []],
    ['released by a person since', [past({ unheld: { by: 'ada', atMs: 2000 } })], []],
    ['released, and rolled back again', [past({ unheld: { by: 'ada', atMs: 500 } })], ['rolled back']],
  ])('%s', (_name, rollouts, words) => {
    const text = g5HoldsArtifact('d1', rollouts)
      .map(({ reason }) => reason)
      .join('\n');
    if (words.length === 0) expect(text).toBe('');
    for (const word of words) expect(text).toContain(word);
  });
});
