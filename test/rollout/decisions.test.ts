import { describe, expect, test } from 'vitest';
import { judgeStanding, k13OthersInTheWay, nextStep, strangeProcesses } from '../../decisions/node-change.ts';
import { accountProblems, blockMeans, firstToPutBack } from '../../decisions/rollout-plan.ts';
import { beginSoak, type ClientFigures, type SoakSample, soakStep } from '../../decisions/soak.ts';

describe('K20 what to do next with a node is read from its disk and its process', () => {
  const old = [{ name: 'a.jar', sha256: 'old' }];
  const wanted = [{ name: 'a.jar', sha256: 'new' }];
  const before = { state: 'running', pid: 10, startedAt: 'monday' };
  const intent = { key: 'r/n1/change', before, to: wanted };
  const ours = { pid: 20, startedAt: 'tuesday', startedFor: 'r/n1/change' };
  test.each([
    ['nothing was done yet', { ...before, artifacts: old }, 'stop'],
    ['the old process on new files is stopped all the same', { ...before, artifacts: wanted }, 'stop'],
    ['killed after the stop', { state: 'stopped', startedAt: 'monday', artifacts: old }, 'install'],
    ['killed in the middle of the installation', { state: 'stopped', startedAt: 'monday', artifacts: [] }, 'install'],
    ['killed after the installation', { state: 'stopped', startedAt: 'monday', artifacts: wanted }, 'start'],
    [
      'killed between permit and start: the process is still the one from before',
      { state: 'stopped', startedAt: 'monday', startedFor: 'r/n1/change', artifacts: wanted },
      'start',
    ],
    ['killed after the start', { ...ours, state: 'running', artifacts: wanted }, 'done'],
    ['killed while it starts', { ...ours, state: 'starting', artifacts: wanted }, 'done'],
    [
      'it ended after its start: it is not started twice for one intent',
      { state: 'stopped', startedAt: 'tuesday', startedFor: 'r/n1/change', artifacts: wanted },
      'give-up',
    ],
    [
      'a permit of another intent is not ours',
      { state: 'stopped', startedAt: 'monday', startedFor: 'r/n1/put-back', artifacts: wanted },
      'start',
    ],
    ['somebody else started it', { state: 'running', pid: 30, startedAt: 'tuesday', artifacts: old }, 'hold'],
    ['somebody changed a file under it', { ...ours, state: 'running', artifacts: old }, 'hold'],
    ['its process cannot be told (K19)', { state: 'unknown', artifacts: old }, 'look-again'],
  ])('%s', (_name, facts, next) => {
    expect(nextStep(facts, intent).do).toBe(next);
  });

  test('a node that was down before the intent is not stopped', () => {
    const down = { ...intent, before: { state: 'stopped', startedAt: 'monday' } };
    expect(nextStep({ state: 'stopped', startedAt: 'monday', artifacts: old }, down).do).toBe('install');
  });
});

describe('K13 a node that fails to return: no second node is touched', () => {
  const entry = (target: string, state: string, direction = 'forward') => ({ target, state, direction });
  test.each([
    ['nothing open', [entry('n1', 'done'), entry('n2', 'planned')], 'n2', []],
    ['one did not return', [entry('n1', 'failed'), entry('n2', 'planned')], 'n2', ['n1 did not return']],
    [
      'one in the middle of its change',
      [entry('n1', 'changed'), entry('n2', 'planned')],
      'n2',
      ['n1 is in the middle'],
    ],
    ['the node itself may go on', [entry('n1', 'intent')], 'n1', []],
    [
      'put back and returned: the others may follow',
      [entry('n1', 'done', 'back'), entry('n1', 'failed'), entry('n2', 'done'), entry('n2', 'planned', 'back')],
      'n2',
      [],
    ],
    [
      'put back and not returned',
      [entry('n1', 'failed', 'back'), entry('n1', 'failed'), entry('n2', 'done')],
      'n2',
      ['n1 did not return'],
    ],
  ])('%s', (_name, ledger, target, words) => {
    const why = k13OthersInTheWay(ledger, target);
    expect(why).toHaveLength(words.length);
    for (const [index, word] of words.entries()) expect(why[index]).toContain(word);
  });
});

