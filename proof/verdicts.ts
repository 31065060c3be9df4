/**
 * `npm run proof -- verdicts`: seeded faults and clean stacks over upstream's own tests, each released by the product.
 *
 *   --count N     faults, and as many clean stacks (40)
 *   --seed N      other faults, in other places (1)
 *   --suite NAME  `fast`, the example's 322 classes (the default), or `small`: the tests of the faults, the flaky and
 *                 the environment-bound ones. The share of the reruns means something with `fast` only.
 *   --only X,…    only these cases (`fault-07`) or kinds (`hang`, `clean`)
 *   --file FILE   where outcomes are kept (proof/outcomes/verdicts.jsonl); what is in it is not run again. It takes
 *                 hours: run it in parts, and commit the file after each.
 *   --since X     only what was measured at this commit or one after it, or from this date on, counts; the rest is run
 *                 again
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { proveVerdicts, type VerdictOutcome } from './kafka/prove-verdicts.ts';
import { measuredAt, newerThan, outcomesFile } from './kept-outcomes.ts';
import type { Measured } from './run.ts';

const GOALS = { letThrough: 1, cleanHeld: 1, culpritRight: 0.95, rerunShare: 0.25 };

export async function proof(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '40' },
      seed: { type: 'string', default: '1' },
      suite: { type: 'string', default: 'fast' },
      only: { type: 'string' },
      file: { type: 'string', default: outcomesFile('verdicts') },
      since: { type: 'string' },
    },
  });
  if (values.suite !== 'fast' && values.suite !== 'small') throw new Error(`no suite "${values.suite}": fast or small`);
  const outcomes = await proveVerdicts({
    ...{ seed: Number(values.seed), count: Number(values.count), suite: values.suite },
    ...{ only: values.only?.split(','), file: resolve(values.file), counts: newerThan(values.since) },
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const figures = figuresOf(outcomes);
  const met =
    figures.problems.length === 0 &&
    figures.letThrough.length <= GOALS.letThrough &&
    figures.cleanHeld.length <= GOALS.cleanHeld &&
    figures.culpritRight >= GOALS.culpritRight &&
    figures.rerunShare <= GOALS.rerunShare;
  return { figures, goals: GOALS, met };
}

function figuresOf(outcomes: readonly VerdictOutcome[]) {
  const ids = (of: (one: VerdictOutcome) => boolean) => outcomes.filter(of).map(({ id, kind }) => `${id} ${kind}`);
  const isFault = ({ kind }: VerdictOutcome) => kind !== 'clean';
  const sum = (of: (one: VerdictOutcome) => number) => outcomes.reduce((total, one) => total + of(one), 0);
  const caught = outcomes.filter((one) => isFault(one) && one.showed && holdsOurs(one));
  const right = caught.filter(({ culprit }) => culprit === 'right').length;
  const suiteSeconds = Math.round(sum(({ seconds }) => seconds.suite));
  const rerunSeconds = Math.round(sum(({ seconds }) => seconds.rerun));
  return {
    faults: outcomes.filter(isFault).length,
    clean: outcomes.filter((one) => !isFault(one)).length,
    showed: outcomes.filter((one) => isFault(one) && one.showed).length,
    letThrough: ids((one) => isFault(one) && one.showed && !holdsOurs(one)),
    cleanHeld: ids((one) => !isFault(one) && one.held),
    wronglyHeldBesideFaults: ids((one) => isFault(one) && one.wrongly.length > 0),
    culpritRight: caught.length === 0 ? 1 : right / caught.length,
    culpritNotRight: ids((one) => caught.includes(one) && one.culprit !== 'right'),
    suiteSeconds,
    rerunSeconds,
    culpritSeconds: Math.round(sum(({ seconds }) => seconds.culprit)),
    rerunShare: suiteSeconds === 0 ? 0 : rerunSeconds / suiteSeconds,
    problems: ids(({ problem }) => problem !== undefined),
    measured: measuredAt(outcomes),
  };
}

/** A fault is caught by a verdict on the test that it broke. */
const holdsOurs = ({ verdicts, wrongly, held }: VerdictOutcome) =>
  held &&
  verdicts.filter(({ kind }) => /regression|destabilised|undecided|untestable/.test(kind)).length > wrongly.length;
