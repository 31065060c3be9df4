import { describe, expect, test } from 'vitest';
import { COMPRESSED_PROFILE, FULL_PROFILE, profileOfWave, type WaveKind } from '../../decisions/gate/profile.ts';
import type { GateSample } from '../../decisions/gate/types.ts';
import { gateMeans, keepsFromGoingBack } from '../../decisions/gate-outcome.ts';
import { judgeGate } from '../../decisions/gate-verdict.ts';
import { gateWords } from '../../decisions/gate-words.ts';
import { inputOf, METRICS, type Story } from './looks.ts';

const only = (name: string, change: object) => (node: string, second: number) =>
  node === name && second >= 0 ? change : {};
/** An error in every so many looks, on every node: a usual share of it. */
const usual = (second: number, every = 2) => ({ errors: (second / 10) % every === 0 ? 1 : 0 });
const hide = (sample: GateSample, name: string, figure: string): GateSample => {
  const { [figure]: _, ...rest } = sample.nodes[name] ?? {};
  return { ...sample, nodes: { ...sample.nodes, [name]: rest } };
};

function expectGate(story: Story, kind: string, words: readonly string[]) {
  const verdict = judgeGate(inputOf(story));
  expect([verdict.kind, ...verdict.reasons].join('\n')).toMatch(new RegExp(`^${kind}\\b`));
  for (const word of words) expect(verdict.reasons.join('\n')).toContain(word);
  return verdict;
}

describe('tier 0 decides at once', () => {
  const broken = (invariant: string, name: string, from: number, to = Number.POSITIVE_INFINITY) => ({
    look: (sample: GateSample, second: number) =>
      second >= from && second < to ? { ...sample, invariants: { [invariant]: [name] } } : sample,
  });
  test.each<[string, Story, string, string[]]>([
    ['an offline partition', broken('offline', 't-0', 300), 'fail', ['offline: t-0']],
    ['in warm-up too', { ...broken('underMinIsr', 't-0', -20), looks: 6 }, 'fail', ['underMinIsr: t-0']],
    ['under-replicated for a moment is no harm', broken('underReplicated', 't-0', 100, 120), 'pass', []],
    ['but for long it is', broken('underReplicated', 't-0', 100), 'fail', ['more than 30 s: t-0']],
    ['what was broken before the wave settled is the roll’s own', broken('offline', 't-0', -500, -100), 'pass', []],
    ['an unclean election', { node: only('n2', { unclean: 1 }) }, 'fail', ['unclean elections: 1 on n2']],
  ])('%s', (_name, story, kind, words) => {
    const verdict = expectGate(story, kind, words);
    if (verdict.kind === 'fail') expect(verdict.severity).toBe('critical');
  });
});

describe('where no traffic is ours', () => {
  const others = (story: Story) => judgeGate({ ...inputOf({ ...story, look: alone }), othersTraffic: true });
  const alone = ({ clients: _, ...sample }: GateSample) => sample;
  const metrics = METRICS.filter((metric) => metric.kind === 'never' || metric.scope !== 'clients');
  const idle = { metrics, node: () => ({ requests: 1 }) };

  test('a cluster that had little to do before the roll is not asked for more, and that is said', () => {
    const verdict = others(idle);
    expect(verdict).toMatchObject({
      kind: 'pass',
      figures: { reducedEvidence: true, counts: { errors: { quiet: true } } },
    });
    expect(verdict.reasons.join()).toContain('too little was done before the roll to ask for enough to judge errors');
    // With traffic of ours it is no data.
    expect(judgeGate(inputOf({ ...idle, look: alone })).kind).toBe('watching');
  });

  test('errors fail it all the same', () => {
    const node = (name: string, second: number) => ({ requests: 1, errors: name === 'n1' && second >= 0 ? 1 : 0 });
    expect(others({ ...idle, node }).kind).toBe('fail');
  });

  test('a candidate whose clients go away is no data: they were there before', () => {
    const node = (name: string, second: number) => ({ requests: name === 'n1' && second >= 0 ? 0 : 100 });
    const verdict = others({ metrics, node, looks: 140 });
    expect(verdict.kind).toBe('inconclusive');
    expect(verdict.reasons.join()).toContain('errors: too little was done');
    expect(others({ metrics }).reasons).toEqual([]);
  });

  test('without any figures invariants alone are judged, and the pass says so', () => {
    expect(others({ metrics: [] })).toMatchObject({ kind: 'pass', figures: { reducedEvidence: true } });
    expect(others({ metrics: [] }).reasons).toEqual([expect.stringContaining('invariants alone')]);
  });
});

