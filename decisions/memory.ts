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

type OnFile = { place: string; path: string };
/** On files, and on values of an environment. */
type Resting = Remembered & { rests_on: readonly (OnFile | { environment: string })[] };

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
  const ofPlaces = memories.filter((memory) => filesOf(memory).some(({ place }) => places.includes(place)));
  const ofFiles = ofPlaces.filter((memory) =>
    filesOf(memory).some(({ place, path }) => places.includes(place) && paths.includes(path)),
  );
  const speaking = question === '' ? ofPlaces : memoriesOf(question, ofPlaces);
  return [...new Set([...ofFiles, ...speaking])].slice(0, MOST);
}

const filesOf = ({ rests_on }: Resting): OnFile[] => rests_on.filter((rest) => 'place' in rest);

const MOST_ASKED = 5;

/** Who is asked to confirm it: whoever approved the fix, as far as he answers tickets; else those who do. */
export function whomToAsk(responders: readonly string[], approvedBy: readonly string[]): string[] {
  const both = approvedBy.filter((person) => responders.includes(person));
  return (both.length > 0 ? both : [...responders]).slice(0, MOST_ASKED);
}

export const confirmWords = (memory: string, persons: readonly string[]): string =>
  `What this fix taught waits for ${persons.join(' or ') || 'somebody who answers tickets and may read it'}; no answer is given it before: npx patchwright memory confirm ${memory} (or forget; read it: npx patchwright memory list)`;

/** By whom each is said: a memory is no document. */
export const memoryText = ({ asked, cause, change }: Remembered): string =>
  `Somebody asked: ${asked}\nThe cause that was found: ${cause}\nWhat helped, approved and verified then: ${change}`;
