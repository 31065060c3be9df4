import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomFrom } from '../../lib/random.ts';
import { LABELLED, runbookOf } from '../../test/knowledge/labelled.ts';

/** A question made of words of one section; it should be found among all that its readers may read. */
export type Planted = { group: number; path: string; title: string; question: string };

const SECTIONS = 20;
const WORDS = 90;
const VOCABULARY = 30_000;

/**
 * One folder a group, of Markdown files of twenty sections whose words are as frequent as in prose (Zipf); the labelled
 * runbooks lie in the first. Returns a question for some of the sections: three words of it, none of them frequent.
 */
export function writeCorpus(
  dir: string,
  { chunks, groups, questions }: Record<'chunks' | 'groups' | 'questions', number>,
) {
  const random = randomFrom(20_261_130);
  const word = () => wordOf(Math.floor(VOCABULARY ** random()));
  const files = Math.ceil(chunks / groups / SECTIONS);
  const every = Math.max(1, Math.floor((files * groups * SECTIONS) / questions));
  const planted: Planted[] = [];
  let section = 0;
  for (let group = 0; group < groups; group += 1) {
    const folder = join(dir, `group-${group}`);
    mkdirSync(folder, { recursive: true });
    for (let file = 0; file < files; file += 1) {
      const path = `file-${file}.md`;
      const text: string[] = [];
      for (let n = 0; n < SECTIONS; n += 1) {
        const title = `${wordOf(section % VOCABULARY)} ${n}`;
        const words = Array.from({ length: WORDS }, word);
        text.push(`## ${title}\n`, words.join(' '), '');
        if (section % every === 0) planted.push({ group, path, title, question: rareOf(words) });
        section += 1;
      }
      writeFileSync(join(folder, path), text.join('\n'));
    }
  }
  for (const one of LABELLED) writeFileSync(join(dir, 'group-0', `${one.name}.md`), runbookOf(one));
  return planted;
}

const SYLLABLES = 'ba ce di fo gu ka le mi no pu ra se ti vo wu za'.split(' ');

/** The n-th word, which no ending of English is cut off from; the frequent ones come first. */
function wordOf(n: number): string {
  let word = '';
  for (let left = n + 256; left > 0; left = Math.floor(left / 16)) word += SYLLABLES[left % 16];
  return word;
}

const rank = new Map(Array.from({ length: VOCABULARY }, (_, n) => [wordOf(n), n]));
const rareOf = (words: readonly string[]): string =>
  [...new Set(words)]
    .sort((a, b) => (rank.get(b) ?? 0) - (rank.get(a) ?? 0))
    .slice(2, 5)
    .join(' ');