describe('tier 1 counts', () => {
  test.each<[string, Story, string, string[]]>([
    ['no errors at all pass: a quiet cluster is not blind', {}, 'pass', []],
    ['the usual errors on every node pass', { node: (_, second) => usual(second) }, 'pass', []],
    [
      'four times as many as the peers fail',
      { node: (name, second) => (name === 'n1' && second > 0 ? { errors: 2 } : usual(second)) },
      'fail',
      ['errors: ', 'on clean peers meanwhile'],
    ],
    [
      'as many on the peers as well: it was not the candidate',
      { node: (_, second) => (second > 0 ? { errors: 2 } : usual(second)) },
      'pass',
      [],
    ],
    [
      'a node that always had three times as many passes',
      { node: (name, second) => (name === 'n1' ? { errors: 3 } : usual(second, 1)) },
      'pass',
      [],
    ],
    ['where there were none, a few are enough', { node: only('n1', { errors: 1 }) }, 'fail', ['against 0 in']],
    [
      'one burst alone is one event',
      { node: (name, second) => (name === 'n1' && second === 300 ? { errors: 80 } : {}) },
      'pass',
      [],
    ],
    [
      'a burst of the restart belongs to warm-up',
      { node: (name, second) => (name === 'n1' && second <= 0 && second > -60 ? { errors: 50 } : {}) },
      'pass',
      [],
    ],
    [
      'an error counter that is missing is zero beside its work',
      { look: (sample) => hide(sample, 'n1', 'errors') },
      'pass',
      [],
    ],
    [
      'but no work counter is no data',
      { look: (sample, second) => (second > 0 ? hide(sample, 'n1', 'requests') : sample) },
      'watching',
      ['errors: too little was done to judge it'],
    ],
    [
      'too little work is no data, whatever did not go wrong in it',
      { node: (name) => (name === 'n1' ? { requests: 5 } : {}) },
      'watching',
      ['errors: too little was done to judge it'],
    ],
    [
      'clients against the window before',
      { clients: (second) => (second > 0 ? { failed: 1 } : {}) },
      'fail',
      ['client errors: ', 'in the window before'],
    ],
  ])('%s', (_name, story, kind, words) => {
    expectGate(story, kind, words);
  });

  test('a node that was waived as dead costs no bake, and the verdict says that it was left out', () => {
    const leftOut = (sample: GateSample) => ({ ...sample, leftOut: ['n4'] });
    const verdict = expectGate({ look: leftOut }, 'pass', []);
    expect(verdict.figures).toMatchObject({ leftOut: ['n4'], unreadLooks: 0, controls: ['n2', 'n3'] });
    expect(gateWords('staging', verdict)).toContain('n4 left out: waived as dead');
    const { figures } = expectGate({}, 'pass', []);
    expect(figures).not.toHaveProperty('leftOut');
  });

  test('says how many events it took, and of how much evidence', () => {
    const { errors } = expectGate({ node: only('n1', { errors: 1 }) }, 'fail', []).figures.counts;
    expect(errors).toMatchObject({ against: 'peers', controlErrors: 0, nullRatio: 1, dispersion: 1 });
    expect(errors!.eventsToFail).toBeLessThanOrEqual(12);
    expect(errors!.evidence).toBeGreaterThanOrEqual(errors!.threshold);
  });

  test('a carrier of an earlier wave and a restarted peer are no controls', () => {
    const story: Story = {
      nodes: ['n1', 'n2', 'n3', 'n4', 'n5'],
      touched: ['n2'],
      look: (sample, second) => {
        if (second < 300) return sample;
        const nodes = { ...sample.nodes, n3: { ...sample.nodes.n3, requests: second } };
        return { ...sample, nodes };
      },
    };
    const { figures } = expectGate(story, 'pass', []);
    expect(figures.controls).toEqual(['n4', 'n5']);
    expect(Object.keys(figures.notControls)).toEqual(['n2', 'n3']);
  });
});

