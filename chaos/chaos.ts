import { type DownWatch, proveOneDown, watchDown } from './down.ts';
import type { Ground } from './ground.ts';
import { type PlannedKill, planKills, planRolloutKills, type TargetKind } from './plan.ts';
import { treeOf } from './proofs/git.ts';
import { type Proofs, type Proved, prove, settingsOf } from './prove.ts';
import { type Aim, killByPlan, startRelease, type Until, untilEnded, untilTold } from './release.ts';
import { type TopicFigures, type TopicWatch, watchTopics } from './topics.ts';
import { closeWorld, openWorld, type Say, type World } from './world.ts';

export type ChaosOptions = {
  ground: Ground;
  aim?: Aim;
  kills: number;
  seed: number;
  /** All of it, environments and proofs included; what is not proved by then is not met. */
  minutes: number;
  say: Say;
  /** Where logs go when something was wrong. */
  keepIn: string;
  /** Fires when the user wants it to end: what runs is stopped, and the run is not met. */
  interrupted: AbortSignal;
};

export type ChaosResult = {
  figures: {
    fork: string;
    seed: number;
    seconds: number;
    releases: { release: string; outcome: string; kills: number; seconds: number }[];
    kills: {
      asked: number;
      done: number;
      byTarget: Partial<Record<TargetKind, number>>;
      byStep: Record<string, number>;
    };
    /** Effects, those that took more than one attempt, and those whose result was found in the outside world. */
    effects: { all: number; again: number; found: number };
    executions: number;
    repeated: number;
    messages: number;
    topics: Record<string, TopicFigures>;
  };
  goals: Record<string, boolean>;
  problems: string[];
  met: boolean;
};

const TOLD_WITHIN_MS = 120_000;

/** Releases again and again while processes are killed by plan, until all kills are done; proves each release. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { ground, aim = 'release', kills, seed, minutes, say, interrupted } = options;
  const until: Until = { deadlineMs: Date.now() + minutes * 60_000, interrupted };
  const { meanGapMs } = ground;
  const plan =
    aim === 'rollout'
      ? planRolloutKills(seed, { kills, meanGapMs })
      : planKills(seed, { kills, meanGapMs, brokers: ground.system === 'kafka' });
  const world = await openWorld(ground, say);
  const all: Released[] = [];
  const problems: string[] = [];
  let watches: TopicWatch[] = [];
  const down = watchDown(world);
  try {
    watches = await watchTopics(world, settingsOf(world));
    while (plan.length > 0 && Date.now() < until.deadlineMs && problems.length === 0) {
      interrupted.throwIfAborted();
      if (all.length > 0) await ground.push(world.folder, all.length + 1);
      const one = await releaseUnderFire(world, { plan, number: all.length + 1, until, watches, aim });
      all.push(one);
      problems.push(...one.problems);
    }
  } catch (error) {
    problems.push(`the run itself: ${(error as Error).stack}`);
  }
  for (const watch of watches) watch.stop();
  down.stop();
  if (aim === 'rollout') problems.push(...proveOneDown(down));
  if (problems.length > 0) say(`not met; logs are kept in ${options.keepIn}`);
  const left = await closeWorld(world, problems.length > 0 ? options.keepIn : undefined).catch((error: Error) => [
    `it does not end cleanly: ${error.message}`,
  ]);
  return conclude(options, world, { all, down }, problems, left);
}

type Released = Proved & { release: string; problems: string[]; kills: number; seconds: number };

type Fire = { plan: PlannedKill[]; number: number; until: Until; watches: TopicWatch[]; aim: Aim };

async function releaseUnderFire(world: World, { plan, number, until, watches, aim }: Fire): Promise<Released> {
  const begun = Date.now();
  const killsBefore = world.kills.length;
  const branchTree = treeOf(world.ground.repository(world.folder), 'main');
  const release = await startRelease(world, number);
  world.say(`${release} has started; ${plan.length} kills to come`);
  const ended = new AbortController();
  const killing = killByPlan(world, release, plan, ended.signal, aim);
  const watching = untilEnded(world, release, until).finally(() => ended.abort());
  const [killed, outcome] = await Promise.allSettled([killing, watching]);
  for (const part of [killed, outcome]) if (part.status === 'rejected') throw part.reason;
  const inKilling = killed.status === 'fulfilled' ? killed.value : [];
  const seconds = (Date.now() - begun) / 1000;
  await untilTold(world, release, Date.now() + TOLD_WITHIN_MS);
  const proved = await prove(world, { release, number, branchTree, watches });
  const problems = [...inKilling, ...flatten(proved.proofs)].map((problem) => `${release}: ${problem}`);
  world.say(
    `${release} ${proved.report.outcome?.kind} after ${Math.round(seconds)} s and ${world.kills.length - killsBefore} kills; ${problems.length === 0 ? 'all proofs hold' : problems.join('\n')}`,
  );
  return { ...proved, release, problems, kills: world.kills.length - killsBefore, seconds };
}

const flatten = (proofs: Proofs) =>
  Object.entries(proofs).flatMap(([name, found]) => found.map((p) => `${name}: ${p}`));

function conclude(
  { ground, aim, kills, seed }: ChaosOptions,
  world: World,
  { all, down }: { all: Released[]; down: DownWatch },
  problems: string[],
  left: string[],
): ChaosResult {
  const holds = (name: keyof Proofs) => all.length > 0 && all.every(({ proofs }) => proofs[name].length === 0);
  const suites = all.flatMap(({ report }) => report.candidates.flatMap((candidate) => candidate.suites));
  const effects = all.flatMap(({ report }) => report.effects);
  const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);
  const goals = {
    killed: world.kills.length >= kills,
    released: holds('outcome'),
    git: holds('git'),
    nodes: holds('nodes'),
    processes: holds('processes'),
    ...(ground.system === 'kafka' && { topics: holds('topics') }),
    thread: holds('thread'),
    resumed: holds('launches') && holds('suites') && holds('effects'),
    ...(aim === 'rollout' && { oneDown: down.looks() > 0 && proveOneDown(down).length === 0 }),
    nothingLeft: left.length === 0,
  };
  return {
    figures: {
      fork: ground.fork,
      seed,
      seconds: Math.round((Date.now() - world.sinceMs) / 1000),
      releases: all.map(({ release, report, kills: killed, seconds }) => ({
        ...{ release, outcome: report.outcome?.kind ?? 'none', kills: killed, seconds: Math.round(seconds) },
      })),
      kills: {
        asked: kills,
        done: world.kills.length,
        byTarget: countBy(world.kills.map(({ target }) => target)),
        byStep: countBy(world.kills.map(({ step }) => step)),
      },
      effects: {
        all: effects.length,
        again: effects.filter(({ attempts }) => attempts > 1).length,
        found: effects.filter(({ found }) => found).length,
      },
      executions: sum(suites.map(({ executions }) => executions)),
      repeated: sum(suites.map(({ repeated }) => repeated)),
      messages: world.slack.messages().length,
      topics: all.at(-1)?.topics ?? {},
    },
    goals,
    problems: [...problems, ...left],
    met: problems.length === 0 && Object.values(goals).every(Boolean),
  };
}

function countBy<K extends string>(names: readonly K[]): Partial<Record<K, number>> & Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts as Partial<Record<K, number>> & Record<string, number>;
}
