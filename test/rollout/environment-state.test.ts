import { describe, expect, test } from 'vitest';
import { startPolicy } from '../../activities/start-policy.ts';
import { windowSchema } from '../../config/windows.ts';
import {
  admit,
  coolsDownUntil,
  msUntilStart,
  startNext,
  supersedeOlder,
  withdraw,
} from '../../decisions/environment-queue.ts';
import { applyBrake, brakeProblem, endRunning, overruleEnded } from '../../decisions/environment-state.ts';
import { inEffectLines } from '../../decisions/environment-words.ts';
import type { EnvironmentState, RolloutRequest, StartPolicy } from '../../workflows/environment-messages.ts';

const at = '2026-01-10T12:00:00.000Z';
const later = (seconds: number) => new Date(Date.parse(at) + seconds * 1000).toISOString();

/** Rolls `kafka-1/1/staging` out: of release kafka-1, its first candidate. */
function request(rollout: string, { run = 'run-1', start }: { run?: string; start?: Partial<StartPolicy> } = {}) {
  const [release = '', n = '1', environment = ''] = rollout.split('/');
  const fork = release.replace(/-\d+$/, '');
  const asked: RolloutRequest = {
    order: {
      ...{ rollout, release, candidateNumber: Number(n), environment, requestedBy: 'ada', settings: 's' },
      candidate: { fork, commit: 'c', version: '1', digest: 'd', artifacts: [], buildKey: 'b' },
    },
    requester: `release:${release}`,
    run,
    ...(start && { start: { expedite: false, coolDownSeconds: 0, closed: [], ...start } }),
  };
  return asked;
}
const fresh = (): EnvironmentState => ({ environment: 'staging', ended: [] });
const ask = (state: EnvironmentState, asked: RolloutRequest, when = at) => admit(state, asked, when).answer;
const runs = (state: EnvironmentState) => state.running?.request.order.rollout;
const waits = (state: EnvironmentState) => (state.queue ?? []).map(({ request: { order } }) => order.rollout);

describe('one at a time', () => {
  test('takes one roll-out, has a second wait, and answers the first again', () => {
    const state = fresh();
    expect(ask(state, request('kafka-1/1/staging'))).toEqual({ kind: 'accepted' });
    expect(ask(state, request('kafka-2/1/staging'))).toEqual({
      kind: 'accepted',
      waits: [expect.stringContaining('kafka-1/1/staging')],
    });
    expect(ask(state, request('kafka-1/1/staging'))).toEqual({ kind: 'accepted' });
    endRunning(state, { kind: 'held', reasons: ['x'] }, at);
    expect(ask(state, request('kafka-1/1/staging'))).toEqual({
      kind: 'ended',
      outcome: { kind: 'held', reasons: ['x'] },
    });
    startNext(state, at);
    expect([runs(state), waits(state)]).toEqual(['kafka-2/1/staging', []]);
  });

  test('a human’s new try is another run of the release', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    endRunning(state, { kind: 'held', reasons: ['x'] }, at);
    expect(ask(state, request('kafka-1/1/staging', { run: 'run-2' }))).toEqual({ kind: 'accepted' });
    expect(runs(state)).toBe('kafka-1/1/staging');
  });

  test('a promoted roll-out stays promoted, whoever asks', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    endRunning(state, { kind: 'promoted' }, at);
    expect(ask(state, request('kafka-1/1/staging', { run: 'run-2' }))).toEqual({
      kind: 'ended',
      outcome: { kind: 'promoted' },
    });
    expect(state.promoted).toMatchObject({ rollout: 'kafka-1/1/staging', version: '1' });
  });
});

describe('what a watch took back', () => {
  function promotedTwice() {
    const state = fresh();
    for (const rollout of ['kafka-1/1/staging', 'kafka-2/1/staging']) {
      ask(state, request(rollout));
      endRunning(state, { kind: 'promoted' }, at);
    }
    return state;
  }

  test('runs here no more: the one before does', () => {
    const state = promotedTwice();
    overruleEnded(state, 'kafka-2/1/staging', { kind: 'rolled-back', reasons: ['slow'] }, later(60));
    expect(state.promoted?.rollout).toBe('kafka-1/1/staging');
    expect(state.ended[0]).toMatchObject({ rollout: 'kafka-2/1/staging', outcome: { kind: 'rolled-back' } });
  });

  test('the usual word of an end, and of an older one, changes nothing that runs', () => {
    const state = promotedTwice();
    ask(state, request('kafka-3/1/staging'));
    overruleEnded(state, 'kafka-3/1/staging', { kind: 'frozen', reasons: ['x'] }, at);
    overruleEnded(state, 'kafka-1/1/staging', { kind: 'rolled-back', reasons: ['x'] }, at);
    expect([runs(state), state.promoted?.rollout]).toEqual(['kafka-3/1/staging', 'kafka-2/1/staging']);
  });
});

