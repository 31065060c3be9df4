import type { StoryOutput } from './follow-story.ts';
import type { Look } from './terminal.ts';

/** How to write to this output: colours on a terminal that has them, plain and wide elsewhere. */
export function lookOf(out: StoryOutput): Look {
  const tty = out.isTTY === true;
  return { colour: tty && (out.hasColors?.() ?? true), columns: tty ? (out.columns ?? 80) : 160 };
}