describe('a process that the ledger does not know', () => {
  const seen = { target: 'n1', seen: { state: 'running', pid: 10, startedAt: 'monday' }, open: false };
  const is = (now: object) =>
    strangeProcesses([seen], new Map([['n1', { byEnvUp: false, state: 'running', ...now }]])).map(({ kind }) => kind);
  test.each([
    ['the same', { pid: 10, startedAt: 'monday' }, []],
    ['restarted by somebody else', { pid: 11, startedAt: 'tuesday' }, ['restarted']],
    ['the id was used again: another start', { pid: 10, startedAt: 'tuesday' }, ['restarted']],
    ['started again by env up after it died', { pid: 11, startedAt: 'tuesday', byEnvUp: true }, ['recovered']],
    ['died', { state: 'stopped', exitCode: 137 }, ['ended']],
    ['died, and its driver keeps the token of its last start', { state: 'stopped', startedAt: 'monday' }, ['ended']],
    ['cannot be told', { state: 'unknown' }, []],
  ])('%s', (_name, now, kinds) => {
    expect(is(now)).toEqual(kinds);
  });

  test.each([
    ['the same start', { startedAt: 'token-1' }, []],
    ['another start', { startedAt: 'token-2' }, ['restarted']],
    ['a start that nobody tells', {}, ['restarted']],
    ['the same, and it is not ready at this moment', { state: 'starting', startedAt: 'token-1' }, []],
    ['ended', { state: 'stopped', startedAt: 'token-1' }, ['ended']],
  ])('where there is no process id the token tells: %s', (_name, now, kinds) => {
    const known = { target: 'n1', seen: { state: 'running', startedAt: 'token-1' }, open: false };
    const facts = new Map([['n1', { byEnvUp: false, state: 'running', ...now }]]);
    expect(strangeProcesses([known], facts).map(({ kind }) => kind)).toEqual(kinds);
  });

  test('a node with an open intent is ours to restart', () => {
    const open = strangeProcesses([{ ...seen, open: true }], new Map([['n1', { state: 'stopped', byEnvUp: false }]]));
    expect(open).toEqual([]);
  });
});

test.each([
  ['nothing strange', [], 'whole'],
  ['a carrier of the candidate that ended by itself crashed', [['n1', 'ended', 1]], 'crashed'],
  ['a carrier that was killed is waited for', [['n1', 'ended', 137]], 'waiting'],
  ['another node that ended is waited for, however', [['n2', 'ended', 1]], 'waiting'],
  ['nobody was left to say how it ended', [['n1', 'ended', undefined]], 'waiting'],
  [
    'restarted by somebody else outranks all',
    [
      ['n1', 'ended', 1],
      ['n2', 'restarted', undefined],
    ],
    'foreign',
  ],
  ['recovered by env up is whole', [['n1', 'recovered', undefined]], 'whole'],
] as const)('standing: %s', (_name, rows, kind) => {
  const strange = rows.map(([target, kind, exitCode]) => ({ target, kind, why: target, exitCode }));
  const standing = judgeStanding(strange, ['n1']);
  expect(standing.kind).toBe(kind);
  // It was away for a while, which whoever watches has to know.
  expect('recovered' in standing).toBe(rows.some(([, kind]) => kind === 'recovered'));
});

test.each([
  ['thin partitions after a change: the candidate is the suspect', ['K7'], 1, 'roll-back'],
  ['nothing was changed yet', ['K7'], 0, 'hold'],
  ['a reassignment is somebody else’s', ['K1', 'K7'], 1, 'hold'],
  ['a topic that was changed in the middle', ['K8'], 2, 'hold'],
  ['settings that became others in the middle', ['G1'], 1, 'hold'],
  ['nothing answers', ['K19'], 1, 'hold'],
  ['harm, and figures missing beside it', ['K6', 'K19'], 1, 'roll-back'],
] as const)('a block that lasts: %s', (_name, rules, changed, means) => {
  expect(
    blockMeans(
      rules.map((rule) => ({ rule, reason: '' })),
      changed,
    ),
  ).toBe(means);
});

test.each([
  [
    'the open change first',
    [
      ['n1', 'forward', 'done'],
      ['n2', 'forward', 'intent'],
    ],
    'n2',
  ],
  [
    'then the node that did not return',
    [
      ['n1', 'forward', 'done'],
      ['n2', 'forward', 'failed'],
    ],
    'n2',
  ],
  [
    'a put-back that is open before all',
    [
      ['n1', 'back', 'changed'],
      ['n2', 'forward', 'failed'],
    ],
    'n1',
  ],
  [
    'else rule K3 orders',
    [
      ['n1', 'forward', 'done'],
      ['n2', 'forward', 'done'],
    ],
    undefined,
  ],
] as const)('a roll-back begins with %s', (_name, rows, first) => {
  const entries = rows.map(([target, direction, state]) => ({ target, direction, state }));
  expect(firstToPutBack(entries, ['n1', 'n2'])).toBe(first);
});