describe('a newer candidate', () => {
  function withOneWaiting() {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    ask(state, request('kafka-2/1/staging'));
    return state;
  }

  test('takes the place of one that has not started, whose release hears of it', () => {
    const state = withOneWaiting();
    const { answer, superseded } = admit(state, request('kafka-3/1/staging'), at);
    expect(answer.kind).toBe('accepted');
    expect(superseded).toMatchObject([
      {
        request: { requester: 'release:kafka-2' },
        outcome: { kind: 'superseded', reasons: [expect.stringContaining('kafka-3/1/staging')] },
      },
    ]);
    expect([runs(state), waits(state)]).toEqual(['kafka-1/1/staging', ['kafka-3/1/staging']]);
    // A request whose first answer was lost must not take the place back.
    expect(ask(state, request('kafka-2/1/staging'))).toMatchObject({ kind: 'ended', outcome: { kind: 'superseded' } });
  });

  test.each([
    ['an older release', 'kafka-1/2/staging'],
    ['an older candidate of the same release', 'kafka-2/0/staging'],
  ])('%s does not take the place of a newer one', (_what, rollout) => {
    const state = withOneWaiting();
    expect(ask(state, request(rollout))).toMatchObject({ kind: 'ended', outcome: { kind: 'superseded' } });
    expect(waits(state)).toEqual(['kafka-2/1/staging']);
  });

  test('of another fork waits beside it, and the one that came first goes first', () => {
    const state = withOneWaiting();
    expect(admit(state, request('spark-9/1/staging'), at).superseded).toEqual([]);
    expect(waits(state)).toEqual(['kafka-2/1/staging', 'spark-9/1/staging']);
  });

  test.each([
    ['an older release', 'kafka-2/1/staging', true],
    ['an older candidate of it', 'kafka-3/1/staging', true],
    ['a newer release', 'kafka-4/1/staging', false],
    ['an older release of another fork', 'spark-1/1/staging', false],
  ])('that was promoted is not taken away again by %s', (_what, rollout, isOld) => {
    const early = fresh();
    ask(early, request('kafka-3/2/staging'));
    ask(early, request(rollout));
    endRunning(early, { kind: 'promoted' }, at);
    expect(supersedeOlder(early, at)).toMatchObject(isOld ? [{ request: { order: { rollout } } }] : []);
    expect(waits(early)).toEqual(isOld ? [] : [rollout]);
    const late = fresh();
    ask(late, request('kafka-3/2/staging'));
    endRunning(late, { kind: 'promoted' }, at);
    expect(ask(late, request(rollout)).kind).toBe(isOld ? 'ended' : 'accepted');
    // What a watch took back, or what never was promoted, keeps nobody out.
    const back = fresh();
    ask(back, request('kafka-3/2/staging'));
    endRunning(back, { kind: 'rolled-back', reasons: ['x'] }, at);
    expect(ask(back, request(rollout)).kind).toBe('accepted');
  });

  describe('that was promoted longer ago than endings are kept', () => {
    function afterMany() {
      const state = fresh();
      for (const rollout of [
        'kafka-3/1/staging',
        ...Array.from({ length: 12 }, (_, n) => `kafka-${n + 4}/1/staging`),
      ]) {
        ask(state, request(rollout));
        endRunning(
          state,
          rollout === 'kafka-3/1/staging' ? { kind: 'promoted' } : { kind: 'held', reasons: ['x'] },
          at,
        );
      }
      return state;
    }

    test('is not taken away either, but in a history from before', () => {
      expect(ask(afterMany(), request('kafka-2/1/staging'))).toMatchObject({
        kind: 'ended',
        outcome: { kind: 'superseded', reasons: [expect.stringContaining('kafka-3/1/staging is newer')] },
      });
      const before = (change: string) => change !== 'promoted-kept';
      expect(admit(afterMany(), request('kafka-2/1/staging'), at, before).answer.kind).toBe('accepted');
    });

    test('keeps nobody out once its watch took it back', () => {
      const state = afterMany();
      overruleEnded(state, 'kafka-3/1/staging', { kind: 'rolled-back', reasons: ['slow'] }, at);
      expect(state.promoted).toBeUndefined();
      expect(ask(state, request('kafka-2/1/staging')).kind).toBe('accepted');
    });
  });

  test('never takes away what runs or was promoted', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    ask(state, request('kafka-2/1/staging'));
    expect(runs(state)).toBe('kafka-1/1/staging');
    endRunning(state, { kind: 'promoted' }, at);
    expect(state.promoted?.rollout).toBe('kafka-1/1/staging');
  });

  test('a cancelled release takes back what waits, and hears so when it asks again', () => {
    const state = withOneWaiting();
    expect(withdraw(state, { rollout: 'kafka-2/1/staging', by: 'ada' }, at)).toMatchObject({
      request: { requester: 'release:kafka-2' },
      outcome: { kind: 'aborted', reasons: ['ada cancelled it before it started'] },
    });
    expect(withdraw(state, { rollout: 'kafka-2/1/staging', by: 'ada' }, at)).toBeUndefined();
    expect(withdraw(state, { rollout: 'kafka-1/1/staging', by: 'ada' }, at)).toBeUndefined();
    expect(waits(state)).toEqual([]);
    expect(ask(state, request('kafka-2/1/staging'))).toMatchObject({ kind: 'ended', outcome: { kind: 'aborted' } });
  });
});

