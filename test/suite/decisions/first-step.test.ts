import { describe, expect, test } from 'vitest';
import { type FirstEvidence, firstStep, signatureOf, suspectGroups } from '../../../decisions/first-step.ts';
import { NO_RUNS, NOT_RUN } from '../../../decisions/run-answers.ts';

describe('signatures (triage.md)', () => {
  test.each([
    ['crash: the JVM ended in the middle of it (exit code 137)', 'killed'],
    ['crash: the JVM ended in the middle of it (ended by SIGKILL)', 'killed'],
    ['Gradle build daemon disappeared unexpectedly', 'killed'],
    ['Could not resolve dependencies for project a:b:jar:1', 'dependencies'],
    ['Could not transfer artifact a:b:pom:1 from/to central: status code: 503, reason phrase', 'dependencies'],
    ['java.io.IOException: No space left on device', 'disk-full'],
    ['java.net.BindException: Address already in use', 'address-in-use'],
    ['The forked VM terminated without properly saying goodbye', 'crash'],
    ['crash: the JVM ended in the middle of it (exit code 134)', 'crash'],
    ['java.lang.OutOfMemoryError: Java heap space', 'out-of-memory'],
    ['timeout: a test ran longer than 120 s', 'time-out'],
    ['silence: no event and no output for 300 s', 'time-out'],
    ["java.lang.NoSuchMethodError: 'void a.B.c()'", 'linkage'],
    ['org.opentest4j.AssertionFailedError: expected: <1> but was: <2>', undefined],
    ['java.net.UnknownHostException: kafka.apache.org', undefined],
  ] as const)('%s: %s', (message, signature) => expect(signatureOf(message)).toBe(signature));
});

describe('what is looked at as a group before anything is rerun', () => {
  const failure = (unit: string, message = 'AssertionError', batch = 'b1', nothingExecuted = false) => ({
    unit,
    test: `${unit}#t()`,
    batch,
    message,
    cluster: message,
    nothingExecuted,
  });
  const groups = (failures: ReturnType<typeof failure>[], passed: number, units = 3) =>
    suspectGroups(failures, new Map([['b1', { units, passed }]])).map(({ suspicion, members }) => [
      suspicion,
      members.length,
    ]);

  test.each([
    ['a batch of which nothing passed', [failure('A'), failure('B'), failure('C')], 0, 3, [['whole-batch', 3]]],
    ['a batch of which something passed', [failure('A'), failure('B')], 1, 3, []],
    ['two units side by side that fail alike', [failure('A'), failure('B')], 0, 2, [['whole-batch', 2]]],
    ['two units side by side that fail each in its way', [failure('A', 'E'), failure('B', 'F')], 0, 2, []],
    ['a batch of one unit', [failure('A')], 0, 1, []],
    [
      'a unit of which nothing was executed',
      [failure('A', 'nothing was executed', 'b1', true)],
      5,
      3,
      [['nothing-executed', 1]],
    ],
    [
      'a full disk',
      [failure('A', 'No space left on device'), failure('B', 'No space left on device')],
      5,
      3,
      [['infrastructure', 2]],
    ],
    [
      'two kinds of trouble',
      [failure('A', 'No space left on device'), failure('B', 'Address already in use')],
      5,
      3,
      [
        ['infrastructure', 1],
        ['infrastructure', 1],
      ],
    ],
    [
      'methods that are missing in many classes',
      ['A', 'B', 'C'].map((unit) => failure(unit, 'java.lang.NoSuchMethodError: x')),
      5,
      9,
      [['build-skew', 3]],
    ],
    ['a method that is missing in one class', [failure('A', 'java.lang.NoSuchMethodError: x')], 5, 9, []],
    [
      'a hang and a full heap are judged like any failure',
      [failure('A', 'timeout: a'), failure('B', 'java.lang.OutOfMemoryError')],
      5,
      9,
      [],
    ],
  ] as const)('%s', (_name, failures, passed, units, expected) =>
    expect(groups([...failures], passed, units)).toEqual(expected),
  );
});

describe('step 0', () => {
  const pass = { ...NO_RUNS, pass: 1 };
  const fail = { ...NO_RUNS, fail: 1 };
  const first: FirstEvidence = {
    suspicion: 'whole-batch',
    isRepresentative: true,
    representative: NOT_RUN,
    elsewhere: { attempts: 0, own: NO_RUNS, representative: NOT_RUN },
  };
  const bothFail = { ...first, representative: { candidate: fail, base: fail } };
  const candidateOnly = { ...first, representative: { candidate: fail, base: pass } };
  const lacks = { ...NO_RUNS, missing: 1 };
  const baseLacks = { ...first, representative: { candidate: fail, base: lacks } };
  const tried = (attempts: number, own = fail, base = fail) => ({
    elsewhere: { attempts, own, representative: { candidate: own, base } },
  });
  const other = { isRepresentative: false };

  test.each([
    ['the representative runs on both arms first', first, { kind: 'probe' }],
    ['the others wait for it', { ...first, ...other }, { kind: 'wait' }],
    ['candidate only: its own counts decide', candidateOnly, { kind: 'ordinary' }],
    ['and the others wait for them', { ...candidateOnly, ...other }, { kind: 'wait' }],
    [
      'a regression is theirs too, without reruns',
      { ...candidateOnly, ...other, representativeVerdict: 'regression' },
      { kind: 'regression-too' },
    ],
    [
      'anything else is judged one by one',
      { ...candidateOnly, ...other, representativeVerdict: 'destabilised' },
      { kind: 'ordinary' },
    ],
    [
      'it passes alone: no fault of the host',
      { ...first, representative: { candidate: pass, base: pass } },
      { kind: 'ordinary' },
    ],
    ['the base lacks it: no host’s fault, its own counts decide', baseLacks, { kind: 'ordinary' }],
    ['and the others wait for them too', { ...baseLacks, ...other }, { kind: 'wait' }],
    [
      'of which the base has none: each of the others by its own counts',
      { ...baseLacks, ...other, representativeVerdict: 'untestable' },
      { kind: 'ordinary' },
    ],
    [
      'alone it is on no arm: nothing failed there',
      { ...first, representative: { candidate: lacks, base: lacks } },
      { kind: 'ordinary' },
    ],
    ['both fail: elsewhere', bothFail, { kind: 'elsewhere', attempt: 1 }],
    ['both fail: the others too', { ...bothFail, ...other }, { kind: 'elsewhere', attempt: 1 }],
    ['it passes elsewhere', { ...bothFail, ...tried(1, pass, pass) }, { kind: 'infrastructure', human: false }],
    ['elsewhere only the candidate fails', { ...bothFail, ...tried(1, fail, pass) }, { kind: 'ordinary' }],
    ['both fail there as well: once more', { ...bothFail, ...tried(1) }, { kind: 'elsewhere', attempt: 2 }],
    ['and twice is enough: a human', { ...bothFail, ...tried(2) }, { kind: 'infrastructure', human: true }],
    [
      'of which nothing is executed anywhere: a human',
      { ...bothFail, ...tried(2), suspicion: 'nothing-executed' },
      { kind: 'infrastructure', human: true },
    ],
    [
      'a signature is no last word: the counts decide',
      { ...bothFail, ...tried(2), suspicion: 'infrastructure' },
      { kind: 'ordinary' },
    ],
    [
      'class paths that fit on no arm: the counts decide',
      { ...bothFail, suspicion: 'build-skew' },
      { kind: 'ordinary' },
    ],
  ] as const)('%s', (_name, evidence, step) => expect(firstStep(evidence as FirstEvidence)).toMatchObject(step));
});
