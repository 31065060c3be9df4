import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stateOf } from '../lib/detached.ts';
import type { ChaosOptions } from './chaos.ts';
import { killNow, killWhenThere } from './kill.ts';
import { lookAt } from './look.ts';
import { type PlannedKill, planByWeight, type TargetKind, type Weights } from './plan.ts';
import { proveNoOrphans } from './proofs/processes.ts';
import { proveSharedSuite, type SharedSuite } from './proofs/shared-suite.ts';
import { startRelease, type Until, untilEnded } from './release.ts';
import { type SecondHost, startSecondHost } from './second-host.ts';
import { suiteFork } from './suite-fork.ts';
import { closeWorld, openWorld, reportOf, secondData, type World } from './world.ts';

const WEIGHTS: Weights = {
  'worker suite': 5,
  'second worker suite': 5,
  runner: 4,
  'worker workflow': 2,
  Temporal: 2,
  PostgreSQL: 2,
};

export type SuiteChaos = {
  figures: Record<string, unknown>;
  goals: Record<string, boolean>;
  problems: string[];
  met: boolean;
};

type Ran = SharedSuite & { release: string; outcome: string; kills: number };

/** Runs suites on two hosts again and again while processes are killed by plan, until all kills are done. */
export async function runSuiteChaos(options: Omit<ChaosOptions, 'ground'>): Promise<SuiteChaos> {
  const { kills, seed, minutes, say, interrupted } = options;
  const until: Until = { deadlineMs: Date.now() + minutes * 60_000, interrupted };
  const plan = planByWeight(seed, WEIGHTS, { kills, meanGapMs: suiteFork.meanGapMs });
  const world = await openWorld(suiteFork, say);
  const ran: Ran[] = [];
  const problems: string[] = [];
  let second: SecondHost | undefined;
  try {
    second = await startSecondHost(world);
    while (plan.length > 0 && Date.now() < until.deadlineMs && problems.length === 0) {
      interrupted.throwIfAborted();
      if (ran.length > 0) await suiteFork.push(world.folder, ran.length + 1);
      const one = await suiteUnderFire(world, ran.length + 1, plan, until);
      ran.push(one);
      problems.push(...one.problems.map((problem) => `${one.release}: ${problem}`));
    }
    problems.push(...(await proveNoOrphans(world)).map((problem) => `processes: ${problem}`));
  } catch (error) {
    problems.push(`the run itself: ${(error as Error).stack}`);
  }
  const left = await end(world, second, problems.length > 0 ? options.keepIn : undefined);
  return conclude(options, world, ran, problems, left);
}

/** One release of which nothing but its suite takes time. Takes what it kills off the plan. */
async function suiteUnderFire(world: World, number: number, plan: PlannedKill[], until: Until): Promise<Ran> {
  const release = await startRelease(world, number);
  const ended = new AbortController();
  const before = world.kills.length;
  const killing = killByPlan(world, release, plan, ended.signal);
  const watching = untilEnded(world, release, until).finally(() => ended.abort());
  const [killed, watched] = await Promise.allSettled([killing, watching]);
  for (const part of [killed, watched]) if (part.status === 'rejected') throw part.reason;
  const report = await reportOf(world, release);
  const kills = world.kills.slice(before);
  const proved = proveSharedSuite(world, report, kills);
  const outcome = report.outcome?.kind ?? 'none';
  const problems = [...proved.problems];
  if (outcome !== 'released') problems.push(`ended as ${outcome}: ${report.outcome?.reasons.join('; ')}`);
  world.say(
    `${release} ${outcome} after ${kills.length} kills; ${problems.length === 0 ? 'all proofs hold' : problems.join('\n')}`,
  );
  return { ...proved, problems, release, outcome, kills: kills.length };
}

async function killByPlan(world: World, release: string, plan: PlannedKill[], signal: AbortSignal): Promise<void> {
  const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(ignoreAbort);
  while (plan[0] && !signal.aborted) {
    const { afterMs, target, pick } = plan[0];
    const look = await lookAt(world, release);
    if (look?.outcome) return;
    // The suite is what is to be hit: before it there is nothing to lose.
    if (look && !look.step.startsWith('suite:')) {
      await wait(50);
      continue;
    }
    await wait(afterMs);
    if (signal.aborted) return;
    if (await hit(world, release, target, { pick, step: look?.step ?? 'a recovery', signal })) plan.shift();
    else await wait(50);
  }
}

type Aim = { pick: number; step: string; signal: AbortSignal };

async function hit(world: World, release: string, target: TargetKind, { pick, step, signal }: Aim): Promise<boolean> {
  if (target === 'broker') throw new Error('a suite has no brokers');
  if (target !== 'runner') return killWhenThere(world, target, { step, signal });
  const runners = runnersOf(world, release);
  const runner = runners[Math.floor(pick * runners.length)];
  return runner !== undefined && killNow(world, runner.process, { target, what: runner.dir, step });
}

/** The runners that live on either host. */
function runnersOf(world: World, release: string) {
  const folders = [world.data, secondData(world)].map((data) =>
    join(data, 'runs', release, '1', '*', 'slot-*', 'process.json'),
  );
  return globSync(folders)
    .sort()
    .flatMap((file) => {
      const dir = dirname(file);
      const state = stateOf(dir);
      return state.kind === 'running' ? [{ dir, process: state.process }] : [];
    });
}

async function end(world: World, second: SecondHost | undefined, keepIn: string | undefined): Promise<string[]> {
  try {
    await second?.stop();
    return await closeWorld(world, keepIn);
  } catch (error) {
    return [`it does not end cleanly: ${(error as Error).message}`];
  }
}

function conclude(
  { kills, seed }: Omit<ChaosOptions, 'ground'>,
  world: World,
  ran: Ran[],
  problems: string[],
  left: string[],
): SuiteChaos {
  const sum = (of: (one: Ran) => number) => ran.reduce((total, one) => total + of(one), 0);
  const byTarget: Record<string, number> = {};
  for (const { target } of world.kills) byTarget[target] = (byTarget[target] ?? 0) + 1;
  const goals = {
    killed: world.kills.length >= kills,
    released: ran.length > 0 && ran.every(({ outcome }) => outcome === 'released'),
    nothingRepeated: ran.length > 0 && sum(({ repeated }) => repeated) === 0,
    nothingLostAndRunnersWentOn: ran.length > 0 && problems.length === 0,
    nothingLeft: left.length === 0,
  };
  return {
    figures: {
      ...{ fork: suiteFork.fork, seed, seconds: Math.round((Date.now() - world.sinceMs) / 1000), suites: ran.length },
      kills: { asked: kills, done: world.kills.length, byTarget },
      units: sum(({ units }) => units),
      executions: sum(({ executions }) => executions),
      repeated: sum(({ repeated }) => repeated),
      unitsByHost: [0, 1].map((host) => sum(({ byHost }) => byHost[host] ?? 0)),
    },
    goals,
    problems: [...problems, ...left],
    met: problems.length === 0 && Object.values(goals).every(Boolean),
  };
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
