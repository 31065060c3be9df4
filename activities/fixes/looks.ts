import type { Db } from '../../store/database.ts';
import { findRelease, listReleases } from '../../store/releases.ts';
import { threadOf } from '../../store/thread.ts';
import type { Looks } from '../agent/investigate.ts';
import type { LiveStatus } from '../health/live-status.ts';
import type { Knowledge } from '../ticket/knowledge.ts';

export type LooksDeps = {
  db: Db;
  knowledge?: Knowledge;
  status: LiveStatus;
};

const NEWEST = 10;

/** What an investigation sees beside source. What does not answer is told as such: that is news too. */
export function createLooks({ db, knowledge, status }: LooksDeps): Looks {
  return {
    async knowledge(question) {
      if (knowledge === undefined) return 'there is no knowledge configured';
      const { chunks, enough } = await knowledge.searchKnowledge({ question, audience: [], limit: 6 });
      if (chunks.length === 0) return 'nothing is found';
      const found = chunks.map(({ id, source, path, text }) => `## chunk ${id}: ${source} ${path}\n${text}`);
      return [...(enough ? [] : ['Nothing speaks of it; these share some of its words:']), ...found].join('\n\n');
    },

    stands: async (chunkId, quote) => (await knowledge?.checkCitation({ chunkId, quote })) ?? false,

    status: status.whole,

    async releases(release, fork) {
      if (release !== undefined) {
        // Threads of tickets are kept beside them, and not everybody may read those.
        const id = await findRelease(db, release, fork);
        if (id === undefined) return 'there is no such release';
        return (await threadOf(db, id)).map(({ at, text }) => `${at} ${text}`).join('\n');
      }
      const found = await listReleases(db, { limit: NEWEST, ...(fork !== undefined && { fork }) });
      const line = ({ id, ref, step, outcome }: (typeof found)[number]) =>
        `${id} ${ref}: ${outcome === null ? step : [outcome.kind, ...('reasons' in outcome ? outcome.reasons : [])].join('; ')}`;
      return found.map(line).join('\n') || 'there is no release yet';
    },
  };
}