describe('tier 2 levels', () => {
  const slower = (factor: number, who = ['n1']) => ({
    node: (name: string, second: number) => {
      const wobble = 1 + 0.02 * Math.sin(second + name.charCodeAt(1));
      return { localMs: 4 * wobble * (who.includes(name) && second >= 0 ? factor : 1) };
    },
  });
  test.each<[string, Story, string, string[]]>([
    ['a little slower passes', slower(1.05), 'pass', []],
    ['1.3 times as slow fails', slower(1.3), 'fail', ['local time: 1.3', 'clean peers']],
    ['slower together with its peers is the hour of the day', slower(1.3, ['n1', 'n2', 'n3']), 'pass', []],
    ['faster passes', slower(0.5), 'pass', []],
    ['less is worse where less is worse', { node: only('n1', { idle: 0.3 }) }, 'fail', ['idle: 2.0']],
    [
      'what all nodes feel is compared with the window before',
      { node: (_, second) => (second > 0 ? { produceMs: 20 + (second % 3) } : {}) },
      'fail',
      ['produce time: 2.', 'the window before'],
    ],
    [
      'and time itself is allowed more than a peer',
      { node: (_, second) => (second > 0 ? { produceMs: 13 + (second % 3) / 10 } : {}) },
      'pass',
      [],
    ],
    [
      'what nobody read is no data',
      { look: (sample, second) => (second > 0 ? hide(sample, 'n1', 'localMs') : sample) },
      'watching',
      ['local time: not read'],
    ],
  ])('%s', (_name, story, kind, words) => {
    expectGate(story, kind, words);
  });

  test('critical does not wait for the end of the bake', () => {
    const early = { looks: 36 };
    expectGate({ ...slower(1.3), ...early }, 'watching', []);
    const verdict = expectGate({ ...slower(3), ...early }, 'fail', ['local time: 3.0']);
    expect(verdict).toMatchObject({ severity: 'critical', figures: { levels: { 'local time': { blocks: 4 } } } });
  });
});

describe('client probes', () => {
  const from = (start: number, change: object, to = Number.POSITIVE_INFINITY) => ({
    metrics: METRICS.filter(({ name }) => name !== 'client errors'),
    clients: (second: number) => (second >= start && second < to ? change : {}),
  });
  test.each<[string, Story, string, string[]]>([
    ['slow for a moment passes', from(100, { p50Ms: 900 }, 120), 'pass', []],
    ['slow without a pause fails', from(100, { p50Ms: 900 }), 'fail', ['client p50 is 900 ms', '3 ms before']],
    ['slow at the last look alone is no moment to pass', from(595, { p50Ms: 900 }), 'watching', ['slow for']],
    ['below the floor is never slow', from(100, { p50Ms: 90 }), 'pass', []],
    ['failing once passes', from(100, { failed: 30 }, 110), 'pass', []],
    ['failing in a row fails', from(100, { failed: 30 }), 'fail', ['of client requests failed']],
    ['nothing acknowledged fails', from(100, { acknowledged: 0 }), 'fail', ['no client request was acknowledged']],
    ['a partition that hangs fails', from(100, { unwritableMs: 60_000 }), 'fail', ['took no record for 60000 ms']],
    ['a group that is stuck for a moment passes', from(100, { stuckPartitions: 2 }, 120), 'pass', []],
    ['a group that stays stuck fails', from(100, { stuckPartitions: 2 }), 'fail', ['stuck on 2 partitions']],
    ['stuck at the last look is no moment to pass', from(595, { stuckPartitions: 2 }), 'watching', ['stuck on 2']],
    ['as stuck as before the roll passes', from(-1e9, { stuckPartitions: 2 }), 'pass', []],
    ['offsets that move back fail at once', from(-20, { offsetsMovedBack: 1 }, -10), 'fail', ['moved back 1 times']],
  ])('%s', (_name, story, kind, words) => {
    expectGate(story, kind, words);
  });
});

