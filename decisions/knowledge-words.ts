/**
 * Words as questions and chunks are compared by: lower case, without accents, names of code taken apart, the endings
 * of English cut off roughly. Roughly is enough: both sides are cut alike.
 */
const STOP = new Set(
  `a about above after again against all also am an and any are as at be because been before being below between both
  but by can cannot could did do does doing done down during each few for from further get gets getting give go going got had
  has have having he hello help her here hey hi how however i if in into is it its just know let like look looking make
  may me mean means might more most much must my need needs no nor not now of off ok on once one only or other our out over own
  please possible question right same see seem seems set shall she should show since so some somebody someone something still such
  tell than thank thanks that the their them then there these they thing things this those through to too try trying under until up us use
  used using very want wants was way we were what when where which while who whom whose why will with without wonder would
  yes yet you your`.split(/\s+/),
);

/** The longest question that is looked at; what is pasted below it is rarely the question. */
const MOST_WORDS = 48;

/** The words that carry a question, as they stand, each once. */
export function questionWords(question: string): string[] {
  const seen = new Map<string, string>();
  for (const word of wordsOf(question)) {
    if (!STOP.has(word) && !seen.has(stem(word))) seen.set(stem(word), word);
    if (seen.size === MOST_WORDS) break;
  }
  return [...seen.values()];
}

/** The stems of a text. */
export function stemsOf(text: string): Set<string> {
  return new Set(wordsOf(text).map(stem));
}

/** `KafkaRaftClient` is found by "raft client", and by itself. Parts only, for an index that has the text anyway. */
export function nameParts(text: string): string {
  const parts: string[] = [];
  for (const [name] of text.matchAll(/\b[A-Za-z]+[a-z0-9][A-Z][A-Za-z0-9]*\b/g)) parts.push(...partsOf(name));
  return [...new Set(parts)].join(' ');
}

function wordsOf(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}+/gu, '');
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).flatMap((name) => {
    const parts = partsOf(name).map((part) => part.toLowerCase());
    const whole = name.toLowerCase();
    return (parts.length > 1 ? [whole, ...parts] : [whole]).filter(({ length }) => length > 1 && length <= 60);
  });
}

const partsOf = (name: string): string[] => name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+/g) ?? [];

export function stem(word: string): string {
  if (word.length < 4) return word;
  let cut = word
    .replace(/ies$/, 'y')
    .replace(/(ss|sh|ch|x|z)es$/, '$1')
    .replace(/([^su])s$/, '$1');
  const bare = cut.replace(/(ing|ed|ly|ment)$/, '');
  // `ring` and `need` end so by themselves.
  if (bare !== cut && bare.length >= 3 && /[aeiouy]/.test(bare)) cut = bare.replace(/([^aeiouls])\1$/, '$1');
  return cut.length > 3 ? cut.replace(/e$/, '') : cut;
}
