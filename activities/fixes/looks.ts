import { testName } from '../../decisions/verdict-words.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import { findRelease, listReleases } from '../../store/releases.ts';
import { suiteVerdicts } from '../../store/suite-report.ts';
import { threadOf } from '../../store/thread.ts';
import { createEvidence, shortVerdict } from '../agent/evidence.ts';
import type { Looks } from '../agent/investigate.ts';
import type { LiveStatus } from '../health/live-status.ts';
import type { Knowledge } from '../ticket/knowledge.ts';

export type LooksDeps = {
  db: Db;
  artifacts: ArtifactStore;
  knowledge?: Knowledge;
  status: LiveStatus;
};

const NEWEST = 10;

/** What an investigation sees beside source. What does not answer is told as such: that is news too. */
export function createLooks({ db, artifacts, knowledge, status }: LooksDeps): Looks {
  const evidence = createEvidence(db, artifacts);
  return {
    async knowledge(question) {
      if (knowledge === undefined) return 'there is no knowledge configured';
      const { chunks, enough } = await knowledge.searchKnowledge({ question, audience: [], limit: 6 });
      if (chunks.length === 0) return 'nothing is found';
      const found = chunks.map(({ id, source, path, text }) => `## chunk ${id}: ${source} ${path}\n${text}`);
      return [...(enough ? [] : ['Nothing speaks of it; these share some of its words:']), ...found].join('\n\n');
    },

    // As it is searched: only of what everyone may read.
    stands: async (chunkId, quote) => (await knowledge?.checkCitation({ chunkId, quote, audience: [] })) ?? false,

    status: status.whole,

    log: status.log,

    async evidence({ release, what, test }) {
      const id = await findRelease(db, release);
      if (id === undefined) return 'there is no such release';
      const runs = await db
        .selectFrom('suite_run')
        .select('suite_run')
        .where('release', '=', id)
        // Proofs and trials of agents are kept beside them, under no candidate.
        .where('candidate_number', '>', 0)
        .orderBy('started_at')
        .execute();
      const all = await Promise.all(
        runs.map(async ({ suite_run: suiteRun }) =>
          (await suiteVerdicts(db, suiteRun)).map((verdict) => ({ suiteRun, ...verdict })),
        ),
      );
      const found = all.flat().filter((one) => test === undefined || testName(one) === test);
      if (found.length === 0) return test === undefined ? 'it has no verdicts' : 'it has no verdict of this test';
      if (test === undefined) return found.map((one) => `${one.suiteRun}: ${shortVerdict(one)}`).join('\n');
      // The newest candidate's is the one that stands.
      const { suiteRun, unit, test: method } = found.at(-1)!;
      return evidence.read({ fork: '', base: '', candidate: '', suiteRun, unit, test: method }, what);
    },

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
