import { limitsOf } from '../activities/sandbox/run.ts';
import type { SandboxEnd } from '../activities/sandbox/types.ts';
import { breachOf, describeEnd } from './home.ts';
import { type Jvm, type JvmEvent, startJvm } from './jvm.ts';
import type { EndKind, Executor, ExecutorContext, JvmSpec, TestEnd, UnitEnd, UnitSink, WorkItem } from './protocol.ts';

/** How often a unit goes on in a new JVM after one of its tests took the last one down. */
const MAX_CONTINUATIONS = 5;
const LOOK_MS = 100;

const LOST = 'it was found before the run and was never run, skipped or failed';

type Running = { test: string; since: number };

/** What is known of a unit while it runs, over all the JVMs that it needed. */
type UnitState = {
  sink: UnitSink;
  begun: number;
  lastSign: number;
  running: Map<string, Running>;
  /** Unique ids on the level of methods that a continuation leaves out. */
  reached: Set<string>;
  recorded: number;
  printedBytes: number;
};

/** Test classes in warm JVMs, one an arm, each in a sandbox of its own. */
export function createJunitPlatform(spec: JvmSpec, { sandbox, onProcess, onStray }: ExecutorContext): Executor {
  const mostBytes = limitsOf(sandbox, {}).outputMb * 2 ** 20;
  const jvms = new Map<string, Jvm>();
  let starting = new AbortController();

  async function jvmFor(arm: string, why: string): Promise<Jvm> {
    const known = jvms.get(arm);
    if (known && !known.exit) return known;
    await known?.close();
    // Two arms are compared at a time; a third one's turn ends the others.
    if (jvms.size >= 2 && !known) await closeAll();
    const side = spec.arms[arm];
    if (!side) throw new Error(`the batch has no class path for ${arm}`);
    const jvm = await startJvm({
      java: spec.java,
      args: spec.jvm,
      classpath: side.classpath,
      archive: side.archive,
      env: spec.env,
      sandbox,
      onStray,
      signal: starting.signal,
    });
    jvms.set(arm, jvm);
    onProcess({ pid: jvm.pid, arm, why });
    return jvm;
  }

  async function closeAll(): Promise<void> {
    starting.abort();
    starting = new AbortController();
    await Promise.all([...jvms.values()].map((jvm) => jvm.close()));
    jvms.clear();
  }

  async function run(item: WorkItem, sink: UnitSink): Promise<Omit<UnitEnd, 'log'>> {
    const state: UnitState = {
      sink,
      begun: Date.now(),
      lastSign: Date.now(),
      running: new Map(),
      reached: new Set(),
      recorded: 0,
      printedBytes: 0,
    };
    let worst: { ended: EndKind; detail: string } | undefined;
    if (item.fresh) await jvms.get(item.arm)?.close();
    for (let attempt = 0; ; attempt += 1) {
      const jvm = await jvmFor(item.arm, worst?.detail ?? (item.fresh ? 'alone' : 'first'));
      sink.begins();
      const stopped = await runOnce(jvm, item, state, mostBytes);
      if (stopped === undefined) break;
      worst ??= stopped;
      const left = Date.now() - state.begun < item.limits.unitSeconds * 1000;
      const goOn = stopped.reached && item.test === undefined && left && attempt < MAX_CONTINUATIONS;
      if (!goOn) return { ended: worst.ended, detail: worst.detail, complete: false };
    }
    if (worst) return { ended: worst.ended, detail: worst.detail, complete: true };
    if (state.recorded > 0) return { ended: 'completed', complete: true };
    // A test that is asked for and is not there is an answer; a unit of the plan without a single test is not.
    if (item.test === undefined)
      record(state, { test: item.unit, uniqueId: '', status: 'failed', seconds: 0, message: 'nothing was executed' });
    return { ended: 'nothing-executed', complete: false, detail: 'nothing was executed' };
  }

  return { run, close: closeAll };
}

type Stopped = { ended: EndKind; detail: string; reached: boolean };

/** One JVM's share of a unit. Nothing when it got to the unit's end. */
async function runOnce(jvm: Jvm, item: WorkItem, state: UnitState, mostBytes: number): Promise<Stopped | undefined> {
  state.lastSign = Date.now();
  state.printedBytes = 0;
  let outOfMemory = false;
  const limit = watchLimits(item, state, mostBytes);
  const command = jvm.command(['run', item.selector, ...state.reached], {
    onEvent: (event) => {
      state.lastSign = Date.now();
      outOfMemory ||= 'm' in event && event.m?.startsWith('java.lang.OutOfMemoryError') === true;
      take(event, item, state);
    },
    onOutput: (chunk) => {
      state.lastSign = Date.now();
      state.sink.output(chunk);
      state.printedBytes += chunk.length;
      if (state.printedBytes > mostBytes) limit.printedTooMuch();
    },
  });
  const first = await Promise.race([command.then((exit) => ({ exit })), limit.exceeded]);
  limit.stop();
  if ('ended' in first) {
    if (first.ended !== 'limit') {
      state.sink.output(`\n--- ${first.ended}: ${first.detail}; thread dump of process ${jvm.pid}:\n`);
      await jvm.dumpThreads();
    }
    await jvm.close();
    await command;
    return fail(state, item, first.ended, first.detail);
  }
  if (first.exit) return failByEnd(jvm, item, state, first.exit);
  tellUnended(state);
  // A heap that was full once may hold what filled it.
  if (outOfMemory) await jvm.close();
  return undefined;
}

