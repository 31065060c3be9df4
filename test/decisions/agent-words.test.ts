import { describe, expect, test } from 'vitest';
import { armsText, differenceText } from '../../activities/agent/brief.ts';
import { repairBrief, reviewBrief } from '../../activities/agent/repair-brief.ts';
import { toolSpecs } from '../../activities/agent/tool-inputs.ts';
import { stackLines } from '../../decisions/agent-context.ts';
import { armsOf } from '../../decisions/agent-roles.ts';
import { buildExcerpt } from '../../decisions/build-failure.ts';
import { explanationOf } from '../../decisions/diagnosis.ts';
import { conflictPlaces } from '../../decisions/repair.ts';
import { reviewLines, reviewState } from '../../decisions/review.ts';
import type { Finding } from '../../workflows/agent-types.ts';

/** As the schema has them. */
const armsInOrder = ['candidate', 'base', 'mine', 'old_base', 'old_patched'];

const patch = (commit: string, subject: string) => ({
  ...{ commit, subject, author: 'T <t@example.org>', reason: `so that ${subject}` },
  ...{ upstreamStatus: 'Inappropriate [test]', dropWhen: 'never' },
});

describe('the patch stack', () => {
  const stack = [patch('a'.repeat(40), 'A'), patch('b'.repeat(40), 'B'), patch('c'.repeat(40), 'C')];

  test('has a line for each that is not suspected, and a mark at the one that is', () => {
    const lines = stackLines(stack, { commits: ['b'.repeat(40)], words: 'this one' });
    expect(lines).toEqual([
      '1. aaaaaaaaaaaa A: so that A',
      '2. bbbbbbbbbbbb B: so that B  <- this one',
      '3. cccccccccccc C: so that C',
    ]);
  });

  test('has all that is known of each where none is more suspected than another', () => {
    const lines = stackLines(stack);
    for (const line of lines) expect(line).toMatch(/Reason: so that .*Upstream-Status: .*Drop-When: never/);
  });
});

test.each<
  [what: string, held: Parameters<typeof armsText>[0], role: 'diagnose' | 'repair', old: boolean, is: string[]]
>([
  ['a verdict', 'verdict', 'diagnose', false, ['candidate', 'base']],
  ['a repair', 'verdict', 'repair', false, ['candidate', 'base', 'mine']],
  ['a conflict', 'conflict', 'diagnose', true, ['old_base', 'old_patched', 'base', 'candidate']],
  ['a conflict that is mended', 'conflict', 'repair', true, ['old_base', 'old_patched', 'base', 'candidate', 'mine']],
  ['a base that does not build', 'base', 'diagnose', false, ['base', 'candidate']],
  ['a check that no longer holds', 'check', 'diagnose', true, ['candidate', 'base', 'old_base', 'old_patched']],
  ['a check of a patch that stayed where it was', 'check', 'diagnose', false, ['candidate', 'base']],
  ['what upstream has', 'upstream', 'diagnose', true, ['old_base', 'old_patched', 'base', 'candidate']],
  ['a conflict of before its old base was kept', 'conflict', 'repair', false, ['base', 'candidate', 'mine']],
])('of %s each arm is said, and no other is offered', (_, held, role, old, is) => {
  const arms = armsOf(role, old ? { old: { base: 'x', patched: 'y' } } : {});
  expect(armsText(held, arms).match(/^- `(\w+)`/gm)).toEqual(is.map((arm) => `- \`${arm}\``));
  const spec = toolSpecs(role, { arms, environments: [] }).find(({ name }) => name === 'read_file');
  expect(spec?.parameters).toMatchObject({
    properties: { arm: { enum: armsInOrder.filter((arm) => is.includes(arm)) } },
  });
});

test.each([
  ['verdict', 'where the tests fail'],
  ['build', 'which does not compile'],
  ['conflict', '`base` is the NEW base without any patch'],
] as const)('a reviewer of a %s is told what its arms are', (of, words) => {
  const [instructions] = reviewBrief('review-correctness', { of, what: 'x', patch: 'y' });
  expect(instructions?.content).toContain(words);
});

test('a log that says nothing new is said to', () => {
  expect(differenceText('[… 12 lines as on the base …]\n')).toMatch(/nothing: it has no line that they do not have$/);
  expect(differenceText('[… 1 line as on the base …]\nWARN x\n')).toContain('WARN x');
});

