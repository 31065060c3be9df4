import { setTimeout as sleep } from 'node:timers/promises';
import { type Progress, progressOf } from '../report/progress.ts';
import type { Db } from '../store/database.ts';
import { threadOf, threadState } from '../store/thread.ts';
import type { ReleaseOutcome } from '../workflows/types.ts';
import { openScreen, type Screen } from './screen.ts';
import { endLines, headLines, liveLines, messageLines, type StoryOutput, stepLine } from './terminal.ts';

export type { StoryOutput } from './terminal.ts';

export type FollowOptions = {
  /** Stops following (Ctrl-C); the release goes on. */
  signal?: AbortSignal;
  frameMs?: number;
};

const FRAMES_A_READING = 4;
// A release that ended without a last word (its workflow was terminated) is not followed for ever.
const LAST_WORD_WITHIN_MS = 15_000;

/**
 * Shows a release's story from its beginning until it has ended, and returns how; undefined when following
 * was stopped. A database that is away for a while (it restarts) is waited for.
 *
 * @throws when there is no such release.
 */
export function followStory(db: Db, release: string, out: StoryOutput): Promise<ReleaseOutcome>;
export function followStory(
  db: Db,
  release: string,
  out: StoryOutput,
  options: FollowOptions,
): Promise<ReleaseOutcome | undefined>;
export async function followStory(
  db: Db,
  release: string,
  out: StoryOutput,
  { signal, frameMs = 100 }: FollowOptions = {},
): Promise<ReleaseOutcome | undefined> {
  const screen = openScreen(out);
  const seen: Seen = { last: 0, headed: false };
  try {
    for (let frame = 0; !signal?.aborted; frame += 1) {
      // The spinner turns faster than there is news: most frames are drawn from what is known.
      const state = frame % FRAMES_A_READING === 0 ? await readOrWait(db, release, seen) : undefined;
      if (state) showNews(screen, state, seen);
      if (state && isOver(state, seen)) {
        screen.print(endLines(state.progress, screen.look()));
        return state.progress.outcome ?? undefined;
      }
      if (seen.progress) screen.live(liveLines(seen.progress, frame, screen.look(), seen.notice));
      await sleep(frameMs, undefined, { signal }).catch(onlyAbort);
    }
    return undefined;
  } finally {
    screen.close();
  }
}

type Seen = {
  last: number;
  headed: boolean;
  step?: string | undefined;
  progress?: Progress;
  notice?: string | undefined;
  endedSince?: number;
};
type State = { progress: Progress; messages: Awaited<ReturnType<typeof threadOf>>; notice: string | undefined };

async function readOrWait(db: Db, release: string, seen: Seen): Promise<State | undefined> {
  try {
    const progress = await progressOf(db, release);
    if (!progress) throw new NoSuchRelease(`there is no release ${release}`);
    const messages = await threadOf(db, release, seen.last);
    return { progress, messages, notice: lagging((await threadState(db, release))?.problem) };
  } catch (error) {
    if (error instanceof NoSuchRelease || !isAway(error)) throw error;
    seen.notice = 'the database does not answer; waiting for it';
    return undefined;
  }
}

function lagging(problem: string | undefined): string | undefined {
  return problem && `${problem}; the story is complete here, and goes to Slack as soon as Slack takes it`;
}

class NoSuchRelease extends Error {}

/** The server is gone, starting or stopping; as opposed to a query that is wrong. */
function isAway(error: unknown): boolean {
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  return (
    /^(?:ECONN|ENOENT|EPIPE|ETIMEDOUT|57P0|08)/.test(code) || /terminated|timeout|closed|not queryable/i.test(message)
  );
}

function showNews(screen: Screen, { progress, messages, notice }: State, seen: Seen): void {
  seen.progress = progress;
  seen.notice = notice;
  const look = screen.look();
  const lines = seen.headed ? [] : headLines(progress, look);
  for (const message of messages) lines.push(...messageLines(message, progress.startedAt, look));
  const running = progress.steps.find(({ state }) => state === 'running');
  // Without live lines the beginning of a long step must still show.
  if (!screen.tty && running && running.step !== seen.step) lines.push(stepLine(running, progress, look));
  seen.step = running?.step;
  if (lines.length > 0) screen.print(lines);
  seen.headed = true;
  seen.last = messages.at(-1)?.seq ?? seen.last;
  if (messages.some(({ final }) => final)) seen.endedSince = 0;
}

/** The last word comes after the outcome is recorded: both, or the outcome for long enough. */
function isOver({ progress }: State, seen: Seen): boolean {
  if (progress.endedAt === null) return false;
  seen.endedSince ??= Date.now();
  return Date.now() - seen.endedSince > LAST_WORD_WITHIN_MS;
}

function onlyAbort(error: unknown): void {
  if ((error as { name?: string }).name !== 'AbortError') throw error;
}