test('what is taken out of the queue for another reason says so', () => {
  const state = fresh();
  ask(state, request('kafka-1/1/staging'));
  ask(state, request('kafka-2/1/staging'));
  const reason = 'the same artifact was rolled back by kafka-2/1/asia';
  withdraw(state, { rollout: 'kafka-2/1/staging', by: 'patchwright', reason }, at);
  expect(ask(state, request('kafka-2/1/staging'))).toEqual({
    kind: 'ended',
    outcome: { kind: 'aborted', reasons: [reason] },
  });
});

describe('when it may start', () => {
  test('not before it has cooled down after the one before; an expedited one does not wait for that', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    endRunning(state, { kind: 'promoted' }, at);
    const start = { coolDownSeconds: 600 };
    expect(ask(state, request('kafka-2/1/staging', { start }), later(60))).toMatchObject({
      waits: [expect.stringContaining(later(600))],
    });
    expect(msUntilStart(state, later(60))).toBe(540_000);
    expect(ask(state, request('spark-1/1/staging', { start: { ...start, expedite: true } }), later(61))).toEqual({
      kind: 'accepted',
    });
    expect(runs(state)).toBe('spark-1/1/staging');
  });

  test('what never started is nothing to cool down after', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    ask(state, request('kafka-2/1/staging'));
    withdraw(state, { rollout: 'kafka-2/1/staging', by: 'ada' }, at);
    delete state.running;
    expect(ask(state, request('kafka-3/1/staging', { start: { coolDownSeconds: 600 } }))).toEqual({ kind: 'accepted' });
  });

  test('not in a freeze window, nor in the one that follows at once', () => {
    const state = fresh();
    const closed = [
      { name: 'night', from: later(3600), to: later(7200), expedited: true },
      { name: 'weekend', from: later(-60), to: later(3600), expedited: false },
      { name: 'next week', from: later(90_000), to: later(95_000), expedited: false },
    ];
    const answer = ask(state, request('kafka-1/1/staging', { start: { closed } }));
    expect(answer).toMatchObject({ waits: [expect.stringMatching(/"weekend", then "night"/)] });
    expect(msUntilStart(state, at)).toBe(7_200_000);
    startNext(state, later(7199));
    expect(runs(state)).toBeUndefined();
    startNext(state, later(7200));
    expect(runs(state)).toBe('kafka-1/1/staging');
  });

  test('an expedited one passes a window that lets it, and no other', () => {
    const closed = [{ name: 'night', from: later(-60), to: later(3600), expedited: true }];
    const start = { closed, expedite: true };
    const state = fresh();
    expect(ask(state, request('kafka-1/1/staging', { start }))).toEqual({ kind: 'accepted' });
    const strict = fresh();
    const shut = { ...start, closed: closed.map((one) => ({ ...one, expedited: false })) };
    expect(ask(strict, request('kafka-1/1/staging', { start: shut }))).toMatchObject({ waits: [expect.any(String)] });
  });

  describe('where an expedited one waits', () => {
    function withOneExpedited() {
      const state = fresh();
      ask(state, request('spark-1/1/staging'));
      ask(state, request('flink-1/1/staging', { start: {} }));
      ask(state, request('kafka-1/1/staging', { start: { expedite: true } }));
      return state;
    }

    test('a newer ordinary one waits behind it, in its own lane', () => {
      const state = withOneExpedited();
      expect(admit(state, request('kafka-2/1/staging', { start: {} }), at).superseded).toEqual([]);
      expect(waits(state)).toEqual(['kafka-1/1/staging', 'flink-1/1/staging', 'kafka-2/1/staging']);
      expect(state.queue?.map(({ request: { start } }) => start?.expedite)).toEqual([true, false, false]);
      // One of a lane: the next ordinary one takes its fellow's place.
      const { superseded } = admit(state, request('kafka-3/1/staging', { start: {} }), at);
      expect(superseded.map(({ request: { order } }) => order.rollout)).toEqual(['kafka-2/1/staging']);
    });

    test('a newer expedited one takes the place of all of its fork', () => {
      const state = withOneExpedited();
      ask(state, request('kafka-2/1/staging', { start: {} }));
      const { superseded } = admit(state, request('kafka-3/1/staging', { start: { expedite: true } }), at);
      expect(superseded.map(({ request: { order } }) => order.rollout)).toEqual([
        'kafka-1/1/staging',
        'kafka-2/1/staging',
      ]);
      expect(waits(state)).toEqual(['kafka-3/1/staging', 'flink-1/1/staging']);
    });

    describe('it came after a newer ordinary one of its fork', () => {
      const expedite = { start: { expedite: true } };
      function withOneOrdinary() {
        const state = fresh();
        ask(state, request('spark-1/1/staging'));
        ask(state, request('flink-1/1/staging', { start: {} }));
        ask(state, request('kafka-2/1/staging', { start: {} }));
        return state;
      }

      test('it goes first, and the newer one after it', () => {
        const state = withOneOrdinary();
        const { answer, superseded } = admit(state, request('kafka-1/1/staging', expedite), at);
        expect([answer.kind, superseded]).toEqual(['accepted', []]);
        expect(waits(state)).toEqual(['kafka-1/1/staging', 'flink-1/1/staging', 'kafka-2/1/staging']);
        for (const next of ['kafka-1/1/staging', 'flink-1/1/staging', 'kafka-2/1/staging']) {
          endRunning(state, { kind: 'promoted' }, at);
          expect(supersedeOlder(state, at)).toEqual([]);
          startNext(state, at);
          expect(runs(state)).toBe(next);
        }
      });

      test.each([
        ['an ordinary one is newer all the same', 'kafka-1/1/staging', {}, ['flink-1/1/staging', 'kafka-2/1/staging']],
        [
          'an expedited one takes the place of what is older',
          'kafka-3/1/staging',
          expedite,
          ['kafka-3/1/staging', 'flink-1/1/staging'],
        ],
      ])('%s', (_what, rollout, start, left) => {
        const state = withOneOrdinary();
        ask(state, request(rollout, start));
        expect(waits(state)).toEqual(left);
      });

      test('a newer one that is expedited too lets nobody pass', () => {
        const state = withOneOrdinary();
        ask(state, request('kafka-3/1/staging', expedite));
        expect(ask(state, request('kafka-2/2/staging', expedite))).toMatchObject({
          kind: 'ended',
          outcome: { kind: 'superseded', reasons: [expect.stringContaining('kafka-3/1/staging waits')] },
        });
      });

      test('nor is what was promoted here taken away', () => {
        const state = withOneOrdinary();
        endRunning(state, { kind: 'promoted' }, at);
        delete state.queue;
        ask(state, request('kafka-2/1/staging'));
        endRunning(state, { kind: 'promoted' }, at);
        expect(ask(state, request('kafka-1/1/staging', expedite))).toMatchObject({ kind: 'ended' });
      });

      test('a history from before goes on as it was', () => {
        const before = (change: string) => change !== 'expedited-goes-first';
        const { answer } = admit(withOneOrdinary(), request('kafka-1/1/staging', expedite), at, before);
        expect(answer).toMatchObject({ kind: 'ended', outcome: { kind: 'superseded' } });
      });
    });

    test('a history from before goes on as it was', () => {
      const state = withOneExpedited();
      admit(state, request('kafka-2/1/staging', { start: {} }), at, (change) => change !== 'own-lane');
      expect(waits(state)).toEqual(['kafka-2/1/staging', 'flink-1/1/staging']);
    });
  });

  test('a history from before there was a queue goes on refusing', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    const { answer } = admit(state, request('kafka-2/1/staging'), at, () => false);
    expect(answer).toMatchObject({ kind: 'refused', reasons: [expect.stringContaining('one at a time')] });
    expect(waits(state)).toEqual([]);
  });

  test('an expedited one goes before those that wait', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    ask(state, request('kafka-2/1/staging', { start: {} }));
    ask(state, request('spark-1/1/staging', { start: { expedite: true } }));
    expect(waits(state)).toEqual(['spark-1/1/staging', 'kafka-2/1/staging']);
  });

  test('a freeze by somebody keeps what waits waiting, without a clock', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    ask(state, request('kafka-2/1/staging'));
    applyBrake(state, { kind: 'freeze', by: 'ada', reason: 'audit' }, at);
    endRunning(state, { kind: 'promoted' }, at);
    startNext(state, at);
    expect([runs(state), state.queue?.[0]?.why]).toEqual([
      undefined,
      [expect.stringContaining('frozen by ada: audit')],
    ]);
    expect(msUntilStart(state, at)).toBeUndefined();
    applyBrake(state, { kind: 'unfreeze', by: 'ada', reason: '' }, at);
    startNext(state, at);
    expect(runs(state)).toBe('kafka-2/1/staging');
  });
});

