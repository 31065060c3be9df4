import { answerWorkWords, SEARCHES, writesWords } from '../../decisions/work-words.ts';
import { payForAnswer } from '../../store/ticket-cost.ts';
import { keepAnswer, type TicketAnswer } from '../../store/tickets.ts';
import type { AnswerEnd, TicketOrder } from '../../workflows/ticket-types.ts';
import { createWorkBoard, type WorkBoardDeps } from '../work-board.ts';

/** Whoever answers tells it what it does: for the thread, and for what it costs. */
export type AnswerWatch = {
  found: (places: number) => Promise<void>;
  /** Right before each question to the model. */
  asks: () => Promise<void>;
  paid: (cost: { tokens: number; money: number }) => Promise<void>;
  /** An answer that will be shown. */
  written: (answer: TicketAnswer) => Promise<void>;
};

/**
 * Shows in one message of the thread how an answer is looked for, and counts what it costs. Without a key (a run that
 * began before there were such messages) nothing is shown.
 */
export function createAnswerWork(deps: WorkBoardDeps) {
  const board = createWorkBoard(deps);
  return {
    async begin({ ticket }: TicketOrder, key: string | undefined) {
      const startedAt = Date.now();
      let [places, asked] = [0, 0];
      const show = async (text: string, done = false) => {
        if (key !== undefined) await board.show({ ticket, key, text, done });
      };
      const now = () => ({ places, asked, seconds: (Date.now() - startedAt) / 1_000 });
      await keepAnswer(deps.db, ticket, null);
      await show(SEARCHES);
      const watch: AnswerWatch = {
        async found(n) {
          places = n;
        },
        async asks() {
          await show(writesWords(now()));
          asked += 1;
        },
        written: (answer) => keepAnswer(deps.db, ticket, answer),
        paid: (cost) => payForAnswer(deps.db, ticket, cost),
      };
      const ended = (kind: AnswerEnd['kind']) => show(answerWorkWords(ticket, kind, now()), true);
      return { watch, ended };
    },
  };
}
