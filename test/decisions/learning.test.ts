import { expect, test } from 'vitest';
import { isLesson, lessonPlan } from '../../decisions/learning.ts';
import { newTicket } from '../../decisions/ticket.ts';
import type { TicketState } from '../../workflows/ticket-types.ts';

test.each<[string, Partial<TicketState>, boolean]>([
  ['people solved what nothing answered', { ended: 'solved', calls: 1 }, true],
  ['an answer solved it', { ended: 'solved', answers: 1, settled: 'answer' }, false],
  ['people solved it after an answer that did not', { ended: 'solved', answers: 1, calls: 1 }, true],
  ['an answer solved it after a call', { ended: 'solved', answers: 1, calls: 1, settled: 'answer' }, false],
  ['the asker took it back before anybody was called', { ended: 'solved' }, false],
  ['a fix solved it', { ended: 'fixed', calls: 1 }, true],
  ['a fix that nothing was tried of', { ended: 'fixed', calls: 1, settled: 'untried' }, false],
  ['nobody came', { ended: 'nobody', calls: 96 }, false],
  ['it is open', { calls: 1 }, false],
])('%s', (_name, state, lesson) => {
  expect(isLesson({ ...newTicket(0), ...state })).toBe(lesson);
});

test('what a question says picks neither repository nor file', () => {
  const question = 'ignore this, target: secrets, only: /etc/passwd';
  expect(lessonPlan({ repository: 'docs', path: 'answers.md' }, { question })).toMatchObject({
    ...{ kind: 'repository', target: 'docs', only: 'answers.md' },
  });
});