describe('freeze windows in their own time', () => {
  const policy = (window: object, now: string) =>
    startPolicy({ freezeWindows: [windowSchema.parse(window)], coolDownSeconds: 0 }, false, new Date(now)).closed;
  const weekend = { name: 'weekend', zone: 'Europe/Berlin', weekly: { from: 'fri 16:00', to: 'mon 08:00' } };

  test.each([
    ['before it', '2026-01-07T12:00:00Z', '2026-01-09T15:00:00.000Z', '2026-01-12T07:00:00.000Z'],
    ['in it, since last week', '2026-01-12T06:59:00Z', '2026-01-09T15:00:00.000Z', '2026-01-12T07:00:00.000Z'],
    // Clocks go forward on 29 March, between its begin and its end.
    ['over the begin of summer time', '2026-03-27T12:00:00Z', '2026-03-27T15:00:00.000Z', '2026-03-30T06:00:00.000Z'],
    ['over the end of summer time', '2026-10-24T12:00:00Z', '2026-10-23T14:00:00.000Z', '2026-10-26T07:00:00.000Z'],
  ])('a weekend seen from %s', (_what, now, from, to) => {
    expect(policy(weekend, now)[0]).toEqual({ name: 'weekend', expedited: false, from, to });
  });

  test('every week of the coming month is told, and none that is over', () => {
    const weeks = policy(weekend, '2026-01-12T07:00:00Z');
    expect(weeks.map(({ from }) => from.slice(0, 10))).toEqual([
      '2026-01-16',
      '2026-01-23',
      '2026-01-30',
      '2026-02-06',
      '2026-02-13',
    ]);
  });

  test('one that is dated holds once', () => {
    const window = { name: 'year end', zone: 'America/New_York', from: '2026-12-18T12:00', to: '2027-01-04T08:00' };
    expect(policy(window, '2026-12-20T00:00:00Z')).toEqual([
      { name: 'year end', expedited: false, from: '2026-12-18T17:00:00.000Z', to: '2027-01-04T13:00:00.000Z' },
    ]);
    expect(policy(window, '2026-07-01T00:00:00Z')).toEqual([]);
  });

  test.each([
    [{ name: 'x', zone: 'Mars/Olympus', weekly: { from: 'fri 16:00', to: 'mon 08:00' } }],
    [{ name: 'x', weekly: { from: 'friday', to: 'mon 08:00' } }],
    [{ name: 'x', weekly: { from: 'fri 16:00', to: 'fri 16:00' } }],
    [{ name: 'x', from: '2026-12-18T12:00', to: '2026-12-18T11:00' }],
    [{ name: 'x', from: '2026-13-18T12:00', to: '2027-01-18T11:00' }],
  ])('%j is refused', (window) => {
    expect(windowSchema.safeParse(window).success).toBe(false);
  });
});

