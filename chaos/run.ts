/**
 * `npm run chaos -- [release] --kills N`: releases for real while processes are killed at random, then proves from
 * outside that nothing was lost, nothing done twice, and that what was interrupted was resumed.
 * `npm run chaos -- rollout --kills N`: the same, killed in the middle of roll-outs alone, with the process table watched
 * for nodes that are down: each is restarted once for its intent, and never two are down.
 * `npm run chaos -- suite --kills N`: the same for suites that two hosts share; workers, test runners, Temporal and
 * PostgreSQL are killed.
 * `npm run chaos -- agent --kills N`: the same for releases that an agent has to mend; workers are killed while it thinks,
 * and the model's own count of questions is laid beside the turns that are kept.
 * `npm run chaos -- tickets --kills N`: the same for tickets of Slack that an agent fixes; every worker, Temporal,
 * PostgreSQL and the supervisor are killed, and Slack's own record and the repositories are laid beside what was asked.
 *
 *   --kills N       how many (30)
 *   --fork NAME     (release, rollout) kafka (the example; the default) or small (a fork whose release takes half a minute)
 *   --seed N        the same kills again; printed at the start
 *   --minutes N     all of it (90)
 *
 * Ends with one line of JSON on standard output; exit 0 where every goal is met, else 1. Its story is on stderr.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureEverything } from '../cli/ensure.ts';
import { loadSettings } from '../config/load.ts';
import { progressOnStderr } from '../setup/progress.ts';
import { runAgentChaos } from './agent.ts';
import { type ChaosOptions, runChaos } from './chaos.ts';
import { kafkaFork, kafkaRolloutFork } from './kafka-fork.ts';
import { rolloutFork } from './rollout-fork.ts';
import { smallFork } from './small-fork.ts';
import { runSuiteChaos } from './suite.ts';
import { suiteFork } from './suite-fork.ts';
import { runTicketChaos } from './tickets.ts';

const CONFIGURATION = fileURLToPath(new URL('../patchwright.yaml', import.meta.url));
const GROUNDS = { kafka: kafkaFork, small: smallFork };
const ROLLOUT_GROUNDS = { kafka: kafkaRolloutFork, small: rolloutFork };
const NAMES = ['release', 'rollout', 'suite', 'agent', 'tickets'];

function readArguments(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      kills: { type: 'string', default: '30' },
      fork: { type: 'string', default: 'kafka' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      minutes: { type: 'string', default: '90' },
    },
  });
  const [name = 'release', ...more] = positionals;
  const grounds = name === 'rollout' ? ROLLOUT_GROUNDS : GROUNDS;
  const ground = grounds[values.fork as keyof typeof grounds];
  const number = (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN);
  const [kills, seed, minutes] = [number(values.kills), number(values.seed), number(values.minutes)];
  const isUsable = [kills, seed, minutes].every((value) => !Number.isNaN(value)) && kills > 0 && minutes > 0;
  if (!NAMES.includes(name) || more.length > 0 || !ground || !isUsable) return undefined;
  return { name, ground, kills, seed, minutes };
}

function chaosOf(name: string, options: ChaosOptions) {
  if (name === 'agent') return runAgentChaos(options);
  if (name === 'suite') return runSuiteChaos(options);
  if (name === 'tickets') return runTicketChaos(options);
  return runChaos({ ...options, ...(name === 'rollout' && { aim: 'rollout' as const }) });
}

const say = (line: string) => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

async function main(args: string[]): Promise<number> {
  const asked = readArguments(args);
  if (!asked) {
    process.stderr.write(
      'usage: npm run chaos -- [release|rollout|suite|agent|tickets] --kills N [--fork kafka|small] [--seed N] [--minutes N]\n',
    );
    return 2;
  }
  const { name, ...options } = asked;
  const ground = name === 'suite' ? suiteFork : options.ground;
  const fork = name === 'agent' ? 'repaired' : name === 'tickets' ? name : ground.fork;
  const where = name === 'tickets' ? '' : ` on the ${fork} fork`;
  say(`chaos ${name}: ${options.kills} kills${where}, seed ${options.seed}`);
  await ensureEverything(loadSettings(CONFIGURATION), progressOnStderr());
  const keepIn = join(tmpdir(), `patchwright-chaos-${fork}-${options.seed}`);
  mkdirSync(keepIn, { recursive: true });
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
  const run = { ...options, say, keepIn, interrupted: interruption.signal };
  const { figures, goals, problems, met } = await chaosOf(name, { ...run, ground });
  for (const problem of problems) say(problem);
  process.stdout.write(`${JSON.stringify({ chaos: name, figures, goals, met })}\n`);
  return met ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
