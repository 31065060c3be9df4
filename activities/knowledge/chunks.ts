import { createHash } from 'node:crypto';
import type { KnowledgeSource } from '../../config/knowledge.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { Document } from './document.ts';
import { outlineOf } from './outline.ts';

/** A numbered line. Those of an outline are not all of a file's. */
export type Line = { line: number; text: string };

export type Chunk = {
  id: string;
  path: string;
  commit: string;
  fromLine: number;
  toLine: number;
  title: string;
  text: string;
};

/** Large enough for a section, small enough that eight of them are read at once. */
const MOST_CHARACTERS = 1_800;
const MOST_CHUNKS = 2_000;

/** Cuts a document by its headings; what is under one heading and too long is cut between paragraphs, or lines. */
export function chunksOf(
  document: Document,
  { origin, kind }: { origin: string; kind: KnowledgeSource['kind'] },
): Chunk[] {
  const lines = document.text.split('\n').map((text, i) => ({ line: i + 1, text }));
  const sections = kind === 'code' ? [{ title: '', lines: outlineOf(lines) }] : sectionsOf(lines);
  const chunks: Chunk[] = [];
  for (const { title, lines: under } of sections) {
    for (const part of partsOf(under)) {
      if (chunks.length === MOST_CHUNKS) return chunks;
      chunks.push(chunkOf(document, title, part, { origin, n: chunks.length }));
    }
  }
  return chunks;
}

function chunkOf(
  { path, commit = '' }: Document,
  title: string,
  part: Line[],
  { origin, n }: { origin: string; n: number },
): Chunk {
  const fromLine = part[0]?.line ?? 1;
  const text = part.map((line) => line.text).join('\n');
  // Of what is cited: the same words in the same lines keep their id over every rebuild, others never get it.
  const id = createHash('sha256')
    .update(JSON.stringify([origin, path, fromLine, n, text]))
    .digest('hex')
    .slice(0, 32);
  return {
    ...{ id, path, commit, fromLine, toLine: part.at(-1)?.line ?? fromLine },
    ...{ title: oneLine(title === '' ? path : title, 200), text },
  };
}

type Section = { title: string; lines: Line[] };

function sectionsOf(lines: readonly Line[]): Section[] {
  const above: { level: number; title: string }[] = [];
  const sections: Section[] = [{ title: '', lines: [] }];
  let fence: string | undefined;
  for (const [i, line] of lines.entries()) {
    const mark = /^\s{0,3}(```|~~~)/.exec(line.text)?.[1];
    if (mark !== undefined) fence = fence === undefined ? mark : fence === mark ? undefined : fence;
    const heading = fence === undefined ? headingAt(line.text, lines[i + 1]?.text) : undefined;
    if (heading !== undefined) {
      while ((above.at(-1)?.level ?? 0) >= heading.level) above.pop();
      above.push(heading);
      sections.push({ title: above.map(({ title }) => title).join(' › '), lines: [] });
    }
    sections.at(-1)?.lines.push(line);
  }
  // A heading with nothing below it is in the titles of those that follow.
  return sections.filter(
    ({ lines: under }) =>
      under.some(({ text }, i) => i > 0 && /[\p{L}\p{N}]/u.test(text)) ||
      (under[0] && headingAt(under[0].text, undefined) === undefined && /[\p{L}\p{N}]/u.test(under[0].text)),
  );
}

/** Of Markdown, AsciiDoc and reStructuredText. */
function headingAt(text: string, next: string | undefined): { level: number; title: string } | undefined {
  const [, marks, title] = /^(#{1,6}|={1,6})\s+(\S.{0,300}?)\s*[#=]*$/.exec(text) ?? [];
  if (marks !== undefined && title !== undefined) return { level: marks.length, title };
  const under = next === undefined ? undefined : /^(=|-|~|\^)\1{2,}\s*$/.exec(next)?.[1];
  const isTitle =
    under !== undefined && /[\p{L}\p{N}]/u.test(text) && (next?.trim().length ?? 0) >= text.trim().length - 2;
  return isTitle ? { level: '=-~^'.indexOf(under) + 1, title: text.trim() } : undefined;
}

function* partsOf(lines: readonly Line[]): Generator<Line[]> {
  let part: Line[] = [];
  let size = 0;
  for (const line of lines.flatMap(shortened)) {
    const isFull = size + line.text.length > MOST_CHARACTERS;
    // A paragraph's end is a better place than the middle of one, once there is something to say.
    const isBreak = line.text.trim() === '' && size > MOST_CHARACTERS / 2;
    if ((isFull || isBreak) && part.length > 0) {
      yield* trimmed(part);
      part = [];
      size = 0;
    }
    part.push(line);
    size += line.text.length + 1;
  }
  yield* trimmed(part);
}

/** A line without an end is cut; its parts all stand in it. */
function shortened({ line, text }: Line): Line[] {
  if (text.length <= MOST_CHARACTERS) return [{ line, text }];
  const parts: Line[] = [];
  for (let at = 0; at < text.length; at += MOST_CHARACTERS)
    parts.push({ line, text: text.slice(at, at + MOST_CHARACTERS).toWellFormed() });
  return parts;
}

function* trimmed(part: Line[]): Generator<Line[]> {
  const first = part.findIndex(({ text }) => text.trim() !== '');
  if (first < 0) return;
  yield part.slice(first, part.findLastIndex(({ text }) => text.trim() !== '') + 1);
}
