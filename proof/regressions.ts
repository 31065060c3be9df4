/**
 * `npm run proof -- regressions`: real regressions of upstream, made from two published source jars in reverse
 * (base: the newer sources; one commit of a stack puts one file of the older ones back), released by the product
 * itself. Each must be held as *regression*, with the tests that fail upstream and the commit that did it.
 *
 *   --only ID,…   only these (the ids are printed)
 *   --others      others of the kind too, that nobody has written down
 *   --model URL   a server of the model's protocol: its agent repairs what is held (one that lets a person answer will do)
 *   --seed N      other harmless patches around, and another place in the stack
 */
import { parseArgs } from 'node:util';
import { proveRegressions } from './kafka/prove-regressions.ts';
import { OTHERS, REGRESSIONS } from './kafka/regression-cases.ts';
import type { Measured } from './run.ts';

const say = (line: string) => process.stderr.write(`${line}\n`);

export async function proof(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      others: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      model: { type: 'string' },
    },
  });
  const only = values.only?.split(',');
  const known = [...REGRESSIONS, ...(values.others || only ? OTHERS : [])];
  const chosen = known.filter(({ id }) => only?.includes(id) ?? true);
  if (chosen.length === 0) throw new Error(`there is no such case; there are: ${known.map(({ id }) => id).join(', ')}`);
  const outcomes = await proveRegressions(chosen, { seed: Number(values.seed), say, model: values.model });
  const right = outcomes.filter(({ problems }) => problems.length === 0).length;
  return {
    figures: { cases: outcomes.length, right, outcomes },
    goals: { right: outcomes.length },
    met: right === outcomes.length,
  };
}
