import { describe, expect, test } from 'vitest';
import { k18Reversibility, type Reversibility } from '../../decisions/kafka-rules/one-way.ts';
import {
  afterRehearsals,
  failedStep,
  nodesFor,
  rehearsalWords,
  tellingLines,
  wantsRehearsal,
  whatToGoBackTo,
} from '../../decisions/rehearsal.ts';
import type { RehearsalOutcome } from '../../workflows/rehearsal-types.ts';

const COUNTS = { records: 900, transactional: 240, keys: 20, offsets: 4 };
const touching = k18Reversibility(['x/MetadataVersion.java']);
const harmless: Reversibility = { kind: 'reversible' };
const passed: RehearsalOutcome = { kind: 'reversible', nodes: 3, seconds: 60, counts: COUNTS };
const failed: RehearsalOutcome = { kind: 'one-way', nodes: 1, seconds: 60, reasons: ['node-1 ended with 1'] };
const impossible: RehearsalOutcome = { kind: 'impossible', reasons: ['no memory'] };
const of = (outcome: RehearsalOutcome) => ({ environment: 'production', from: '3.6.2', outcome });

test.each([
  ['always', harmless, true],
  ['touching', harmless, false],
  ['touching', touching, true],
  ['never', touching, false],
] as const)('%s, and the patches touch %o: %s', (when, judged, wanted) => {
  expect(wantsRehearsal(when, judged)).toBe(wanted);
});

describe('what was tried joins what the patches touch', () => {
  const joined = (judged: Reversibility, outcome: RehearsalOutcome) => afterRehearsals(judged, [of(outcome)]);

  test('what passed unmakes no reason', () => {
    expect(joined(harmless, passed)).toEqual(harmless);
    expect(joined(touching, passed)).toEqual(touching);
  });

  test('what failed is one-way, whatever the patches touch', () => {
    const reason = 'the downgrade rehearsal to 3.6.2 failed: node-1 ended with 1';
    expect(joined(harmless, failed)).toEqual({ kind: 'one-way', rule: 'K18', reasons: [reason] });
    expect(joined(touching, failed)).toMatchObject({ reasons: [expect.stringContaining('metadata'), reason] });
  });

  test('what could not be tried is never counted as reversible', () => {
    const reasons = ['could not rehearse the downgrade to 3.6.2: no memory'];
    expect(joined(harmless, impossible)).toEqual({ kind: 'one-way', rule: 'K18', reasons });
  });

  test('nothing to go back to changes nothing', () => {
    expect(afterRehearsals(harmless, [])).toEqual(harmless);
    expect(afterRehearsals(touching, [])).toEqual(touching);
  });
});

test('each artifact that runs somewhere is gone back to once, and the candidate never', () => {
  const jar = (sha256: string) => [{ name: 'a.jar', sha256 }];
  const at = (environment: string, nodes: ReturnType<typeof jar>[], metadataVersion = '3.6-IV2') => ({
    ...{ environment, name: environment, nodes, metadataVersion },
  });
  const found = whatToGoBackTo(
    [at('staging', [jar('new'), jar('old')]), at('production', [jar('old'), jar('older')]), at('dr', [[]])],
    jar('new'),
  );
  expect(found.map(({ environment, artifacts }) => [environment, artifacts[0]?.sha256])).toEqual([
    ['staging', 'old'],
    ['production', 'older'],
  ]);
  const pinned = whatToGoBackTo([at('staging', [jar('old')]), at('production', [jar('old')], '3.5-IV2')], jar('new'));
  expect(pinned).toHaveLength(2);
});

test('only the way back tells that there is none', () => {
  const at = { nodes: 3, seconds: 9 };
  expect(failedStep('begin', ['x'], at)).toBeUndefined();
  expect(failedStep('upgrade', ['x'], at)).toEqual({ kind: 'impossible', reasons: ['on the candidate: x'] });
  expect(failedStep('downgrade', ['x'], at)).toEqual({ kind: 'one-way', ...at, reasons: ['after the downgrade: x'] });
});

test.each([
  [3, 4_000, 3],
  [3, 1_000, 1],
  [3, 200, undefined],
  [1, 4_000, 1],
] as const)('%s nodes wanted and %s MB free: %s', (wanted, freeMb, nodes) => {
  expect(nodesFor(wanted, freeMb)).toBe(nodes);
});

test('it is told in words', () => {
  expect(rehearsalWords(of(passed))).toBe(
    'Downgrade rehearsal to 3.6.2 (as production): it goes back (3 nodes, 60 s): 900 records, 240 transactional ones, 20 compacted keys and 4 committed offsets as they were',
  );
  expect(rehearsalWords(of(failed))).toContain('it does not go back (one node, 60 s): node-1 ended with 1');
  expect(rehearsalWords(of(impossible))).toContain('proves nothing: no memory');
});

test('a log is told by its first errors and their cause', () => {
  const log = ['INFO starting', 'ERROR of the log dir', '  at a.B', 'Caused by: version 1 is unknown', 'INFO end'];
  expect(tellingLines(log.join('\n'))).toEqual(['ERROR of the log dir', 'Caused by: version 1 is unknown']);
  expect(tellingLines('one\ntwo\n')).toEqual(['one', 'two']);
});
