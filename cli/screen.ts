import { type Look, lookOf, type StoryOutput } from './terminal.ts';

const CLEAR_TO_END = '\u001b[0J';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

export type Screen = {
  /** There are live lines; without a terminal there are only lines that stay. */
  tty: boolean;
  look: () => Look;
  print: (lines: readonly string[]) => void;
  live: (lines: readonly string[]) => void;
  close: () => void;
};

/**
 * Lines that stay, above lines that are redrawn. Whoever else writes to the same output meanwhile (progress,
 * warnings) stays above the live lines too: their writes pass through here until the screen is closed.
 */
export function openScreen(out: StoryOutput): Screen {
  const look = () => lookOf(out);
  if (out.isTTY !== true) {
    return {
      tty: false,
      look,
      print: (lines) => void out.write(joined(lines)),
      live: () => undefined,
      close: () => undefined,
    };
  }
  const write = out.write.bind(out) as (text: string) => boolean;
  let drawn = 0;
  // One write for erasing and drawing, else a slow terminal flickers.
  const erase = () => {
    const text = drawn > 0 ? `\u001b[${drawn}F${CLEAR_TO_END}` : '';
    drawn = 0;
    return text;
  };
  const ownWrite = Object.getOwnPropertyDescriptor(out, 'write');
  out.write = ((...args: Parameters<typeof out.write>) => {
    if (drawn > 0) write(erase());
    return (write as (...all: unknown[]) => boolean)(...args);
  }) as typeof out.write;
  const showCursor = () => void write(SHOW_CURSOR);
  process.once('exit', showCursor);
  write(HIDE_CURSOR);
  return {
    tty: true,
    look,
    print: (lines) => void write(erase() + joined(lines)),
    live(lines) {
      write(erase() + joined(lines));
      drawn = lines.length;
    },
    close() {
      write(erase() + SHOW_CURSOR);
      process.removeListener('exit', showCursor);
      if (ownWrite) Object.defineProperty(out, 'write', ownWrite);
      else delete (out as { write?: unknown }).write;
    },
  };
}

const joined = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
