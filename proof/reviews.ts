/**
 * `npm run proof -- reviews --model URL`: the ten green-but-wrong repairs that reading by code lets through
 * (`test/repair/wrong-fixes.ts`), and five right ones, through the product's own three reviewers. A reader answers as the
 * model, through any server of its protocol that lets him; so this is run by hand. An objection counts with a changed
 * line that it quotes, as always.
 *
 *   --only N,…    only these, by their place in the shuffled order
 *   --seed N      another order (1)
 *   --at-once N   so many side by side (2)
 */
import { parseArgs } from 'node:util';
import { randomFrom } from '../lib/random.ts';
import { LET_THROUGH, RIGHTS } from './reviews/fixes.ts';
import { proveReviews, type ToReview } from './reviews/prove-reviews.ts';
import type { Measured } from './run.ts';

const say = (line: string) => process.stderr.write(`${line}\n`);

export async function proof(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      model: { type: 'string', default: 'http://127.0.0.1:8642/v1' },
      seed: { type: 'string', default: '1' },
      'at-once': { type: 'string', default: '2' },
    },
  });
  const only = values.only?.split(',').map(Number);
  const chosen = shuffled(Number(values.seed)).filter((_, i) => only?.includes(i) ?? true);
  const reviewed = await proveReviews(chosen, { model: values.model, say, atOnce: Number(values['at-once']) });
  const objected = (wrong: boolean) => reviewed.filter((one) => one.wrong === wrong && one.end === 'objected').length;
  const by = (role: string) =>
    reviewed.filter(({ wrong, objects }) => wrong && objects.some((one) => one.endsWith(`(${role})`))).length;
  const found = Object.fromEntries(
    ['review-correctness', 'review-blast-radius', 'review-tests'].map((role) => [role, by(role)]),
  );
  const wrongs = chosen.filter(({ wrong }) => wrong).length;
  const falseAlarms = objected(false);
  return {
    figures: { wrongs, caught: objected(true), caughtBy: found, rights: chosen.length - wrongs, falseAlarms, reviewed },
    goals: { caught: wrongs, falseAlarms: 0 },
    met: objected(true) === wrongs && falseAlarms === 0,
  };
}

function shuffled(seed: number): ToReview[] {
  const random = randomFrom(seed);
  const all = [
    ...Object.entries(LET_THROUGH).map(([name, fix]) => ({ name, fix, wrong: true })),
    ...Object.entries(RIGHTS).map(([name, fix]) => ({ name, fix, wrong: false })),
  ];
  return all
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
