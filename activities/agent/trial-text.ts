import { judgeProof } from '../../decisions/repair-proof.ts';
import { testName } from '../../decisions/verdict-words.ts';
import type { ProofOutcome } from '../../workflows/proof-types.ts';
import type { Digest } from '../../workflows/types.ts';

/** What the model is told of a trial: counts, and the log of the first test that still fails. */
export async function trialText(outcome: ProofOutcome, read: (digest: Digest) => Promise<string>): Promise<string> {
  const { proven, reasons } = judgeTrial(outcome);
  if (outcome.kind !== 'ran') return reasons.join('\n');
  if (outcome.tests.length === 0)
    return 'it builds; no test is known that failed, so none was run here: the suites run once it is handed in';
  const lines = [proven ? 'it builds, and the tests pass' : reasons.join('\n')];
  for (const test of outcome.tests) {
    const { pass, fail } = test.after;
    lines.push(`${testName(test)} failed in ${fail} of ${pass + fail} runs with your files`);
  }
  const failing = outcome.tests.find(({ log }) => log !== undefined);
  if (failing?.log !== undefined) lines.push(`the log of ${failing.test}:`, await read(failing.log));
  return lines.join('\n');
}

/** A trial runs nothing on what was held: that it fails there is known. */
function judgeTrial(outcome: ProofOutcome) {
  if (outcome.kind !== 'ran') return judgeProof(outcome);
  const tests = outcome.tests.map((test) => ({ ...test, before: { pass: 0, fail: 1 } }));
  return judgeProof({ ...outcome, tests });
}