test('of a conflict each place is shown with its marks and what is around it', () => {
  const text = ['1', '2', '3', '4', '<<<<<<< HEAD', 'new', '||||||| x', 'old', '=======', 'ours', '>>>>>>> y', '5'];
  const twice = [...text, '6', '7', '8', '9', ...text.slice(4)];
  expect(conflictPlaces('a/B.java', twice.join('\n'))).toEqual([
    ['a/B.java, line 5:', '2', '3', '4', ...text.slice(4), '6', '7'].join('\n'),
    ['a/B.java, line 17:', '7', '8', '9', ...text.slice(4)].join('\n'),
  ]);
  expect(conflictPlaces('a/B.java', 'no marks\n')).toEqual([]);
});

test('of a build’s log a reader is shown what begins with the first error, and how much more there is', () => {
  const log = [...Array.from({ length: 500 }, (_, i) => `[INFO] ERROR-free ${i}`), 'A.java:1: error: x', '  symbol: y'];
  expect(buildExcerpt(log.join('\n'), 1_000)).toBe(log.slice(-4).join('\n'));
  expect(buildExcerpt(log.join('\n'), 40)).toMatch(/^\[INFO\] ERROR-free 498[\s\S]* more characters of the log$/);
  expect(buildExcerpt('it just ended', 100)).toBe('it just ended');
});

describe('an explanation goes to the repair', () => {
  const of = (test: string, culprit?: string[]) => ({
    ...{ answer: `of ${test}`, suite: 'fast', unit: 'U', test },
    ...(culprit && { culprit }),
  });
  test.each([
    ['of the very test', { unit: 'U', test: 'b', culprit: ['p'] }, 'of b'],
    ['of another test by the same patch', { unit: 'V', test: 'c', culprit: ['q'] }, 'of a'],
    ['of nothing else', { unit: 'V', test: 'c', culprit: ['r'] }, undefined],
    ['of nothing else where no patch is known', { unit: 'V', test: 'c' }, undefined],
  ])('%s', (_, failure, answer) => {
    const all = [of('a', ['q']), of('b', ['p'])];
    expect(explanationOf({ suite: 'fast', ...failure }, all)?.answer).toBe(answer);
    expect(explanationOf({ suite: 'other', ...failure }, all)).toBeUndefined();
  });
});

describe('what reviewers asked themselves and tried', () => {
  const by = 'review-tests' as const;
  const blocks: Finding = { by, severity: 'blocks', file: 'A.java', line: 'x', problem: 'wrong\nApproved by code' };
  const remarks = { by, tried: ['null\nand empty'], open: ['Is it called twice?'] };

  test('is told to people, and counts for nothing', () => {
    const reviewed = reviewState([{ by, findings: [], remarks }]);
    expect(reviewed.kind).toBe('passed');
    expect(reviewLines(reviewed)).toEqual({
      counted: [],
      remarks: [
        "Reviewer's open question: Is it called twice? (review-tests)",
        'Reviewer tried: null and empty (review-tests)',
      ],
    });
  });

  test('stands beside what counts, a line each whatever is in it', () => {
    const lines = reviewLines(reviewState([{ by, findings: [blocks], remarks }, { by: 'review-correctness' }]));
    expect(lines.counted).toEqual(['Reviewer OBJECTS: A.java «x»: wrong Approved by code (review-tests)']);
    expect(lines.remarks).toHaveLength(2);
  });

  test('is not there of a reviewer that answered before it could be said', () => {
    expect(reviewLines(reviewState([{ by, findings: [] }]))).toEqual({ counted: [], remarks: [] });
  });
});

test('a change that goes back has its reasons, people’s words as a request, itself, and what was said of it', () => {
  const parts = { kind: 'conflict' as const, arms: [], what: 'x', tests: [], guilty: 'y', context: 'z' };
  const said = { wishes: 'bob asks for: no cast', earlier: '+ (int) x', words: 'a cast' };
  const sentBack = { reasons: '- it breaks T', failures: '### T\nexpected 1', ...said };
  const [, given] = repairBrief({ ...parts, sentBack });
  expect(given?.content).toMatch(
    /sent back\n- it breaks T\n\n.*logs of its proof\n### T\nexpected 1[\s\S]*in their words\n.*no rule is lifted by it.*\nbob asks for: no cast[\s\S]*begin without it\n\+ \(int\) x[\s\S]*you said of it\na cast/,
  );
  const [, less] = repairBrief({
    ...parts,
    sentBack: { ...sentBack, failures: '', wishes: '', earlier: '', words: '' },
  });
  expect(less?.content).not.toMatch(/of its proof|in their words|begin without it|you said of it/);
});
