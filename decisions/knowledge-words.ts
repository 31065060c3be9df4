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

/** What is pasted below a question is rarely the question. */
const LONGEST_QUESTION = 8_000;
const MOST_WORDS = 48;

/** The words that carry a question, each once. */
export function questionWords(question: string): string[] {
  return [...new Set(carrying(question.slice(0, LONGEST_QUESTION)))].slice(0, MOST_WORDS);
}

/**
 * A text as it is searched in: its words in their order, names of code whole and in parts, separated by spaces. Made once,
 * when it is indexed: whoever asks waits for none of it.
 */
export const searchedWords = (text: string): string => carrying(text).join(' ');

const carrying = (text: string): string[] =>
  wordsOf(text)
    .filter((word) => !STOP.has(word))
    .map(stem);

function wordsOf(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII, all of it, has no accents; most texts are.
  const plain = /^[\u0000-\u007f]*$/.test(text) ? text : text.normalize('NFKD').replace(/\p{M}+/gu, '');
  const words: string[] = [];
  for (const name of plain.match(/[\p{L}\p{N}]+/gu) ?? []) {
    if (name.length > 1 && name.length <= LONGEST) words.push(name.toLowerCase());
    if (!IN_PARTS.test(name)) continue;
    for (const part of partsOf(name)) if (part.length > 1 && part.length <= LONGEST) words.push(part.toLowerCase());
  }
  return words;
}

const LONGEST = 60;
/** A change of case or kind after the first letter: `RaftClient`, `KRaft`, `node3`. */
const IN_PARTS = /[a-z\d][A-Z]|[A-Z][A-Z][a-z]|[A-Za-z]\d|\d[A-Za-z]/;

const partsOf = (name: string): string[] => name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+/g) ?? [];

/** Texts have few words and those often: a person waits while a hundred of them are read. */
const known = new Map<string, string>();
const MOST_KNOWN = 50_000;

export function stem(word: string): string {
  const before = known.get(word);
  if (before !== undefined) return before;
  if (known.size >= MOST_KNOWN) known.clear();
  const made = cutEnding(word);
  known.set(word, made);
  return made;
}

function cutEnding(word: string): string {
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
