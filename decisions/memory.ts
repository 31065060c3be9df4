import { questionWords, searchedWords } from './knowledge-words.ts';

/** What is asked of memory: no more than a few stand beside the sources of an answer. */
const MOST = 3;
/** Of the words that carry a question, so many stand in what was asked, was the cause, and was done. */
const ENOUGH = 0.5;

type Remembered = { id: string; asked: string; cause: string; change: string };

/** Which memories speak of a question, the best first. A word in common is not enough. */
export function memoriesOf<M extends Remembered>(question: string, memories: readonly M[]): M[] {
  const asked = questionWords(question);
  if (asked.length === 0) return [];
  const scored = memories.map((memory) => {
    const words = new Set(searchedWords(`${memory.asked} ${memory.cause} ${memory.change}`).split(' '));
    return { memory, share: asked.filter((word) => words.has(word)).length / asked.length };
  });
  const speaking = scored.filter(({ share }) => share >= ENOUGH);
  speaking.sort((a, b) => b.share - a.share || (a.memory.id < b.memory.id ? -1 : 1));
  return speaking.slice(0, MOST).map(({ memory }) => memory);
}

type Resting = Remembered & { rests_on: readonly { place: string; path: string }[] };

/**
 * Which memories are of the code that an agent works on, the best first: those that rest on a file which it is about, then
 * those that rest on other files of the same places and speak of what it is asked. Without a question the newest of a
 * place come after those of its files. What rests on no file of these places is not given, whatever its words.
 */
export function memoriesAbout<M extends Resting>(
  about: { places: readonly string[]; paths?: readonly string[]; question?: string },
  memories: readonly M[],
): M[] {
  const { places, paths = [], question = '' } = about;
  const ofPlaces = memories.filter(({ rests_on }) => rests_on.some(({ place }) => places.includes(place)));
  const ofFiles = ofPlaces.filter(({ rests_on }) =>
    rests_on.some(({ place, path }) => places.includes(place) && paths.includes(path)),
  );
  const speaking = question === '' ? ofPlaces : memoriesOf(question, ofPlaces);
  return [...new Set([...ofFiles, ...speaking])].slice(0, MOST);
}

/** By whom each is said: a memory is no document. */
export const memoryText = ({ asked, cause, change }: Remembered): string =>
  `Somebody asked: ${asked}\nThe cause that was found: ${cause}\nWhat helped, approved and verified then: ${change}`;
