import { workText } from '../decisions/work-words.ts';
import { logger } from '../lib/log.ts';
import type { Db } from '../store/database.ts';
import { endProof, keepDoing, keepProof, keepRuns, keepWork, type Work } from '../store/work.ts';
import type { AgentOrder } from '../workflows/agent-types.ts';

export type WorkBoardDeps = {
  db: Db;
  /** Carries a thread to Slack; undefined where there is none. */
  wakeThread?: (ticket: string) => Promise<void>;
};

/** One of both. */
export type ProofStep = { doing?: string; taken?: boolean };

type Watched = Pick<AgentOrder, 'run' | 'release' | 'board'>;

/**
 * The messages of a ticket's thread that say what is being done, and are updated meanwhile. What they say goes to the
 * store; the thread's carrier shows it. One that cannot be kept is logged and given up: whoever works is not held up.
 */
export function createWorkBoard({ db, wakeThread }: WorkBoardDeps) {
  async function show(work: Work): Promise<void> {
    if (await keepWork(db, work)) await wakeThread?.(work.ticket);
  }

  async function attempt(ticket: string, make: () => Promise<void>): Promise<void> {
    try {
      await make();
    } catch (error) {
      logger('work', { ticket }).warn({ err: (error as Error).message }, 'what is being done could not be shown');
    }
  }

  async function watched({ release: ticket, board }: Watched, before: () => Promise<void>): Promise<void> {
    if (board === undefined) return;
    await attempt(ticket, async () => {
      await before();
      const isNews = await keepRuns(db, { ticket, board }, (runs) => workText(ticket, runs));
      if (isNews) await wakeThread?.(ticket);
    });
  }

  return {
    show: (work: Work) => attempt(work.ticket, () => show(work)),
    /** What an agent does now. */
    doing: (order: Watched, words: string) => watched(order, () => keepDoing(db, order.run, words)),
    /** How code tries a change now, or whether it was taken then. */
    proof: (order: Watched & { board: string }, { doing, taken }: ProofStep) =>
      watched(order, async () => {
        const { run, board } = order;
        if (doing !== undefined) await keepProof(db, { run, board, doing });
        if (taken !== undefined) await endProof(db, run, taken);
      }),
    /** A run that has ended. */
    ended: (order: Watched) => watched(order, async () => undefined),
  };
}

export type WorkBoard = ReturnType<typeof createWorkBoard>;