/** The process ended in the middle of a unit: by a limit of ours, or by what it ran. */
function failByEnd(jvm: Jvm, item: WorkItem, state: UnitState, end: SandboxEnd): Stopped {
  const breach = breachOf(end);
  if (breach !== undefined) return fail(state, item, 'limit', breach);
  const words = jvm.fatalError();
  if (words !== undefined) state.sink.output(`\n--- what HotSpot says about its end:\n${words.slice(0, 32_000)}\n`);
  return fail(state, item, 'crash', `the JVM ended in the middle of it (${describeEnd(end)})`);
}

function take(event: JvmEvent, item: WorkItem, state: UnitState): void {
  if (event.e === 'start') {
    state.running.set(event.u, { test: event.t, since: Date.now() });
  } else if (event.e === 'end') {
    state.running.delete(event.u);
    state.reached.add(methodLevel(event.u));
    record(state, {
      test: event.t,
      uniqueId: event.u,
      status: event.s,
      seconds: event.us / 1e6,
      ...(event.m === undefined ? {} : { message: event.m }),
      ...(event.x === undefined ? {} : { trace: event.x }),
    });
  } else if (event.e === 'lost') {
    record(state, { test: event.t, uniqueId: event.u, status: 'failed', seconds: 0, message: LOST });
  } else if (event.e === 'unresolved' || event.e === 'broken') {
    record(state, {
      test: item.unit,
      uniqueId: '',
      status: 'failed',
      seconds: 0,
      message: event.m,
      ...(event.x ? { trace: event.x } : {}),
    });
  }
}

/** Whatever ran when the JVM ended is what failed; where nothing ran, the unit as a whole. */
function fail(state: UnitState, item: WorkItem, ended: EndKind, detail: string): Stopped {
  const running = [...state.running];
  const now = Date.now();
  for (const [uniqueId, { test, since }] of running) {
    state.reached.add(methodLevel(uniqueId));
    record(state, { test, uniqueId, status: 'failed', seconds: (now - since) / 1000, message: `${ended}: ${detail}` });
  }
  state.running.clear();
  if (running.length === 0) {
    record(state, {
      test: item.test ?? item.unit,
      uniqueId: '',
      status: 'failed',
      seconds: 0,
      message: `${ended}: ${detail}`,
    });
  }
  return { ended, detail, reached: running.length > 0 };
}

/** A test that began and whose end was never told did not pass, though the JVM says that it is done. */
function tellUnended(state: UnitState): void {
  for (const [uniqueId, { test, since }] of state.running) {
    const message = 'its end was never told: something else wrote into the events of this JVM';
    record(state, { test, uniqueId, status: 'failed', seconds: (Date.now() - since) / 1000, message });
  }
  state.running.clear();
}

function record(state: UnitState, end: TestEnd): void {
  state.recorded += 1;
  // One too long to be told selects nothing: such a test is run again with its class.
  state.sink.test(end.uniqueId.startsWith('long:') ? { ...end, uniqueId: '' } : end);
}

/** Resolves when the unit has been too long at one test, at itself, or silent, or has printed too much. */
function watchLimits(item: WorkItem, state: UnitState, mostBytes: number) {
  let timer: NodeJS.Timeout | undefined;
  let printedTooMuch = () => {};
  const { methodSeconds, unitSeconds, silenceSeconds } = item.limits;
  const exceeded = new Promise<{ ended: EndKind; detail: string }>((resolve) => {
    timer = setInterval(() => {
      const now = Date.now();
      const slow = [...state.running.values()].find(({ since }) => now - since > methodSeconds * 1000);
      if (slow) resolve({ ended: 'timeout', detail: `a test ran longer than ${methodSeconds} s` });
      else if (now - state.begun > unitSeconds * 1000)
        resolve({ ended: 'timeout', detail: `the unit ran longer than ${unitSeconds} s` });
      else if (now - state.lastSign > silenceSeconds * 1000)
        resolve({ ended: 'silence', detail: `no event and no output for ${silenceSeconds} s` });
    }, LOOK_MS);
    printedTooMuch = () =>
      resolve({
        ended: 'limit',
        detail: `it printed more than ${Math.round(mostBytes / 2 ** 20)} MB (the sandbox's limit)`,
      });
  });
  return { exceeded, printedTooMuch, stop: () => clearInterval(timer) };
}

/** An invocation of a parameterised or dynamic test belongs to its method: that is what can be left out as a whole. */
function methodLevel(uniqueId: string): string {
  return uniqueId.replace(/(\/\[(test-template-invocation|dynamic-(test|container)):#\d+\])+$/, '');
}
