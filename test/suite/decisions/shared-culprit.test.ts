import { expect, test } from 'vitest';
import { type Searched, sharedCulprit } from '../../../decisions/shared-culprit.ts';

const failure = { class: 'x.T', cluster: 'Error at #', kind: 'regression' } as const;
const one = (commits: string[], more: Partial<Searched> = {}): Searched => ({
  ...failure,
  test: 'x.T#a()',
  commits,
  ...more,
});

test.each([
  ['those that fail alike in its class agree', [one(['p1']), one(['p1'])], ['p1']],
  [
    'what fails otherwise, or elsewhere, does not count',
    [one(['p1']), one(['p1']), one(['p2'], { class: 'x.U' })],
    ['p1'],
  ],
  ['one is not enough', [one(['p1']), one(['p1'], { cluster: 'Other' })], undefined],
  ['another verdict has another cause', [one(['p1']), one(['p1'], { kind: 'destabilised' })], undefined],
  ['they do not agree', [one(['p1']), one(['p1']), one(['p2'])], undefined],
  ['one of them has no culprit', [one(['p1']), one([])], undefined],
  ['a pair, or one of a few, is not handed on', [one(['p1', 'p2']), one(['p1', 'p2'])], undefined],
  ['nothing was searched for', [], undefined],
] as const)('%s', (_name, searched, commits) => expect(sharedCulprit(failure, searched)?.commits).toEqual(commits));
