/**
 * A history without the machine that it was recorded on: the same text is put in the same place everywhere, in
 * plain fields (queues, identities, stack traces) and inside payloads, which are base64 in a history's JSON.
 */

/** Longer texts first, so that a folder is replaced before its parent. */
export type Replacements = readonly (readonly [from: string, to: string])[];

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The history with every text replaced. */
export function neutral(history: Json, replacements: Replacements): Json {
  return mapTexts(history, (text) => replacements.reduce((done, [from, to]) => done.replaceAll(from, to), text));
}

/** Every text of a history, payloads decoded: for whoever looks for what must not be inside. */
export function textsOf(history: Json): string[] {
  const found: string[] = [];
  mapTexts(history, (text) => {
    found.push(text);
    return text;
  });
  return found;
}

function mapTexts(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return change(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  const payload = isPayload(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (!payload || typeof item !== 'string') return [name, mapTexts(item, change)];
      return [name, encode(change(decode(item)))];
    }),
  );
}

const isPayload = (value: { [name: string]: Json }) => typeof value.data === 'string' && 'metadata' in value;
const decode = (base64: string) => Buffer.from(base64, 'base64').toString('utf8');
const encode = (text: string) => Buffer.from(text, 'utf8').toString('base64');
