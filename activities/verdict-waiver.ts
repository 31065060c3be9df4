import type { Settings } from '../config/schema.ts';
import { holdsRelease } from '../decisions/failure-verdict.ts';
import { isQuarantined } from '../decisions/quarantine.ts';
import { type HeldTest, heldTestWords, waivable, waivedFacts, waiverBinds } from '../decisions/verdict-waiver.ts';
import { byWeight, type PatchName } from '../decisions/verdict-words.ts';
import { digestOfJson } from '../lib/canonical-json.ts';
import { oneLine } from '../lib/plain-text.ts';
import { approvalsOf } from '../store/approvals.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';
import { listFailures, saveVerdict } from '../store/suite-failures.ts';
import { suiteRunOf } from '../store/suites.ts';
import type { Build, Digest, VerdictKind, Waiver } from '../workflows/types.ts';
import { whyNotApproved } from './approvals.ts';

export type WaiverDeps = {
  db: Db;
  artifacts: ArtifactStore;
  settings: (digest: Digest) => Promise<Settings>;
};

/** The candidate that is held, and the suites that were run on it. */
export type WaiverOrder = { fork: string; settings: Digest; suiteRuns: string[] };

/** What people could be asked: the first lines, and by digest the whole of it and what it is bound to. */
export type ToWaive =
  | { kind: 'none' }
  | { kind: 'ask'; tests: number; kinds: VerdictKind[]; lines: string[]; details: Digest; verdicts: Digest };

export type UseOfWaiver = WaiverOrder & {
  approval: string;
  release: string;
  n: number;
  candidate: Pick<Build, 'commit' | 'version' | 'digest'>;
  base: Pick<Build, 'digest'>;
};

export type WaiverUsed = { kind: 'waived'; waiver: Waiver } | { kind: 'refused'; reason: string };

/** As many as a message has room for. */
const MOST_LINES = 25;
const LINE = 700;

export function createWaiverActivities({ db, artifacts, settings }: WaiverDeps) {
  /** Read from the store: an outcome in a history names the first of many. */
  async function holding({ suiteRuns }: Pick<WaiverOrder, 'suiteRuns'>): Promise<(HeldTest & { suiteRun: string })[]> {
    const of = async (suiteRun: string) => {
      const { suite } = await suiteRunOf(db, suiteRun);
      return (await listFailures(db, suiteRun)).flatMap(({ verdict }) =>
        verdict && holdsRelease(verdict.kind) && !isQuarantined(verdict) ? [{ ...verdict, suite, suiteRun }] : [],
      );
    };
    return byWeight((await Promise.all(suiteRuns.map(of))).flat());
  }

  async function toWaive(order: WaiverOrder) {
    const policy = (await settings(order.settings)).forks[order.fork]?.release.waivable ?? [];
    const held = await holding(order);
    const tests = waivable(held, policy);
    return { tests, verdicts: digestOfJson(waivedFacts(tests)) };
  }

  return {
    /**
     * What of a held candidate people may let through by the fork's policy: all that holds it, or nothing. Keeps the
     * whole of it beside the question. Safe to repeat.
     */
    async readWaivable({ patches, ...order }: WaiverOrder & { patches: PatchName[] }): Promise<ToWaive> {
      const { tests, verdicts } = await toWaive(order);
      if (tests.length === 0) return { kind: 'none' };
      const lines = tests.map((test) => oneLine(heldTestWords(test, patches), LINE));
      const details = (await artifacts.put(lines.join('\n'))).sha256;
      const kinds = [...new Set(tests.map(({ kind }) => kind))];
      return { kind: 'ask', tests: tests.length, kinds, lines: lines.slice(0, MOST_LINES), details, verdicts };
    },

    /**
     * Lets exactly what was approved through: read anew, asked once more, and kept with each verdict. Safe to repeat: the
     * same approval says the same, and its use is in the audit once.
     */
    async waiveVerdicts({ approval, release, n, candidate, base, ...order }: UseOfWaiver): Promise<WaiverUsed> {
      const { tests, verdicts } = await toWaive(order);
      const binds = waiverBinds({ release, n, candidate, base, verdicts });
      const use = { id: approval, binds, settings: await settings(order.settings), use: `${release}/${n}/waive` };
      const reason =
        tests.length === 0 ? `${approval}: nothing of it may be let through` : await whyNotApproved(db, use);
      if (reason !== undefined) return { kind: 'refused', reason };
      const [stored] = await approvalsOf(db, { id: approval });
      const waiver = { approval, by: stored?.outcome?.kind === 'approved' ? stored.outcome.by : [] };
      for (const { suite: _suite, suiteRun, ...verdict } of tests)
        await saveVerdict(db, suiteRun, { ...verdict, waiver });
      return { kind: 'waived', waiver };
    },
  };
}

export type WaiverActivities = ReturnType<typeof createWaiverActivities>;
