import type { GivenLayer } from '../../decisions/agent-context.ts';
import { type ArtifactStore, digestOf } from '../../store/artifacts.ts';
import type { ToolCall } from '../../workflows/agent-types.ts';
import type { Digest } from '../../workflows/types.ts';
import type { SkillSummary } from './skills.ts';

/** One item of the Responses API's input, as it was sent or received. */
export type Item = Record<string, unknown>;

/** What a brief was made of: told to people, never sent. */
export type BriefRecord = { layers: GivenLayer[]; skills: SkillSummary[]; memories?: GivenMemory[] };

/** What is remembered and was given, with where it comes from. */
export type GivenMemory = { memory: string; from: string; digest: string; confirmedBy: string | null };

type Entry = { previous?: Digest; items: Item[]; record?: BriefRecord };

/** Entries a worker keeps in memory, so that a long run does not read its whole past at each turn. */
const KEPT = 2_000;

/**
 * A transcript is a chain of entries in the artifact store, each named by its digest and naming the one before: it is
 * appended and never changed, and its head is all that a workflow holds.
 */
export function createTranscripts(artifacts: ArtifactStore) {
  const known = new Map<Digest, Entry>();

  async function entry(digest: Digest): Promise<Entry> {
    const found = known.get(digest);
    if (found !== undefined) return found;
    const read = JSON.parse((await artifacts.read(digest)).toString('utf8')) as Entry;
    keep(digest, read);
    return read;
  }

  function keep(digest: Digest, it: Entry): void {
    known.set(digest, it);
    for (const oldest of known.keys()) {
      if (known.size <= KEPT) break;
      known.delete(oldest);
    }
  }

  return {
    /** Everything up to and with `head`, oldest first. */
    async read(head: Digest): Promise<Item[]> {
      const parts: Item[][] = [];
      for (let at: Digest | undefined = head; at !== undefined; ) {
        const it: Entry = await entry(at);
        parts.push(it.items);
        at = it.previous;
      }
      return parts.reverse().flat();
    },

    /** What a call was given, of the entry that holds it. By digest too: a model may give two calls one id. */
    async argumentsOf(head: Digest, { id, arguments: given }: ToolCall): Promise<string> {
      const { items } = await entry(head);
      const calls = items.filter(({ type, call_id }) => type === 'function_call' && call_id === id);
      const found = calls.map((call) => String(call.arguments)).find((text) => digestOf(text) === given);
      if (found === undefined) throw new Error(`entry ${head} of the transcript does not hold the call ${id}`);
      return found;
    },

    /** What the brief was made of; nothing for one that was written before that was kept. */
    record: async (brief: Digest): Promise<BriefRecord> => (await entry(brief)).record ?? { layers: [], skills: [] },

    /** Returns the new head. Safe to repeat: the same words after the same past have the same digest. */
    async append(previous: Digest | undefined, items: Item[], record?: BriefRecord): Promise<Digest> {
      const it: Entry = { ...(previous !== undefined && { previous }), items, ...(record && { record }) };
      const { sha256 } = await artifacts.put(JSON.stringify(it));
      keep(sha256, it);
      return sha256;
    },
  };
}

export type Transcripts = ReturnType<typeof createTranscripts>;
