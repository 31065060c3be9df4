import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadSettings } from '../../../config/load.ts';
import { judgeFailure } from '../../../decisions/failure-verdict.ts';
import { isQuarantined, quarantineOf, rerunPolicyOf } from '../../../decisions/quarantine.ts';
import { NO_RUNS } from '../../../decisions/run-answers.ts';
import { methodOf, selectUnits, testPattern } from '../../../decisions/test-pattern.ts';
import { secondsLeft } from '../../../decisions/time-left.ts';

describe('patterns', () => {
  test.each([
    ['org.x.FooTest', 'org.x.FooTest#bar(int)[3]', true],
    ['org.x.Foo*', 'org.x.FooTest', true],
    ['org.x.Foo', 'org.x.FooTest#bar()', false],
    ['*Test', 'org.x.Outer$InnerTest#a()', true],
    ['org.x.FooTest#bar', 'org.x.FooTest#bar(int)[3]', true],
    ['org.x.FooTest#bar', 'org.x.FooTest#barely()', false],
    ['org.x.FooTest#bar*', 'org.x.FooTest#barely()', true],
    ['org.x.FooTest#bar(int)', 'org.x.FooTest#bar(int)[3]~2', true],
    ['org.x.FooTest#bar(int)', 'org.x.FooTest#bar(long)', false],
    ['org.x.FooTest#bar(byte[])', 'org.x.FooTest#bar(byte[])', true],
    ['org.x.FooTest#bar', 'org.x.FooTest', false],
    ['orgxxxFooTest', 'org.x.FooTest', false],
    [':core:test', ':core:test', true],
  ])('%s and %s: %s', (pattern, id, expected) => expect(testPattern(pattern)(id)).toBe(expected));

  test.each([
    ['a.B#c()', 'a.B#c()'],
    ['a.B#c(int[])', 'a.B#c(int[])'],
    ['a.B#c(int)[2][11]~3', 'a.B#c(int)'],
    ['a.B', 'a.B'],
  ])('%s belongs to %s', (id, method) => expect(methodOf(id)).toBe(method));
});

describe('selection', () => {
  const select = selectUnits({ include: ['a.*', 'b.B#x*'], exclude: ['a.Slow*', 'a.C#bad', 'a.C#worse(int)'] });

  test.each([
    ['a.Good', 'all'],
    ['a.SlowTest', 'none'],
    ['a.C', 'methods'],
    ['b.B', 'methods'],
    ['c.D', 'none'],
  ])('%s: %s', (unit, expected) => expect(select.unit(unit)).toBe(expected));

  test.each([
    ['a.C#good()', true],
    ['a.C#bad()', false],
    ['a.C#worse(int)', false],
    ['a.C#worse()', true],
    ['b.B#xylophone()', true],
    ['b.B#piano()', false],
  ])('%s: %s', (method, expected) => expect(select.method(method)).toBe(expected));
});

