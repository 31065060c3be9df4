import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Digest } from '../../workflows/types.ts';
import type { Since } from '../agent.ts';
import { CUT_OFF, LAST_TURN, sameAgain, WORDS_ONLY } from './brief.ts';
import { headAndTail } from './output.ts';
import type { Item } from './transcript.ts';

/** Answers whose head and tail a worker keeps in memory: they are asked for a moment later. */
const KEPT = 100;

/** What came since a run's last turn, as it goes into the transcript. */
export function createNews(artifacts: ArtifactStore) {
  const known = new Map<string, string>();
  const keyOf = (call: string, whole: Digest) => `${whole} ${call}`;

  async function shownOf(call: string, whole: Digest): Promise<string> {
    const found = known.get(keyOf(call, whole));
    return found ?? headAndTail((await artifacts.read(whole)).toString('utf8'), call);
  }

  return {
    /** What a call was answered, which lies in the store as `whole`. */
    keep(call: string, whole: Digest, text: string): void {
      known.set(keyOf(call, whole), headAndTail(text, call));
      for (const oldest of known.keys()) {
        if (known.size <= KEPT) break;
        known.delete(oldest);
      }
    },

    async of({ results = [], told, last, again }: Since): Promise<Item[]> {
      const items: Item[] = [];
      for (const { id, output, whole } of results) {
        const text = output === undefined ? await shownOf(id, whole) : (await artifacts.read(output)).toString('utf8');
        items.push({ type: 'function_call_output', call_id: id, output: text });
      }
      if (told === 'words') items.push(WORDS_ONLY);
      if (told === 'cut-off') items.push(CUT_OFF);
      if (again !== undefined) items.push(sameAgain(again));
      if (last) items.push(LAST_TURN);
      return items;
    },
  };
}
