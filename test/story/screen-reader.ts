import { Writable } from 'node:stream';
import type { StoryOutput } from '../../cli/terminal.ts';

/** A terminal of a given width that keeps what a person would see: enough of one for lines that are redrawn. */
export function openTerminal({ columns = 100 } = {}) {
  const lines: string[] = [''];
  let row = 0;
  const raw: string[] = [];
  const takeIn = (text: string) => {
    raw.push(text);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it reads a terminal's own language.
    for (const [token] of text.matchAll(/\u001b\[[0-9;?]*[A-Za-z]|\n|[^\u001b\n]+/g)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
      const up = /^\u001b\[(\d+)F$/.exec(token);
      if (up) row = Math.max(0, row - Number(up[1]));
      else if (token === '\u001b[0J') lines.splice(row, lines.length, '');
      else if (token === '\n') {
        row += 1;
        lines[row] ??= '';
      } else if (!token.startsWith('\u001b')) lines[row] += token;
    }
  };
  const out = new Writable({
    write: (chunk, _encoding, done) => {
      takeIn(String(chunk));
      done();
    },
  }) as unknown as StoryOutput;
  Object.assign(out, { isTTY: true, columns, hasColors: () => true });
  return { out, raw: () => raw.join(''), lines: () => lines.filter((line) => line.trim() !== '') };
}

/** A pipe: what was written, as it was written. */
export function openPipe() {
  const written: string[] = [];
  const out = new Writable({
    write: (chunk, _encoding, done) => {
      written.push(String(chunk));
      done();
    },
  }) as StoryOutput;
  return { out, text: () => written.join('') };
}
