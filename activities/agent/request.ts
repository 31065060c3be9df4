import { Buffer } from 'node:buffer';
import type OpenAI from 'openai';
import type { ModelSettings } from '../../config/schema.ts';
import { leftOut } from '../../decisions/agent-context.ts';
import { redact, redactJson } from '../../lib/redact.ts';
import type { Item } from './transcript.ts';

/** What the model is told of a tool: a JSON schema of its arguments. */
export type ToolSpec = { name: string; description: string; parameters: Record<string, unknown> };

type Body = Omit<OpenAI.Responses.ResponseCreateParamsStreaming, 'input'>;

/**
 * The body of one question, as JSON. Half a megabyte of it is the past, which each turn sends anew: an item is redacted
 * and written as JSON once, and put together with the others after that. `leftOut`: so many of the oldest outputs are not
 * in it.
 */
export function requestBody(
  { name, contextTokens }: Pick<ModelSettings, 'name' | 'contextTokens'>,
  items: readonly Item[],
  tools: readonly ToolSpec[],
): { body: Buffer; leftOut: number } {
  const around = {
    model: name,
    stream: true,
    // Nothing is kept there; so a model that reasons has to give its reasoning along, or it cannot be given back.
    store: false,
    include: ['reasoning.encrypted_content'],
    tools: tools.map((tool) => ({ type: 'function' as const, strict: false, ...tool })),
  } satisfies Body;
  const written = items.map(writtenOf);
  const old = leftOut(written, contextTokens);
  const input = written.flatMap((item, i) => {
    const text = old.has(i) ? withoutOutput(item) : item.json;
    return i === 0 ? [text] : [COMMA, text];
  });
  const head = `${JSON.stringify(around).slice(0, -1)},"input":[`;
  return { body: Buffer.concat([Buffer.from(head), ...input, Buffer.from(']}')]), leftOut: old.size };
}

const COMMA = Buffer.from(',');

/** An item as it is sent, redacted. `shortened`: without its output, once that was left out. */
type Written = { item: Item; json: Buffer; characters: number; isOutput: boolean; shortened?: Buffer };

/** An entry of a transcript never changes; without this each turn would read the whole past of its run once more. */
const known = new WeakMap<Item, Written>();

function writtenOf(item: Item): Written {
  const found = known.get(item);
  if (found !== undefined) return found;
  const redacted = redactItem(item);
  const text = JSON.stringify(redacted);
  const isOutput = item.type === 'function_call_output';
  const made: Written = { item: redacted, json: Buffer.from(text), characters: text.length, isOutput };
  known.set(item, made);
  return made;
}

function withoutOutput(written: Written): Buffer {
  const output = '[left out to save room: make the call again if you need it]';
  written.shortened ??= Buffer.from(JSON.stringify({ ...written.item, output }));
  return written.shortened;
}

/**
 * Takes secrets out of the texts of an item. Texts alone: in JSON a quote is escaped, and a rule for `password="…"`
 * would not know it; and what the model gave encrypted has to go back as it came.
 */
export function redactItem(item: Item): Item {
  const { type, content } = item;
  if (type === 'function_call_output') return { ...item, output: redact(String(item.output)) };
  if (type === 'function_call') return { ...item, arguments: redactArguments(String(item.arguments)) };
  if (typeof content === 'string') return { ...item, content: redact(content) };
  return Array.isArray(content) ? { ...item, content: content.map(redactPart) } : item;
}

/** Of a call the texts inside of its JSON; what is no JSON as it stands. Without a secret it goes as it came. */
function redactArguments(given: string): string {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    if (error instanceof SyntaxError) return redact(given);
    throw error;
  }
  const redacted = JSON.stringify(redactJson(value));
  return redacted === JSON.stringify(value) ? given : redacted;
}

const redactPart = (part: Item): Item => (typeof part.text === 'string' ? { ...part, text: redact(part.text) } : part);
