import { readFileSync } from 'node:fs';
import { withoutSandbox } from '../../activities/sandbox/open.ts';
import { nameOf, processTree } from '../../activities/sandbox/process-tree.ts';
import type { Sandbox, SandboxOn } from '../../activities/sandbox/types.ts';
import { cacheDir } from '../../config/env.ts';
import { compileRunner } from '../../runner/compile.ts';
import { type Jvm, startJvm } from '../../runner/jvm.ts';
import { resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import type { Progress } from '../../setup/progress.ts';
import { classesOf, readDurations } from '../suite/durations.ts';

/** Published test classes with what they need, and what they test: real work of every kind, sockets and files among it. */
const LIBRARIES = [
  { coordinates: ['org.apache.kafka:kafka-clients:3.6.2'], transitive: true },
  {
    coordinates: [
      'org.apache.kafka:kafka-clients:3.6.2:test',
      'org.junit.platform:junit-platform-launcher:1.10.2',
      'org.junit.jupiter:junit-jupiter:5.10.2',
      'org.mockito:mockito-inline:4.11.0',
      'org.mockito:mockito-junit-jupiter:4.11.0',
      'org.hamcrest:hamcrest:2.2',
      'org.bouncycastle:bcpkix-jdk18on:1.76',
      'com.fasterxml.jackson.core:jackson-databind:2.13.5',
      'com.fasterxml.jackson.datatype:jackson-datatype-jdk8:2.13.5',
      'org.bitbucket.b_c:jose4j:0.9.4',
      'org.slf4j:slf4j-reload4j:1.7.36',
    ],
    transitive: true,
    excludes: ['org.apache.kafka:kafka-clients', 'org.apache.kafka:kafka-server-common'],
  },
];
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' };
const JVM = ['-Xmx1g', '-XX:+UseSerialGC'];
/** Long enough to be measured, short enough that other work on the machine meets both of a pair. */
const [SHORTEST, LONGEST] = [0.15, 1.2];
const RESAMPLES = 2_000;

type Pair = { inside: number; outside: number };
/** One round: both JVMs started, then each class in one and at once in the other. Seconds; `cpu`: of the processor, all in all. */
type Round = { start: Pair; classes: Pair[]; cpu: Pair };

/**
 * What suites pay for the sandbox: every round has two new JVMs at the same time, one inside and one outside, and each
 * class runs in both, one after the other, first here as often as there.
 */
export async function measureSuites(
  sandbox: SandboxOn,
  options: { dataDir: string; rounds: number; classes: number },
  progress: Progress,
) {
  const outside = withoutSandbox({ dataDir: options.dataDir, reason: 'the other side of a measurement' });
  const classpath = await prepareClasspath(progress);
  const names = chooseClasses(options.classes);
  const rounds: Round[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    rounds.push(await runRound({ inside: sandbox, outside }, { classpath, names, even: round % 2 === 0 }));
    progress('suites', `round ${round + 1} of ${options.rounds}: ${JSON.stringify(figuresOf(rounds, names.length))}`);
  }
  return figuresOf(rounds, names.length);
}

async function prepareClasspath(progress: Progress): Promise<string[]> {
  const jars: string[] = [];
  for (const spec of LIBRARIES) {
    const library = await resolveLibrary(spec, thisMachine(), progress);
    jars.push(...library.jars.map(({ file }) => `${library.dir}/${file}`));
  }
  const runner = await compileRunner({ cacheDir: cacheDir(), classpath: jars, javac: 'javac', env: ENV });
  return [runner, ...jars];
}

/** Spread over everything of that length, the same ones every time. */
function chooseClasses(wanted: number): string[] {
  const fitting = classesOf(readDurations())
    .filter(({ seconds }) => seconds >= SHORTEST && seconds <= LONGEST)
    .map(({ unit }) => unit)
    .sort();
  const step = Math.max(1, fitting.length / wanted);
  return Array.from({ length: Math.min(wanted, fitting.length) }, (_, at) => fitting[Math.floor(at * step)] ?? '');
}

async function runRound(
  sandboxes: Record<keyof Pair, Sandbox>,
  { classpath, names, even }: { classpath: string[]; names: string[]; even: boolean },
): Promise<Round> {
  const jvms: Partial<Record<keyof Pair, Jvm>> = {};
  const both = async (first: boolean, work: (side: keyof Pair) => Promise<void>): Promise<Pair> => {
    const pair = { inside: 0, outside: 0 };
    for (const side of first ? (['inside', 'outside'] as const) : (['outside', 'inside'] as const)) {
      const begun = performance.now();
      await work(side);
      pair[side] = (performance.now() - begun) / 1000;
    }
    return pair;
  };
  try {
    const start = await both(even, async (side) => {
      jvms[side] = await startJvm({ java: 'java', args: JVM, classpath, env: ENV, sandbox: sandboxes[side] });
    });
    const classes: Pair[] = [];
    for (const [at, name] of names.entries()) {
      classes.push(await both((at % 2 === 0) === even, (side) => runClass(jvms[side] as Jvm, name)));
    }
    const cpu = { inside: cpuSeconds(jvms.inside as Jvm), outside: cpuSeconds(jvms.outside as Jvm) };
    return { start, classes, cpu };
  } finally {
    await Promise.all(Object.values(jvms).map((jvm) => jvm.close()));
  }
}

/** proc(5), stat: 14 and 15 are the ticks in user and system mode, of threads that have ended too. */
function cpuSeconds({ pid }: Jvm): number {
  const java = processTree(pid).find((each) => nameOf(each) === 'java') ?? pid;
  const stat = readFileSync(`/proc/${java}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function runClass(jvm: Jvm, name: string): Promise<void> {
  let tests = 0;
  const handlers = {
    onEvent: ({ e }: { e: string }) => {
      if (e === 'end') tests += 1;
    },
    onOutput: () => {},
  };
  const end = await jvm.command(['run', `c:${name}`], handlers);
  if (end) throw new Error(`${name} ended its JVM: ${JSON.stringify(end)}`);
  if (tests === 0) throw new Error(`${name} ran no test`);
}

function figuresOf(rounds: readonly Round[], classes: number) {
  const sum = (side: keyof Pair) => median(rounds.map((round) => totalOf(round, side)));
  return {
    ...{ rounds: rounds.length, classes, outsideSeconds: round3(sum('outside')), insideSeconds: round3(sum('inside')) },
    ratio: round3(ratioOf(rounds)),
    ratio95: interval(rounds),
    cpuRatio: round3(median(rounds.map(({ cpu }) => cpu.inside / cpu.outside))),
    startOutsideMs: Math.round(1000 * median(rounds.map(({ start }) => start.outside))),
    startInsideMs: Math.round(1000 * median(rounds.map(({ start }) => start.inside))),
  };
}

/**
 * A suite's time inside over its time outside: for each class, and for the start, the best of the rounds, since other
 * work on the machine only ever makes one slower.
 */
function ratioOf(rounds: readonly Round[]): number {
  const parts = rounds.map(({ start, classes }) => [start, ...classes]);
  const side = (of: keyof Pair) =>
    (parts[0] ?? []).reduce((all, _, at) => all + Math.min(...parts.map((pairs) => pairs[at]?.[of] ?? 0)), 0);
  return side('inside') / side('outside');
}

const totalOf = ({ start, classes }: Round, side: keyof Pair) =>
  [start, ...classes].reduce((all, pair) => all + pair[side], 0);

/** Where the ratio lies with 95 %: rounds drawn again and again from those that there are. */
function interval(rounds: readonly Round[]): [number, number] {
  let state = 12_345;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
  const ratios = Array.from({ length: RESAMPLES }, () =>
    ratioOf(rounds.map(() => rounds[Math.floor(next() * rounds.length)] as Round)),
  ).sort((a, b) => a - b);
  const at = (share: number) => round3(ratios[Math.floor(share * (ratios.length - 1))] ?? Number.NaN);
  return [at(0.025), at(0.975)];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? Number.NaN, sorted[Math.floor(middle)] ?? Number.NaN];
  return (low + high) / 2;
}

const round3 = (value: number) => Number(value.toFixed(3));