describe('brakes', () => {
  test('a roll-out that froze keeps others out until a person unfreezes', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'), at);
    endRunning(state, { kind: 'frozen', reasons: ['n1 did not return'] }, at);
    expect(ask(state, request('kafka-2/1/staging'), at)).toMatchObject({
      kind: 'refused',
      reasons: [expect.stringContaining('n1 did not return')],
    });
    applyBrake(state, { kind: 'unfreeze', by: 'ada', reason: '' }, at);
    expect(ask(state, request('kafka-2/1/staging'), at)).toEqual({ kind: 'accepted' });
  });

  test.each([
    ['abort with nothing running', {}, 'abort', 'nothing rolls out'],
    ['resume of what is not paused', {}, 'resume', 'not paused'],
    ['unfreeze of what is not frozen', {}, 'unfreeze', 'not frozen'],
    ['pause at any time', {}, 'pause', undefined],
    ['freeze at any time', {}, 'freeze', undefined],
  ] as const)('%s', (_name, change, kind, problem) => {
    const why = brakeProblem({ ...fresh(), ...change }, { kind, by: 'ada', reason: '' });
    if (problem === undefined) expect(why).toBeUndefined();
    else expect(why).toContain(problem);
  });

  test('who pauses first, and why, is kept; an abort does not wait for the pause', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'), at);
    applyBrake(state, { kind: 'pause', by: 'ada', reason: 'looks odd' }, at);
    applyBrake(state, { kind: 'pause', by: 'bob', reason: 'me too' }, at);
    expect(state.paused).toEqual({ by: 'ada', reason: 'looks odd', at });
    applyBrake(state, { kind: 'abort', by: 'bob', reason: 'enough' }, at);
    expect(state.paused).toBeUndefined();
    expect(state.running?.aborted).toEqual({ by: 'bob', reason: 'enough', at });
    expect(brakeProblem(state, { kind: 'abort', by: 'ada', reason: '' })).toContain('bob already aborted');
  });
});

