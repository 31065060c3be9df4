/**
 * `npm run proof -- rollouts`: harmless candidates, seeded faults, and troubles that are not the candidate's, each rolled through a real cluster of three
 * brokers by the product, with the gates as they come. It takes hours: run it in parts.
 *
 *   --clean N     harmless candidates (20)
 *   --faults N    seeded faults of eleven kinds (21)
 *   --only X,…    only these cases (`slow-follower-1`) or kinds (`harmless`)
 *   --seconds N   begin no other one after so long (86400)
 *   --file FILE   where outcomes are kept (proof/outcomes/rollouts.jsonl); what is in it is not rolled again. Commit the
 *                 file after each part.
 *   --since X     only what was measured at this commit or one after it, or from this date on, counts; the rest is
 *                 rolled again
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measuredAt, newerThan, outcomesFile } from './kept-outcomes.ts';
import { FAULTS, harmless } from './rollouts/faults.ts';
import { proveRollouts, type RolloutProof } from './rollouts/prove-rollouts.ts';
import { TROUBLES } from './rollouts/troubles.ts';
import type { Measured } from './run.ts';

const GOALS = { clean: 20, faults: 20, troubles: TROUBLES.length, cleanStopped: 1, caught: 18, kinds: 8, notWhole: 0 };

export async function proof(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      clean: { type: 'string', default: String(GOALS.clean) },
      faults: { type: 'string', default: String(FAULTS.length) },
      only: { type: 'string' },
      seconds: { type: 'string', default: '86400' },
      file: { type: 'string', default: outcomesFile('rollouts') },
      since: { type: 'string' },
    },
  });
  const only = values.only?.split(',');
  const faults = FAULTS.slice(0, Number(values.faults));
  const clean = Array.from({ length: Number(values.clean) }, (_, index) => harmless(index + 1));
  // In turns, so that a part of it says something about both.
  const mixed = Array.from({ length: Math.max(clean.length, faults.length) }, (_, index) => [
    ...faults.slice(index, index + 1),
    ...clean.slice(index, index + 1),
  ]).flat();
  const cases = [...mixed, ...TROUBLES].filter(
    ({ id, kind }) => only === undefined || only.includes(id) || only.includes(kind),
  );
  const proofs = await proveRollouts(cases, {
    file: resolve(values.file),
    counts: newerThan(values.since),
    seconds: Number(values.seconds),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const figures = figuresOf(proofs);
  const met =
    figures.clean >= GOALS.clean &&
    figures.faults >= GOALS.faults &&
    figures.troubles.length >= GOALS.troubles &&
    figures.cleanStopped.length <= GOALS.cleanStopped &&
    figures.caught >= GOALS.caught &&
    figures.kinds >= GOALS.kinds &&
    figures.notWhole.length <= GOALS.notWhole;
  return { figures, goals: GOALS, met };
}

function figuresOf(proofs: readonly RolloutProof[]) {
  const clean = proofs.filter(({ kind }) => kind === 'harmless');
  const faults = proofs.filter(({ kind }) => kind !== 'harmless' && kind !== 'trouble');
  const troubles = proofs.filter(({ kind }) => kind === 'trouble');
  const caught = faults.filter(({ outcome }) => outcome !== 'promoted');
  const ids = (of: readonly RolloutProof[]) => of.map(({ id, outcome }) => `${id} ${outcome}`);
  return {
    clean: clean.length,
    cleanStopped: ids(clean.filter(({ outcome }) => outcome !== 'promoted')),
    faults: faults.length,
    kinds: new Set(faults.map(({ kind }) => kind)).size,
    caught: caught.length,
    onFirstNode: caught.filter(({ touched }) => touched <= 1).length,
    frozen: ids(caught.filter(({ outcome }) => outcome === 'frozen')),
    // Those that were caught in spite of it ended for another reason, or before they could act.
    didNotAct: ids(faults.filter(({ acted }) => acted === false)),
    letThrough: ids(faults.filter(({ outcome }) => outcome === 'promoted')),
    troubles: ids(troubles),
    notWhole: ids(proofs.filter(({ whole }) => !whole)),
    seconds: proofs.reduce((sum, { seconds }) => sum + seconds, 0),
    measured: measuredAt(proofs),
  };
}