describe('quarantine', () => {
  const entries = [
    { test: 'a.B#flaps', ticket: 'T-1', until: '2026-03-01' },
    { test: 'a.C', ticket: 'T-2', until: '2026-03-01' },
    { test: 'a.B#flaps', ticket: 'T-3', until: '2026-05-01' },
  ];
  const on = (day: string, unit: string, id: string) => quarantineOf(entries, day)({ unit, test: id });

  test('holds through its last day and names its ticket', () => {
    const found = on('2026-03-01', 'a.C', 'a.C#any()[4]');
    expect(found).toEqual({ ticket: 'T-2', until: '2026-03-01' });
    expect(isQuarantined({ quarantine: found! })).toBe(true);
  });

  test('has ended the day after, and says so', () => {
    const found = on('2026-03-02', 'a.C', 'a.C#any()');
    expect(found).toEqual({ ticket: 'T-2', until: '2026-03-01', expired: true });
    expect(isQuarantined({ quarantine: found! })).toBe(false);
  });

  test('of several entries the one that holds longest counts', () =>
    expect(on('2026-04-01', 'a.B', 'a.B#flaps()')).toEqual({ ticket: 'T-3', until: '2026-05-01' }));

  test('a class that is divided is still found', () =>
    expect(on('2026-01-01', 'a.C#part-2', 'a.C')).toMatchObject({ ticket: 'T-2' }));

  test.each([
    ['clients.consumer.internals.EagerConsumerCoordinatorTest#testOutdatedCoordinatorAssignment()', 'KAFKA-15900'],
    ['clients.consumer.internals.AbstractCoordinatorTest#testWakeupAfterSyncGroupReceived()', 'KAFKA-18310'],
    [
      'common.security.oauthbearer.internals.secured.RefreshingHttpsJwksTest#testSecondaryRefreshAfterElapsedDelay()',
      'KAFKA-14780',
    ],
    ['common.security.oauthbearer.internals.secured.RefreshingHttpsJwksTest#testBasicScheduleRefresh()', 'KAFKA-14780'],
    ['clients.consumer.internals.EagerConsumerCoordinatorTest#testSelectRebalanceProtocol()', undefined],
  ])('the example takes upstream’s own races out by their tickets, and nothing beside them: %s', (name, ticket) => {
    const suite = loadSettings(fileURLToPath(new URL('../../../patchwright.yaml', import.meta.url))).forks.kafka?.suites
      .fast;
    const id = `org.apache.kafka.${name}`;
    const found = quarantineOf(suite?.quarantine ?? [], '2026-12-01')({ unit: id.replace(/#.*/, ''), test: id });
    expect(found?.ticket).toBe(ticket);
  });

  test('what does not gate is run as often as tells a regression, and no more', () => {
    const policy = { perArm: 5, maxPerArm: 40, maxPerArmQuick: 120, secondsPerTest: 600 };
    const [holds, ended] = [on('2026-03-01', 'a.C', 'a.C#any()'), on('2026-03-02', 'a.C', 'a.C#any()')];
    expect(rerunPolicyOf(policy, holds!)).toEqual({ ...policy, maxPerArm: 5, maxPerArmQuick: 5, alone: true });
    // Passed alone on both arms: others would be run again after all that its process had run before it.
    const ran = { ...NO_RUNS, pass: 5 };
    const batch = { candidate: NO_RUNS, base: NO_RUNS, possible: true, seconds: 170 };
    const evidence = { candidate: ran, base: ran, seconds: 1, replays: { unit: { ...batch, possible: false }, batch } };
    expect(judgeFailure(evidence, policy)).toMatchObject({ kind: 'more', how: 'batch' });
    expect(judgeFailure(evidence, rerunPolicyOf(policy, holds!))).toMatchObject({ kind: 'verdict', by: 'alone' });
    expect(rerunPolicyOf(policy, ended!)).toBe(policy);
    expect(rerunPolicyOf(policy, null)).toBe(policy);
  });

  test('everything else gates', () => {
    expect(on('2026-01-01', 'a.B', 'a.B#works()')).toBeUndefined();
    expect(isQuarantined({})).toBe(false);
  });
});

describe('time left', () => {
  const quiet = { waitingSeconds: 0, running: [], endedEstimate: 0, endedSeconds: 0, slots: 2 };

  test('what waits is spread over the slots', () => expect(secondsLeft({ ...quiet, waitingSeconds: 100 })).toBe(50));

  test('the longest of what runs bounds it', () =>
    expect(secondsLeft({ ...quiet, waitingSeconds: 4, running: [{ estimate: 100, seconds: 40 }] })).toBe(60));

  test('a unit that is over its time does not count below nothing', () =>
    expect(secondsLeft({ ...quiet, running: [{ estimate: 10, seconds: 90 }] })).toBe(0));

  test('a machine that is twice as slow today takes nearly twice as long', () => {
    const left = secondsLeft({ ...quiet, waitingSeconds: 100, endedEstimate: 300, endedSeconds: 600 });
    expect(left).toBeGreaterThan(90);
    expect(left).toBeLessThan(100);
  });

  test('one long unit that was far quicker than ever does not decide alone', () =>
    expect(secondsLeft({ ...quiet, waitingSeconds: 480, endedEstimate: 120, endedSeconds: 6 })).toBeGreaterThan(80));

  test('little that has ended says little', () => {
    const left = secondsLeft({ ...quiet, waitingSeconds: 100, endedEstimate: 0.1, endedSeconds: 3 });
    expect(left).toBeGreaterThan(50);
    expect(left).toBeLessThan(100);
  });
});
