import { setTimeout as sleep } from 'node:timers/promises';
import { agentFork } from './agent-fork.ts';
import type { ChaosOptions } from './chaos.ts';
import { killWhenThere } from './kill.ts';
import { lookAt } from './look.ts';
import { type PlannedKill, planByWeight, type TargetKind, type Weights } from './plan.ts';
import { commitOf } from './proofs/git.ts';
import { proveNoOrphans } from './proofs/processes.ts';
import { proveRepaired } from './proofs/repaired.ts';
import { proveThread } from './proofs/thread.ts';
import { proveTurns, type Turns } from './proofs/turns.ts';
import { startRelease, type Until, untilEnded, untilTold } from './release.ts';
import { startSlowModel } from './slow-model.ts';
import type { SuiteChaos } from './suite.ts';
import { closeWorld, openWorld, reportOf, type World } from './world.ts';

const WEIGHTS: Weights = { 'worker activity': 4, 'worker agent': 3, 'worker workflow': 3 };
const TOLD_WITHIN_MS = 120_000;

type Model = Awaited<ReturnType<typeof startSlowModel>>;
type Ran = Turns & { release: string; outcome: string; kills: number; seconds: number };
type Fire = { model: Model; plan: PlannedKill[]; number: number; until: Until };

/** Releases again and again a fork whose patch an agent has to mend, while workers are killed in the middle of it. */
export async function runAgentChaos(options: Omit<ChaosOptions, 'ground'>): Promise<SuiteChaos> {
  const { kills, seed, minutes, say, interrupted } = options;
  const until: Until = { deadlineMs: Date.now() + minutes * 60_000, interrupted };
  const model = await startSlowModel();
  const ground = agentFork(model.url);
  const plan = planByWeight(seed, WEIGHTS, { kills, meanGapMs: ground.meanGapMs });
  const ran: Ran[] = [];
  const problems: string[] = [];
  let world: World | undefined;
  let left: string[] = [];
  try {
    world = await openWorld(ground, say);
    while (plan.length > 0 && Date.now() < until.deadlineMs && problems.length === 0) {
      interrupted.throwIfAborted();
      if (ran.length > 0) await ground.push(world.folder, ran.length + 1);
      const one = await repairUnderFire(world, { model, plan, number: ran.length + 1, until });
      ran.push(one);
      problems.push(...one.problems.map((problem) => `${one.release}: ${problem}`));
    }
    problems.push(...(await proveNoOrphans(world)).map((problem) => `processes: ${problem}`));
  } catch (error) {
    problems.push(`the run itself: ${(error as Error).stack}`);
  }
  if (world !== undefined) left = await end(world, problems.length > 0 ? options.keepIn : undefined);
  await model.stop();
  return conclude(options, world, ran, problems, left);
}

async function repairUnderFire(world: World, { model, plan, number, until }: Fire): Promise<Ran> {
  const begun = Date.now();
  const { ground, folder } = world;
  const branch = commitOf(ground.repository(folder), 'main');
  const [killsBefore, askedBefore] = [world.kills.length, model.questions.length];
  const release = await startRelease(world, number);
  const ended = new AbortController();
  const killing = killByPlan(world, release, { model, plan, signal: ended.signal });
  const watching = untilEnded(world, release, until).finally(() => ended.abort());
  const [killed, watched] = await Promise.allSettled([killing, watching]);
  for (const part of [killed, watched]) if (part.status === 'rejected') throw part.reason;
  await untilTold(world, release, Date.now() + TOLD_WITHIN_MS);
  const report = await reportOf(world, release);
  const kills = world.kills.slice(killsBefore);
  const turns = await proveTurns(world, release, model.questions.slice(askedBefore), kills);
  const problems = [
    ...turns.problems,
    ...proveRepaired(ground.repository(folder), report, branch),
    ...proveThread(world.slack, report),
  ];
  const seconds = Math.round((Date.now() - begun) / 1_000);
  const outcome = report.outcome?.kind ?? 'none';
  world.say(
    `${release} ${outcome} after ${seconds} s and ${kills.length} kills, ${turns.askedAgain} of ${turns.turns} turns asked again; ${problems.length === 0 ? 'all proofs hold' : problems.join('\n')}`,
  );
  return { ...turns, problems, release, outcome, kills: kills.length, seconds };
}

type Killing = { model: Model; plan: PlannedKill[]; signal: AbortSignal };

/** Only while an agent explains, mends or reviews: what comes before is another chaos's. */
async function killByPlan(world: World, release: string, { model, plan, signal }: Killing): Promise<void> {
  const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(ignoreAbort);
  const isAtWork = async () => /^(repair|diagnose)/.test((await lookAt(world, release))?.step ?? 'repair');
  while (plan[0] && !signal.aborted) {
    const { afterMs, target } = plan[0];
    if (!(await isAtWork())) {
      await wait(100);
      continue;
    }
    await wait(afterMs);
    // Whoever asks the model is killed while it thinks: that answer is lost, and may be paid again.
    if (target === 'worker activity') await untilThinking(model, signal);
    if (signal.aborted || !(await isAtWork())) continue;
    const step = (await lookAt(world, release))?.step ?? 'a recovery';
    if (await killWhenThere(world, target as Exclude<TargetKind, 'broker'>, { step, signal })) plan.shift();
  }
}

const THINKS_WITHIN_MS = 90_000;

async function untilThinking({ isThinking }: Model, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + THINKS_WITHIN_MS;
  while (!isThinking() && !signal.aborted && Date.now() < deadline) await sleep(10);
}

async function end(world: World, keepIn: string | undefined): Promise<string[]> {
  try {
    return await closeWorld(world, keepIn);
  } catch (error) {
    return [`it does not end cleanly: ${(error as Error).message}`];
  }
}

function conclude(
  { kills, seed }: Omit<ChaosOptions, 'ground'>,
  world: World | undefined,
  ran: Ran[],
  problems: string[],
  left: string[],
): SuiteChaos {
  const sum = (of: (one: Ran) => number) => ran.reduce((total, one) => total + of(one), 0);
  const done = world?.kills ?? [];
  const byTarget: Record<string, number> = {};
  for (const { target } of done) byTarget[target] = (byTarget[target] ?? 0) + 1;
  const goals = {
    killed: done.length >= kills,
    released: ran.length > 0 && ran.every(({ outcome }) => outcome === 'released'),
    noTurnPaidTwice: ran.length > 0 && ran.every((one) => one.problems.length === 0),
    nothingElse: problems.length === 0,
    nothingLeft: left.length === 0,
  };
  return {
    figures: {
      ...{ fork: 'greeter', seed, seconds: Math.round((Date.now() - (world?.sinceMs ?? Date.now())) / 1_000) },
      releases: ran.map(({ release, outcome, kills: killed, seconds }) => ({
        release,
        outcome,
        kills: killed,
        seconds,
      })),
      kills: { asked: kills, done: done.length, byTarget },
      runs: sum(({ runs }) => runs),
      turns: sum(({ turns }) => turns),
      questions: sum(({ questions }) => questions),
      askedAgain: sum(({ askedAgain }) => askedAgain),
    },
    goals,
    problems: [...problems, ...left],
    met: problems.length === 0 && Object.values(goals).every(Boolean),
  };
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
