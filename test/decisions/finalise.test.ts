import { describe, expect, test } from 'vitest';
import { type BakedWave, bakeOf, finaliseProblem, finaliseQuestion, runsOf } from '../../decisions/finalise.ts';
import type { EnvironmentState } from '../../workflows/environment-messages.ts';

const brake = { by: 'ada', reason: 'audit', at: '2026-01-10T12:00:00.000Z' };
const promoted = { rollout: 'kafka-1/1/staging' } as EnvironmentState['promoted'] & object;
const running = { request: { order: { rollout: 'kafka-2/1/staging' } } } as EnvironmentState['running'] & object;

test.each<[string, Partial<EnvironmentState>, string | undefined]>([
  ['something was promoted and nothing is in the way', { promoted }, undefined],
  ['a roll-out runs', { promoted, running }, 'kafka-2/1/staging rolls out'],
  ['somebody paused it', { promoted, paused: brake }, 'paused by ada: audit'],
  ['somebody froze it', { promoted, frozen: brake }, 'frozen by ada: audit'],
  ['nothing was promoted', {}, 'nothing was promoted'],
])('whether a level may be finalised: %s', (_name, change, words) => {
  const problem = finaliseProblem({ environment: 'staging', ended: [], ...change });
  if (words === undefined) expect(problem).toBeUndefined();
  else expect(problem).toContain(words);
});

describe('what each node runs', () => {
  const candidate = {
    digest: 'd',
    artifacts: [
      { name: 'a.jar', sha256: 'aa' },
      { name: 'b.jar', sha256: 'bb' },
    ],
  };
  test.each<[string, { name: string; sha256: string }[], string]>([
    ['all of the candidate', candidate.artifacts, 'd'],
    ['the part that this node takes', [{ name: 'b.jar', sha256: 'bb' }], 'd'],
    ['one file of another', [candidate.artifacts[0]!, { name: 'b.jar', sha256: 'cc' }], 'b.jar cc'],
    ['a file that the candidate does not have', [{ name: 'c.jar', sha256: 'aa' }], 'c.jar aa'],
    ['no file at all', [], 'nothing of the candidate'],
  ])('%s', (_name, files, runs) => {
    expect(runsOf({ n1: files }, candidate)).toEqual({ n1: runs });
  });
});

describe('the bake of what was promoted', () => {
  const wave = (gate: BakedWave['gate'], watch = false): BakedWave => ({ watch, gate });
  const at = (seconds: number) => ({ endedAtMs: 0, nowMs: seconds * 1000, watchSeconds: 100 });
  test.each<[string, BakedWave[], number, string]>([
    ['every wave passed', [wave('pass'), wave('pass')], 0, 'passed'],
    ['a wave has no verdict', [wave('pass'), wave(undefined)], 0, 'running'],
    ['a wave did not pass', [wave('pass'), wave('inconclusive')], 0, 'failed'],
    ['the watch goes on', [wave('pass'), wave(undefined, true)], 200, 'running'],
    ['the watch was ended by others, long ago', [wave('pass'), wave(undefined, true)], 300, 'passed'],
    ['the watch passed', [wave('pass'), wave('pass', true)], 10, 'passed'],
    ['the watch saw too little', [wave('pass'), wave('inconclusive', true)], 10, 'passed'],
    ['the watch failed, and could not take it back', [wave('pass'), wave('fail', true)], 10, 'failed'],
  ])('%s', (_name, waves, seconds, bake) => {
    expect(bakeOf(waves, at(seconds))).toBe(bake);
  });
});

test('the question binds all that is finalised, and asks neither who wants it nor who wrote a patch', () => {
  const candidate = { digest: 'd', version: '3.6.2-fork.1', commit: 'c'.repeat(40) };
  const about = { environment: 'staging', rollout: 'kafka-1/1/staging', level: '3.6-IV2', candidate };
  const more = { id: 'x', release: 'kafka-1', settings: 's', requestedBy: 'ada', authors: ['b', 'b'], from: '3.5-IV2' };
  expect(finaliseQuestion({ ...about, ...more })).toMatchObject({
    kind: 'finalise',
    binds: { environment: 'staging', rollout: 'kafka-1/1/staging', level: '3.6-IV2', artifacts: 'd' },
    requester: 'ada',
    excluded: ['b'],
    summary: expect.stringMatching(/is 3\.5-IV2, and is to be 3\.6-IV2.*cannot be taken back/),
  });
});
