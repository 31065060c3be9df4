import type { FixPlan } from '../workflows/fix-types.ts';
import type { TicketState } from '../workflows/ticket-types.ts';

/** A lesson is a question that came to a person and was solved or fixed: by no answer of ours, nor by what nobody could try. */
export const isLesson = ({ ended, calls, settled }: TicketState): boolean =>
  (ended === 'solved' || ended === 'fixed') && calls > 0 && settled === undefined;

/** Where lessons go, out of the configuration: one file of one repository, and nothing beside it. */
export type LearnTo = { repository: string; path: string };

/** What an agent is to write down. What was said is given to it as material, like everything else. */
export function lessonPlan(
  { repository, path }: LearnTo,
  { question, reason }: Pick<TicketState, 'question' | 'reason'>,
) {
  const asked = question.replace(/\s+/g, ' ').trim().slice(0, 200);
  return {
    ...{ kind: 'repository', target: repository, only: path },
    what: `Document in ${path}: ${asked}`,
    why:
      `What is known did not answer this question, and it was solved with people (${reason ?? 'it is solved'}). ` +
      `Write into ${path}, and into no other file, what would have answered it: by what people wrote in the ticket alone, ` +
      'without names, secrets or addresses of anybody. Where what they wrote does not say how it was solved, hand nothing in.',
  } satisfies FixPlan;
}

/** The lesson of a ticket is one, however often it is opened again. */
export const lessonOf = (ticket: string): string => `${ticket}/learnt`;