describe('time in which nobody looked is no verdict', () => {
  const metrics = METRICS.filter(({ kind }) => kind !== 'level');
  /** The worker is away from the tenth to the hundredth look. */
  const away = (looks: number) => {
    const input = inputOf({ looks, metrics });
    return judgeGate({ ...input, after: input.after.filter((_, index) => index < 10 || index >= 100) });
  };

  test('a worker that was away for fifteen minutes goes on watching, and then it passes', () => {
    expect(away(140)).toMatchObject({ kind: 'watching', figures: { extended: false } });
    expect(away(180).kind).toBe('pass');
  });

  test('a bake of seconds has a minute in which enough can be done', () => {
    const metrics = METRICS.filter(({ name }) => name === 'errors');
    const short = (looks: number, requests: number) =>
      judgeGate(inputOf({ looks, metrics, profile: { bakeSeconds: 10, minimumBlocks: 0 }, node: () => ({ requests }) }))
        .kind;
    expect(short(8, 1000)).toBe('pass');
    // Little is done: twice the bake is over after 130 s, and the minute after 180.
    expect([short(17, 60), short(22, 100), short(22, 1)]).toEqual(['watching', 'pass', 'inconclusive']);
  });
});

describe('no data never passes', () => {
  const unread = (from: number, to = Number.POSITIVE_INFINITY): Story => ({
    look: (sample, second) => (second >= from && second < to ? { ...sample, unread: ['n2'] } : sample),
  });
  test.each<[string, Story, string, string[]]>([
    ['before the bake is over it goes on watching', { looks: 40 }, 'watching', ['340 s of 600 s']],
    ['time that was not observed is not bake', unread(100, 200), 'watching', ['s of 600 s could be observed', 'n2']],
    ['but it may be made up for', { ...unread(100, 200), looks: 80 }, 'pass', []],
    ['it is extended once', { ...unread(0), looks: 100 }, 'watching', []],
    ['and then it is final', { ...unread(0), looks: 140 }, 'inconclusive', ['0 s of 600 s']],
    [
      'no word of the clients is not bake',
      {
        looks: 140,
        look: ({ clients, ...sample }, second) => (second > 0 ? sample : { ...sample, clients: clients! }),
      },
      'inconclusive',
      ['nothing was acknowledged since'],
    ],
    [
      'nothing at all',
      { looks: 140, look: (s, second) => ({ ...s, ...(second > 0 && { nodes: {} }) }) },
      'inconclusive',
      [],
    ],
  ])('%s', (_name, story, kind, words) => {
    expectGate(story, kind, words);
  });

  test('looks with a hole between them did not see what was in it', () => {
    const input = inputOf();
    const hole = (atMs: number) => atMs > 900_000 && atMs < 1_000_000;
    const { figures, kind } = judgeGate({ ...input, after: input.after.filter(({ atMs }) => !hole(atMs)) });
    expect(kind).toBe('watching');
    expect(figures.observedSeconds).toBeLessThan(600);
  });
});

test('a level that is too noisy to say that it is not critical is no data, not a pass', () => {
  let wild = 1;
  const noisy = (_: string, second: number) => {
    // Chaotic, and the same in every run.
    wild = (wild * 16_807) % 2_147_483_647;
    return second > 0 ? { localMs: 4 * Math.exp(6 * (wild / 2_147_483_647 - 0.5)) } : {};
  };
  const verdict = judgeGate(inputOf({ node: noisy, looks: 140 }));
  expect(verdict.kind).not.toBe('pass');
});

test('with no peers left invariants and probes decide, and it says so', () => {
  const story = { targets: ['n1', 'n2', 'n3'], node: only('n1', { localMs: 9 }) };
  const { figures } = expectGate(story, 'pass', ['reduced evidence', 'errors', 'local time', 'idle']);
  expect(figures).toMatchObject({ reducedEvidence: true, controls: [] });
  const hurt = { ...story, clients: (second: number) => (second > 100 ? { p50Ms: 900 } : {}) };
  expectGate(hurt, 'fail', ['client p50']);
});

