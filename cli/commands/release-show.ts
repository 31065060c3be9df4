import { type Progress, progressOf } from '../../report/progress.ts';
import type { Db } from '../../store/database.ts';
import { type ThreadMessage, type ThreadState, threadOf, threadState } from '../../store/thread.ts';
import { slowestLine } from '../suite-lines.ts';
import { endLines, headLines, type Look, liveLines, messageLines, paint } from '../terminal.ts';
import { requireRelease } from './release.ts';

/** State, story and outcome of one release; `slack` says where its thread is, and why it lags if it does. */
export type ReleaseView = Progress & { thread: ThreadMessage[]; slack: ThreadState | null };

/** `release show ID`; `latest` works. Exit 1 where there is no such release. */
export async function releaseShow(db: Db, idOrLatest: string): Promise<ReleaseView> {
  const id = await requireRelease(db, idOrLatest);
  const progress = await progressOf(db, id);
  if (!progress) throw new Error(`the store lost ${id} between two statements`);
  return { ...progress, thread: await threadOf(db, id), slack: (await threadState(db, id)) ?? null };
}

/** The same for a terminal: the story so far, then where it stands or how it ended. */
export function releaseShowText(view: ReleaseView, look: Look): string {
  const story = view.thread.flatMap((message) => messageLines(message, view.startedAt, look));
  const state = view.outcome ? endLines(view, look) : liveLines(view, 0, look, view.slack?.problem);
  const slowest = view.detail?.kind === 'suite' ? slowestLine(view.detail) : '';
  const more = slowest === '' ? [] : [`  ${paint(look, 'dim', slowest)}`];
  return `${[...headLines(view, look), ...story, ...state, ...more].join('\n')}\n`;
}
