import { countWords, testName } from '../../decisions/verdict-words.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import { failureTrace, suiteVerdicts } from '../../store/suite-report.ts';
import type { AgentSubject, DiagnosisSubject } from '../../workflows/agent-types.ts';
import type { TestKey } from '../../workflows/proof-types.ts';
import type { Verdict } from '../../workflows/types.ts';

const MOST_MESSAGES = 8;

type Subject = Pick<DiagnosisSubject, 'suiteRun' | 'unit' | 'test'>;

/** What is known of one verdict: the counts, the failing log and its difference, from the store. */
export function createEvidence(db: Db, artifacts: ArtifactStore) {
  async function verdictOf({ suiteRun, unit, test }: Subject): Promise<Verdict | undefined> {
    const all = await suiteVerdicts(db, suiteRun);
    return all.find((one) => one.unit === unit && one.test === test);
  }

  async function text(digest: string | undefined): Promise<string> {
    if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest) || !(await artifacts.has(digest)))
      return 'nothing is kept of it';
    return (await artifacts.read(digest)).toString('utf8');
  }

  return {
    /** A log by its digest, or the words that there is none. */
    text,

    /** The patches that the search for a culprit named; none where it found none, or there was no verdict. */
    async culprits({ suiteRun, unit, test }: AgentSubject): Promise<string[]> {
      if (suiteRun === undefined || unit === undefined || test === undefined) return [];
      return (await verdictOf({ suiteRun, unit, test }))?.culprit ?? [];
    },

    /** What tests said when they failed, a line each and so many of them. */
    async messages({ suiteRun, tests }: { suiteRun: string; tests: readonly TestKey[] }): Promise<string[]> {
      const wanted = new Set(tests.slice(0, MOST_MESSAGES).map(testName));
      const found = (await suiteVerdicts(db, suiteRun)).filter((one) => wanted.has(testName(one)));
      return found.map((one) => `${testName(one)} said: ${oneLine(one.message, 500)}`);
    },

    /** Where there is no verdict, what the build or git said is the log. */
    async read({ suiteRun, unit, test, log }: AgentSubject, what: 'verdict' | 'log' | 'difference'): Promise<string> {
      if (suiteRun === undefined || unit === undefined || test === undefined) {
        return what === 'log' && log !== undefined ? text(log) : 'there is no verdict: nothing was run; read the log';
      }
      const found = await verdictOf({ suiteRun, unit, test });
      if (found === undefined) return 'there is no such verdict';
      if (what === 'verdict') return verdictText(found);
      if (what === 'difference') return text(found.logDifference);
      const trace = await failureTrace(db, suiteRun, { unit, test });
      const printed = await text(found.evidence);
      return trace === undefined ? printed : `What the test failed with:\n${trace}\n\nIts log:\n${printed}`;
    },
  };
}

export type Evidence = ReturnType<typeof createEvidence>;

/** A line of it. */
export const shortVerdict = (verdict: Verdict): string =>
  `${testName(verdict)}: ${verdict.kind}; ${countWords(verdict)}; ${oneLine(verdict.message, 200)}`;

function verdictText(verdict: Verdict): string {
  const { kind, orderDependent, message, reason, culprit, culpritReason, power } = verdict;
  // Where there is no more to say than the counts, the reason is the counts.
  const why = reason === undefined || reason === countWords(verdict) ? [] : [`why: ${reason}`];
  return [
    `${testName(verdict)}: ${kind}${orderDependent ? ' (only in the order of its class or batch)' : ''}; ${countWords(verdict)}`,
    `first line of the failure: ${message}`,
    ...why,
    ...(power === undefined ? [] : [`power of the comparison: ${power}`]),
    `patch: ${culprit?.join(', ') ?? 'none found'}${culpritReason === undefined ? '' : ` (${culpritReason})`}`,
  ].join('\n');
}