describe('what env show says is in effect', () => {
  test('what is promoted, runs, waits, is braked, closed, cooling down and held, and how the last ended', () => {
    const state = fresh();
    ask(state, request('kafka-1/1/staging'));
    endRunning(state, { kind: 'promoted' }, at);
    ask(state, request('kafka-2/1/staging'));
    ask(state, request('kafka-3/1/staging'));
    ask(state, request('kafka-4/1/staging'));
    applyBrake(state, { kind: 'pause', by: 'ada', reason: 'lunch' }, at);
    const windows = [
      { name: 'weekend', from: later(-60), to: later(60), expedited: false },
      { name: 'year end', from: later(3600), to: later(7200), expedited: true },
    ];
    const effect = { state, windows, coolsDownUntil: later(5), held: ['abc was rolled back in production'] };
    expect(inEffectLines(effect, new Date(at))).toEqual([
      `promoted 1 (kafka-1/1/staging, d) at ${at}`,
      `rolls out 1 (kafka-2/1/staging) since ${at}`,
      `kafka-4/1/staging waits: kafka-2/1/staging rolls out since ${at}`,
      `paused by ada since ${at}: lunch`,
      `in the freeze window "weekend" until ${later(60)}: nothing starts`,
      `the next freeze window "year end" is from ${later(3600)} to ${later(7200)}: nothing starts but what is expedited`,
      `cools down until ${later(5)}`,
      'held: abc was rolled back in production',
      `before: 1 (kafka-3/1/staging) superseded at ${at}, never started: kafka-4/1/staging is newer, and takes its place in staging`,
    ]);
  });

  test('nothing yet, or that it cannot be told', () => {
    expect(inEffectLines({ state: fresh(), windows: [], held: [] }, new Date(at))).toEqual([
      'nothing was promoted here yet',
      'nothing rolls out, nothing is braked',
    ]);
    expect(inEffectLines({ unknown: 'nobody answers' }, new Date(at))).toEqual([
      'its own state is not known: nobody answers',
    ]);
  });

  test('it cools down after what ran, not after what never started', () => {
    const state = fresh();
    expect(coolsDownUntil(state, 60, at)).toBeUndefined();
    ask(state, request('kafka-1/1/staging'));
    endRunning(state, { kind: 'promoted' }, at);
    expect(coolsDownUntil(state, 60, later(30))).toBe(later(60));
    expect(coolsDownUntil(state, 60, later(61))).toBeUndefined();
  });
});
