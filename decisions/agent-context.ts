/** A rough measure: code and English have about this many characters a token, and more is safer than less. */
const CHARACTERS_A_TOKEN = 3;
/** Outputs of the last turns are left whole, whatever their size. */
const LEFT_WHOLE = 4;

type Item = Record<string, unknown>;

const sizeOf = (item: Item) => JSON.stringify(item).length;

/**
 * What of a transcript the model is sent: all of it where it fits, else without the text of the oldest tool outputs, which
 * stay in the store and can be read again. Instructions, its own words and its calls are never left out.
 */
export function fitTranscript(items: readonly Item[], contextTokens: number): Item[] {
  const most = contextTokens * CHARACTERS_A_TOKEN * 0.8;
  let size = items.reduce((sum, item) => sum + sizeOf(item), 0);
  if (size <= most) return [...items];
  const outputs = items.flatMap((item, i) => (item.type === 'function_call_output' ? [i] : []));
  const old = new Set<number>();
  for (const i of outputs.slice(0, -LEFT_WHOLE)) {
    if (size <= most) break;
    size -= sizeOf(items[i]!) - 100;
    old.add(i);
  }
  return items.map((item, i) =>
    old.has(i) ? { ...item, output: '[left out to save room: make the call again if you need it]' } : item,
  );
}