test.each([
  ['nothing lost', {}, 0],
  ['lost records', { lost: 2 }, 1],
  ['offsets moved back and a stuck consumer', { offsetsMovedBack: 1, stuckConsumers: 1 }, 2],
])('an account with %s', (_name, account, problems) => {
  const clean = { lost: 0, offsetsMovedBack: 0, stuckConsumers: 0, acknowledged: 100 };
  expect(accountProblems({ ...clean, ...account })).toHaveLength(problems);
});

describe('the soak', () => {
  const rules = {
    soakSeconds: 10,
    warmUpSeconds: 2,
    underReplicatedSeconds: 5,
    errorShare: 0.01,
    slowFactor: 5,
    slowFloorMs: 500,
    slowSeconds: 4,
  };
  const calm: ClientFigures = {
    seconds: 3,
    acknowledged: 700,
    errors: 0,
    timeouts: 0,
    p50Ms: 2,
    p99Ms: 20,
    longestUnwritableMs: 30,
  };
  const whole: Omit<SoakSample, 'atMs'> = {
    unread: [],
    down: [],
    offline: [],
    underMinIsr: [],
    underReplicated: [],
    clients: calm,
  };

  /** A sample every two seconds, from what each row changes of a whole one; the last one stays. */
  function soak(changes: Partial<SoakSample>[], baseline: ClientFigures | undefined = calm) {
    let state = beginSoak(0);
    for (let second = 2; second <= 300; second += 2) {
      const change = changes[Math.min(second / 2 - 1, changes.length - 1)] ?? {};
      const step = soakStep(state, { atMs: second * 1000, ...whole, ...change }, rules, baseline);
      state = step.state;
      if (step.verdict) return { ...step.verdict, second };
    }
    throw new Error('no verdict');
  }
  const slow = { clients: { ...calm, p50Ms: 900 } };
  const failing = { clients: { ...calm, errors: 30 } };
  const thin = { underReplicated: ['t-0'] };

  test.each([
    ['whole all the time: passes, warm-up not counted', [{}], 'pass', 12],
    ['an offline partition fails at once, in warm-up too', [{ offline: ['t-0'] }], 'fail', 2],
    ['a partition under min ISR fails at once', [{}, { underMinIsr: ['t-0'] }], 'fail', 4],
    ['a node that ended fails at once', [{}, { down: ['n1 ended'] }], 'fail', 4],
    ['under-replicated for a moment passes', [thin, thin, {}], 'pass', 12],
    ['under-replicated for long fails', [thin], 'fail', 8],
    ['one slow sample is no verdict', [{}, {}, slow, {}], 'pass', 12],
    ['slow for some seconds passes', [{}, {}, slow, slow, {}], 'pass', 12],
    ['slow for longer fails', [{}, {}, slow], 'fail', 10],
    ['a slow tail alone passes', [{ clients: { ...calm, p99Ms: 5000 } }], 'pass', 12],
    ['slow in warm-up does not count', [slow, {}], 'pass', 12],
    ['slow, but not in a row', [{}, slow, {}, slow, {}, slow, {}], 'pass', 12],
    ['failed requests in a row fail', [{}, failing, failing], 'fail', 6],
    [
      'nothing acknowledged in a row fails',
      [{}, { clients: { ...calm, acknowledged: 0, p99Ms: undefined } }],
      'fail',
      8,
    ],
    ['a partition that hangs fails', [{}, { clients: { ...calm, longestUnwritableMs: 5000 } }], 'fail', 8],
    ['time not observed is not soak', [{}, { unread: ['n2'] }, { unread: ['n2'] }, {}], 'pass', 16],
    ['never observed never passes', [{ unread: ['n2'] }], 'inconclusive', 56],
    ['no traffic seen never passes', [{ clients: { ...calm, seconds: 0 } }], 'inconclusive', 56],
  ] as const)('%s', (_name, changes, kind, second) => {
    expect(soak([...changes] as Partial<SoakSample>[])).toMatchObject({ kind, second });
  });

  test('an environment without canary traffic is judged by its invariants alone', () => {
    let state = beginSoak(0);
    const { clients: _, ...blind } = whole;
    for (const atMs of [2000, 7000]) state = soakStep(state, { atMs, ...blind }, rules, undefined).state;
    expect(soakStep(state, { atMs: 12_000, ...blind }, rules, undefined).verdict).toEqual({ kind: 'pass' });
  });

  test('what was observed before a worker died counts, what nobody saw does not', () => {
    const half = soakStep(
      soakStep(beginSoak(0), { atMs: 2000, ...whole }, rules, calm).state,
      { atMs: 6000, ...whole },
      rules,
      calm,
    );
    expect(half.state.observedMs).toBe(4000);
    const after = soakStep({ ...half.state, lastAtMs: 20_000 }, { atMs: 22_000, ...whole }, rules, calm);
    expect(after.state.observedMs).toBe(6000);
  });
});
