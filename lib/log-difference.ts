import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { createTextSet, templateOf } from './log-template.ts';

/** What is kept of one line; the rest of a longer one is left out, and said. */
const MAX_LINE = 4_096;
/** What is kept in all: what a person or a model can read. */
const MAX_OUTPUT = 1 << 20;
/** Lines of one template that are shown; more are counted. */
const MAX_ALIKE = 5;
/** Templates whose count is kept; lines of further ones are all shown. */
const MAX_COUNTED = 50_000;

export type LogDifference = { lines: number; newLines: number; bytes: number };

/**
 * Writes what a failing run's log says and the base runs' logs do not, template by template, to `out`. Streams: files
 * of any size take the same memory (some 30 MiB), and what is written is at most a megabyte.
 */
export async function writeLogDifference(options: {
  failing: string;
  base: readonly string[];
  out: string;
}): Promise<LogDifference> {
  const known = createTextSet();
  for (const file of options.base) for await (const line of linesOf(file)) known.add(templateOf(line));
  const file = createWriteStream(options.out);
  const writer = createWriter((text) => file.write(text));
  for await (const line of linesOf(options.failing)) {
    const template = templateOf(line);
    writer.line(line, known.has(template) ? undefined : template);
    if (file.writableNeedDrain) await once(file, 'drain');
  }
  const difference = writer.end();
  file.end();
  await finished(file);
  return difference;
}

function createWriter(write: (text: string) => void) {
  const alike = new Map<string, number>();
  const figures: LogDifference = { lines: 0, newLines: 0, bytes: 0 };
  let skipped = 0;
  let full = false;
  const put = (text: string) => {
    figures.bytes += Buffer.byteLength(text) + 1;
    write(`${text}\n`);
  };
  const tellSkipped = () => {
    if (skipped > 0) put(`[… ${skipped} ${skipped === 1 ? 'line' : 'lines'} as on the base …]`);
    skipped = 0;
  };
  return {
    /** Without a template it is as on the base. */
    line(line: string, template: string | undefined) {
      figures.lines += 1;
      if (template === undefined) {
        skipped += 1;
        return;
      }
      figures.newLines += 1;
      const seen = (alike.get(template) ?? 0) + 1;
      if (seen > 1 || alike.size < MAX_COUNTED) alike.set(template, seen);
      if (full || seen > MAX_ALIKE) return;
      tellSkipped();
      put(line);
      full = figures.bytes > MAX_OUTPUT;
    },
    end(): LogDifference {
      if (full) put('[… the rest was left out: the difference is larger than a megabyte …]');
      else tellSkipped();
      const many = [...alike].filter(([, count]) => count > MAX_ALIKE).sort(([, a], [, b]) => b - a);
      for (const [template, count] of many.slice(0, 50)) put(`[… ${count} lines in all like: ${template} …]`);
      return figures;
    },
  };
}

/** Lines of a file of any size; the end of one that is longer than `MAX_LINE` is passed over. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let cut = 0;
  const take = (end: string): string => {
    const line = rest.length < MAX_LINE ? rest + end.slice(0, MAX_LINE - rest.length) : rest;
    const left = cut + Math.max(0, rest.length + end.length - line.length);
    rest = '';
    cut = 0;
    return left > 0 ? `${line} [… ${left} more characters …]` : line;
  };
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 16 })) {
    const parts = decoder.write(chunk as Buffer).split(/\r?\n/);
    const last = parts.pop() ?? '';
    for (const part of parts) yield take(part);
    const room = MAX_LINE - rest.length;
    rest += last.slice(0, room);
    cut += Math.max(0, last.length - room);
  }
  if (rest !== '') yield take('');
}
