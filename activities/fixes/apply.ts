import { fixBinds } from '../../decisions/fix.ts';
import { lessonOf } from '../../decisions/learning.ts';
import type { Db } from '../../store/database.ts';
import { effectWords, runEffect } from '../../store/journal.ts';
import { findTicket, whyNotWanted } from '../../store/tickets.ts';
import type { ApplyEnd, FixChange, FixEvidence, UndoEnd } from '../../workflows/fix-types.ts';
import { whyNotApproved } from '../approvals.ts';
import { EffectRefused, type FixAt, type FixKind } from './kind.ts';

export type Apply = { key: string; change: FixChange; evidence: Pick<FixEvidence, 'digest'>; approval: string };

/** Ends the effect without its result, for good: the journal keeps the reason. */
class NotApplied extends Error {
  readonly nonRetryable = true;
  readonly end: Exclude<ApplyEnd, { kind: 'applied' }>;
  constructor(end: Exclude<ApplyEnd, { kind: 'applied' }>) {
    super(end.kind === 'moved' ? end.difference.join('; ') : end.reason);
    this.end = end;
  }
}

/**
 * Applies what was approved, once: the ticket still wants it, what it was made on is still there, and people approved
 * exactly this. All of it is asked right before the effect, and by nobody but the one who performs it.
 */
export async function applyOnce(db: Db, kind: FixKind, at: FixAt, apply: Apply): Promise<ApplyEnd> {
  const { key, change, evidence, approval } = apply;
  const steps = kind.apply(at, change);
  const intent = fixBinds({ ticket: at.ticket, change, evidence });
  try {
    const { words } = await runEffect(
      db,
      { key, kind: 'fix', release: at.ticket, intent },
      {
        readBack: steps.readBack,
        perform: async () => {
          await mayApply(db, kind, at, apply);
          const use = { id: approval, binds: intent, settings: at.settings, use: key };
          const unapproved = await whyNotApproved(db, use);
          if (unapproved !== undefined) throw new NotApplied({ kind: 'refused', reason: unapproved });
          return steps.perform();
        },
      },
    );
    return { kind: 'applied', words };
  } catch (error) {
    if (error instanceof NotApplied) return error.end;
    if (error instanceof EffectRefused) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

/** What is written down of a ticket is of one that is closed, and stays so. */
async function whyNotClosed(db: Db, ticket: string): Promise<string | undefined> {
  const row = await findTicket(db, ticket);
  return row?.state === 'closed' ? undefined : `${ticket} is ${row?.state ?? 'gone'}: what it taught is not final`;
}

async function mayApply(db: Db, kind: FixKind, at: FixAt, { change }: Apply): Promise<void> {
  const isLesson = at.fix === lessonOf(at.ticket);
  const unwanted = isLesson ? await whyNotClosed(db, at.ticket) : await whyNotWanted(db, at);
  const reason = unwanted ?? (await kind.mayNot?.(at, change));
  if (reason !== undefined) throw new NotApplied({ kind: 'refused', reason });
  const difference = await kind.moved(at, change);
  if (difference !== undefined) throw new NotApplied({ kind: 'moved', difference });
}

/** The inverse was approved with the change, and counts only for a change that the journal says was applied. */
export async function undoOnce(
  db: Db,
  kind: FixKind,
  at: FixAt,
  { key, applied, change, evidence }: { key: string; applied: string } & Pick<Apply, 'change' | 'evidence'>,
): Promise<UndoEnd> {
  if ((await effectWords(db, applied)) === undefined) return { kind: 'kept', reason: 'it was never applied' };
  const earlier = await effectWords(db, key);
  if (earlier !== undefined) return { kind: 'undone', words: earlier };
  const undo = await kind.undo(at, change);
  if (undo.kind === 'not') return { kind: 'kept', reason: undo.reason };
  const intent = fixBinds({ ticket: at.ticket, change, evidence });
  try {
    const { words } = await runEffect(db, { key, kind: 'fix-undo', release: at.ticket, intent }, undo.steps);
    return { kind: 'undone', words };
  } catch (error) {
    if (error instanceof EffectRefused) return { kind: 'kept', reason: error.message };
    throw error;
  }
}
