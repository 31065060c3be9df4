/**
 * `npm run proof -- repair`: the example with the push that upstream's tests catch (`example push breaks-tests`),
 * released for real: built, tested, held, explained, repaired into the guilty patch, proven, reviewed, released to
 * staging and production as a second candidate. A script answers as the model, so it says nothing of any model: what is
 * looked at is what the product does around one. No option.
 */
import { parseArgs } from 'node:util';
import { proveRepair } from './repair/prove-repair.ts';
import type { Measured } from './run.ts';

const say = (line: string) => process.stderr.write(`${line}\n`);

export async function proof(args: string[]): Promise<Measured> {
  parseArgs({ args, options: {} });
  const { figures, problems, left } = await proveRepair(say);
  return {
    figures: { ...figures, problems, left },
    goals: { outcome: 'released', problems: [], left: [] },
    met: figures.outcome === 'released' && problems.length === 0 && left.length === 0,
  };
}