test('a controller serves no requests, and is not frozen for want of them', () => {
  const { figures } = expectGate(
    {
      nodes: ['c1', 'n2', 'n3'],
      targets: ['c1'],
      look: (sample) => ({ ...sample, nodes: { ...sample.nodes, c1: { produceMs: 10 } } }),
    },
    'pass',
    [],
  );
  expect(figures.notOfTheWave).toEqual(['errors', 'local time', 'idle']);
  expect(figures.reducedEvidence).toBe(false);
});

test('asked again from what was stored it says the same, figure for figure', () => {
  const input = inputOf({ node: only('n1', { errors: 1, localMs: 7 }) });
  expect(judgeGate(JSON.parse(JSON.stringify(input)))).toEqual(judgeGate(input));
});

test('what failed at some look fails at every later one', () => {
  const input = inputOf({ node: (name, second) => (name === 'n1' && second > 0 && second < 120 ? { errors: 2 } : {}) });
  const kinds = input.after.map((_, index) => {
    const after = input.after.slice(0, index + 1);
    return judgeGate({ ...input, after, nowMs: after.at(-1)!.atMs }).kind;
  });
  const first = kinds.indexOf('fail');
  expect(first).toBeGreaterThan(0);
  expect(new Set(kinds.slice(first))).toEqual(new Set(['fail']));
  // So that the last answer alone tells when it failed: simulations ask once.
  expect(judgeGate(input).figures.counts.errors?.failedAtMs).toBe(input.after[first]!.atMs);
});

describe('what follows from a gate', () => {
  const oneWay = {
    kind: 'one-way' as const,
    rule: 'K18' as const,
    reasons: ['touches record schemas'],
    rehearsal: 'passed' as const,
  };
  const back = { kind: 'reversible' as const };
  test.each([
    ['undecided', 'watching', 'forward', back, 'watch'],
    ['passed', 'pass', 'forward', back, 'promote'],
    ['failed', 'fail', 'forward', back, 'roll-back'],
    ['failed, and the old artifact may not read what was written', 'fail', 'forward', oneWay, 'freeze'],
    ['failed after a roll-back', 'fail', 'back', back, 'freeze'],
    ['never seen', 'inconclusive', 'forward', back, 'freeze'],
  ] as const)('%s', (_name, kind, direction, reversibility, means) => {
    const outcome = gateMeans({ kind, reasons: ['errors: 9 in 100'] }, { direction, reversibility });
    expect(outcome.kind).toBe(means);
    if ('reasons' in outcome) expect(outcome.reasons).toContain('errors: 9 in 100');
  });
});

describe('what keeps nodes from being put back by something else than a gate', () => {
  const oneWay = {
    kind: 'one-way' as const,
    rule: 'K18' as const,
    reasons: ['record schemas'],
    rehearsal: 'passed' as const,
  };
  const back = { kind: 'reversible' as const };
  test.each([
    ['a one-way candidate that lost a node stays', oneWay, true, 'product', ['n1: gone', 'one-way: record schemas']],
    ['a reversible one is put back', back, true, 'product', undefined],
    ['where nothing was touched there is nothing to keep', oneWay, false, 'product', undefined],
    ['a person may ask for it all the same', oneWay, true, 'person', undefined],
  ] as const)('%s', (_name, reversibility, touched, askedBy, reasons) => {
    expect(keepsFromGoingBack(['n1: gone'], { reversibility, touched, askedBy })).toEqual(reasons);
  });
});

test('the first rack bakes across a daily peak, and a compressed profile stays short', () => {
  const hours = (kind: WaveKind) => profileOfWave(FULL_PROFILE, kind).bakeSeconds / 3600;
  expect([hours('one node'), hours('first rack'), hours('later rack')]).toEqual([1, 12, 3]);
  expect(profileOfWave(COMPRESSED_PROFILE, 'first rack')).toEqual(COMPRESSED_PROFILE);
});
