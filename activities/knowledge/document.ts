import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import type { KnowledgeSource } from '../../config/knowledge.ts';
import type { TicketRoom } from '../../decisions/closed-ticket.ts';
import { plainText, visible } from '../../lib/plain-text.ts';
import { redact } from '../../lib/redact.ts';
import type { IndexedSource } from '../../workflows/knowledge-types.ts';

/** A text with the place where it stands. Lines are those of the source: what is taken out leaves its line breaks. */
export type Document = { path: string; commit?: string; text: string };
export type Skipped = IndexedSource['skipped'];

/** Documents are hostile input: whatever somebody puts there, an index gets done. What is beyond is counted and told. */
export const LIMITS = { documentBytes: 1_000_000, documents: 50_000, sourceBytes: 256 << 20, depth: 40 };

const TEXTS = new Set('.md .markdown .mdx .txt .rst .adoc .asciidoc .html .htm'.split(' '));
const CODE = new Set(
  '.java .scala .kt .groovy .py .go .rs .ts .tsx .js .mjs .c .h .cc .cpp .hpp .cs .rb .proto .thrift .avsc .sql'.split(
    ' ',
  ),
);

/** By its name alone, before it is opened. */
export function isWanted(kind: KnowledgeSource['kind'], path: string): boolean {
  const ending = extname(path).toLowerCase();
  return kind === 'code' ? CODE.has(ending) : TEXTS.has(ending);
}

/**
 * What a file's bytes say, or undefined where it is no text: without what a terminal obeys, what nobody sees, and
 * secrets. Redacted as a whole, since a key has many lines.
 */
export function documentOf(path: string, bytes: Buffer | string, commit?: string): Document | undefined {
  const text = typeof bytes === 'string' ? bytes : decode(bytes);
  // Decoded by git's reader a byte that is no UTF-8 has become the sign for it.
  if (text === undefined || text.includes('\0') || (typeof bytes === 'string' && text.includes('\ufffd')))
    return undefined;
  const shown = /\.html?$/i.test(path) ? textOfHtml(text) : text;
  return {
    path: visible(path),
    ...(commit !== undefined && { commit }),
    text: redactLines(plainText(shown, Number.POSITIVE_INFINITY)),
  };
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // No text of ours: an answer, which the caller counts.
    return undefined;
  }
}

const KEY_BLOCK =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g;

/** Redacts, and keeps the lines below a key where they are, since citations name lines. */
export function redactLines(text: string): string {
  return redact(text.replace(KEY_BLOCK, (block) => redact(block) + '\n'.repeat(block.split('\n').length - 1)));
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'", nbsp: ' ', '#39': "'" };

/** The words of a page, each in its line; headings as in Markdown. Nothing is loaded, nothing expanded but these six. */
function textOfHtml(html: string): string {
  const lines = (block: string) => '\n'.repeat(block.split('\n').length - 1);
  return html
    .replace(/<!--[\s\S]*?(?:-->|$)/g, lines)
    .replace(/<(script|style)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, lines)
    .replace(/<h([1-6])\b[^<>]{0,1000}>/gi, (_, level: string) => `\n${'#'.repeat(Number(level))} `.slice(1))
    .replace(/<\/?[a-z][^<>]{0,2000}>/gi, (tag) => lines(tag) || ' ')
    .replace(/&(lt|gt|amp|quot|apos|nbsp|#39);/g, (_, name: string) => ENTITIES[name] ?? '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ (?=#)/gm, '');
}

/**
 * What a source is, but for who may read it: what was indexed of another folder under the same name is not found any
 * more, and a change of readers holds at once, without an index being made anew.
 */
export function originOf({ readers: _, ...definition }: KnowledgeSource): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 32);
}

/** Of the tickets of one room: by it the index tells who may read them. */
export function roomOrigin({ origin, room, only, rests }: TicketRoom & { origin: string }): string {
  return createHash('sha256')
    .update(JSON.stringify([origin, room, only, rests]))
    .digest('hex')
    .slice(0, 32);
}

/** Changes when any source is another than it was. */
export function sourcesDigest(sources: readonly KnowledgeSource[]): string {
  return createHash('sha256').update(sources.map(originOf).sort().join()).digest('hex');
}
