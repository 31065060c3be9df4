type Entry = Readonly<Record<string, unknown>>;

/** What is no sentence of anybody: names, digests, kinds. Whatever an entry has beside these may hold words. */
const NO_WORDS: Readonly<Record<string, (value: unknown) => unknown>> = {
  decision: (value) => value,
  digest: (value) => value,
  use: (value) => value,
  issued: (value) => value,
  outcome: (value) => pick(value, ['kind', 'by']),
};

const pick = (value: unknown, names: readonly string[]) =>
  Object.fromEntries(Object.entries(Object(value) as Entry).filter(([name]) => names.includes(name)));

/** An entry of the audit for whoever may not read what it is about: what was done, and why nothing more is shown. */
export function withoutWords(entry: Entry, reason: string): Record<string, unknown> {
  const kept = Object.entries(entry).flatMap(([name, value]) => {
    const of = Object.hasOwn(NO_WORDS, name) ? NO_WORDS[name] : undefined;
    return of === undefined ? [] : [[name, of(value)] as const];
  });
  return { ...Object.fromEntries(kept), withheld: reason };
}
