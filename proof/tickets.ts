/**
 * `npm run proof -- tickets --model URL`: whole tickets, lived on the product from the question in Slack to the end that
 * they should have: answered from the right document, or fixed at the true cause, approved, applied and verified. A
 * reader answers as the model, who knows nothing but what the product sends, through any such server; so this is run by hand.
 * Whether the cause was found is looked at from outside: the file on its branch, the cluster, a test that nobody saw.
 *
 *   --only ID,…   only these (the ids are printed)
 *   --at-once N   so many tickets side by side (2)
 */
import { parseArgs } from 'node:util';
import type { Measured } from './run.ts';
import { TICKETS } from './tickets/cases.ts';
import { proveTickets } from './tickets/prove-tickets.ts';

const say = (line: string) => process.stderr.write(`${line}\n`);

export async function proof(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      model: { type: 'string', default: 'http://127.0.0.1:8642/v1' },
      'at-once': { type: 'string', default: '2' },
    },
  });
  const only = values.only?.split(',');
  const chosen = TICKETS.filter(({ id }) => only?.includes(id) ?? true);
  if (chosen.length === 0)
    throw new Error(`there is no such ticket; there are: ${TICKETS.map(({ id }) => id).join(', ')}`);
  const outcomes = await proveTickets(chosen, { model: values.model, say, atOnce: Number(values['at-once']) });
  const right = outcomes.filter(({ problems }) => problems.length === 0).length;
  const misled = chosen.filter((one) => one.misled !== undefined).length;
  return {
    figures: { tickets: outcomes.length, misled, right, outcomes },
    goals: { right: outcomes.length },
    met: right === outcomes.length,
  };
}
