import type { SandboxEnd } from '../activities/sandbox/types.ts';
import { logger } from '../lib/log.ts';
import { type CommandRun, runCommand, type Stop } from './command.ts';
import { describeEnd } from './home.ts';
import { asksForOne, conclude, countTests, keepHomes, limitOf } from './junit-xml.ts';
import { mavenUnit, parseMavenUnit } from './maven-units.ts';
import { mavenWords, stoppedBeforeTests, takenTogether, unitOfReport } from './maven-words.ts';
import type {
  Executor,
  ExecutorContext,
  GroupSink,
  MavenSpec,
  OpenUnit,
  UnitEnd,
  UnitSink,
  WorkItem,
} from './protocol.ts';
import { createReportReader, type ReportHandlers } from './written-reports.ts';

/** What Maven prints before the first test of a module, and Surefire before each class. */
const TESTS_BEGIN = /T E S T S|Running [\w.$]+/;
const RUNNING = /Running ([\w.$]+)/g;
/** Of what was printed since the last report: whose it is, the next one says. */
const HELD_OUTPUT_BYTES = 512 << 10;

const PASSED: SandboxEnd = { kind: 'exited', exitCode: 0, usage: { seconds: 0, peakMemoryMb: 0, peakProcesses: 0 } };

type GroupEnd = { end: SandboxEnd; stopped?: Stop };

/**
 * Test classes of a Maven project by its own Surefire or Failsafe, in one workspace an arm, in which Maven's output
 * stays from run to run. Several classes go through one command; each one's results are told as its report appears.
 * Whatever such a command does not get to runs in one of its own: what a class does to the others is never theirs.
 */
export function createMaven(spec: MavenSpec, { sandbox, onProcess }: ExecutorContext): Executor {
  const homes = keepHomes(sandbox);

  async function start(items: readonly WorkItem[], handlers: ReportHandlers, hooks: Hooks) {
    const [first] = items;
    const arm = spec.arms[first?.arm ?? ''];
    if (!first || !arm) throw new Error(`the batch has no checkout for ${first?.arm}`);
    const modules = [...new Set(items.map(({ unit }) => parseMavenUnit(unit).module))];
    const folders = modules.map((module) => (module === '' ? spec.reports : `${module}/${spec.reports}`));
    const home = await homes.clean(
      first.arm,
      arm.base,
      ['xml', 'dump', 'dumpstream'].flatMap((ending) => folders.map((folder) => `${folder}/*.${ending}`)),
    );
    const reports = createReportReader(
      home.workspace,
      folders.map((folder) => `${folder}/*.xml`),
      handlers,
    );
    const running = runCommand(home, {
      command: mavenWords(spec, items, items.length > 1),
      env: spec.env,
      limits: first.limits,
      reports,
      dumps: folders.map((folder) => `${folder}/*.dump*`),
      output: hooks.output,
    });
    // What Maven does before the first test is no unit's time.
    running.clock.unitBegan = Number.POSITIVE_INFINITY;
    hooks.started(running);
    onProcess({ pid: running.pid, arm: first.arm, why: asksForOne(first) ? 'alone' : 'unit' });
    const { end, stopped } = await running.done;
    const limit = limitOf(end, reports.problem());
    return { end, ...((stopped ?? limit) ? { stopped: stopped ?? limit } : {}), tail: running.tail() };
  }

  async function run(item: WorkItem, sink: UnitSink): Promise<Omit<UnitEnd, 'log'>> {
    const counts = countTests(item, asUnit(item, sink));
    const begin = whenTestsBegin(() => sink.begins());
    const output = (chunk: Buffer | string) => {
      begin.look(chunk);
      sink.output(chunk);
    };
    const { end, stopped, tail } = await start([item], counts, { output, started: begin.started });
    const inVain = stopped !== undefined && !begin.seen() && counts.all === 0;
    return conclude(item, sink, counts, inVain ? stoppedBeforeTests(stopped) : (stopped ?? end), tail);
  }

  async function runGroup(items: readonly WorkItem[], sink: GroupSink): Promise<void> {
    for (let left = [...items]; left.length > 0; ) {
      const [only] = left;
      if (left.length === 1 && only) return single(only, sink);
      const { rest, suspect, clean } = await runTogether(left, sink);
      if (suspect) await single(suspect, sink);
      const next = rest.filter((item) => item !== suspect);
      // Classes without tests, or of a name that the plugin does not find: each says so for itself.
      if (clean || next.length === left.length) {
        for (const item of next) await single(item, sink);
        return;
      }
      left = next;
    }
  }

  /** One command for all. `rest`: what it did not get to; `suspect`: the one of these that it was at. */
  async function runTogether(items: readonly WorkItem[], sink: GroupSink) {
    const group = trackGroup(items, sink, spec.reports);
    const begin = whenTestsBegin(() => sink.begins());
    const { end, stopped, tail } = await start(items, group, {
      output: (chunk) => {
        begin.look(chunk);
        group.output(chunk);
      },
      started: (running) => {
        begin.started(running);
        group.started(running);
      },
    });
    const rest = group.finish({ end, ...(stopped ? { stopped } : {}) });
    if (!begin.seen()) {
      failAll(rest, sink, stopped ? stoppedBeforeTests(stopped) : end, tail);
      return { rest: [], suspect: undefined, clean: true };
    }
    const suspect = rest.find(({ unit }) => parseMavenUnit(unit).className === group.suspect());
    return { rest, suspect, clean: stopped === undefined && end.kind === 'exited' && end.exitCode === 0 && !suspect };
  }

  async function single(item: WorkItem, sink: GroupSink): Promise<void> {
    const unit = sink.open(item);
    unit.end(await run(item, { ...unit, begins: sink.begins }));
  }

  return {
    run,
    together: takenTogether,
    runGroup,
    close: homes.close,
  };
}

type Hooks = { output(chunk: Buffer | string): void; started(running: CommandRun): void };

/** Nothing was tested at all (it does not compile, or hangs before): the same for each, without asking Maven again for each. */
function failAll(items: readonly WorkItem[], sink: GroupSink, end: Stop | SandboxEnd, tail: string): void {
  for (const item of items) {
    const unit = sink.open(item);
    unit.end(conclude(item, unit, { all: 0, failed: 0 }, end, tail));
  }
}

/** A result that a class has as a whole is its unit's, which is named with its module. */
function asUnit(item: WorkItem, sink: Pick<UnitSink, 'test'>): Pick<UnitSink, 'test'> {
  const { className } = parseMavenUnit(item.unit);
  return { test: (test) => sink.test(test.test === className ? { ...test, test: item.unit, uniqueId: '' } : test) };
}

/** The unit's own limits hold from the first sign of a test on. */
function whenTestsBegin(begins: () => void) {
  let running: CommandRun | undefined;
  let seen = false;
  return {
    seen: () => seen,
    started(command: CommandRun) {
      running = command;
    },
    look(chunk: Buffer | string) {
      if (seen || !TESTS_BEGIN.test(chunk.toString('latin1'))) return;
      seen = true;
      if (running) running.clock.unitBegan = Date.now();
      begins();
    },
  };
}

/** Follows one command with several classes: which have reported, and which one it was at. */
function trackGroup(items: readonly WorkItem[], sink: GroupSink, reports: string) {
  const waiting = new Map(items.map((item) => [item.unit, item]));
  const open = new Map<
    string,
    { item: WorkItem; unit: OpenUnit; counts: ReturnType<typeof countTests>; whole: boolean; seconds: number }
  >();
  let running: CommandRun | undefined;
  let named = '';
  let held: Buffer[] = [];
  let heldBytes = 0;

  /** Undefined for a report of a class that nobody asked for. */
  const unitAt = (path: string) => {
    const { module, className } = unitOfReport(path, reports);
    const key = mavenUnit(module, className);
    const item = waiting.get(key);
    if (item && !open.has(key)) {
      const unit = sink.open(item);
      open.set(key, { item, unit, counts: countTests(item, asUnit(item, unit)), whole: false, seconds: 0 });
      waiting.delete(key);
    }
    return open.get(key);
  };

  return {
    suspect: () => named,
    started(command: CommandRun) {
      running = command;
    },
    output(chunk: Buffer | string) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      held.push(bytes);
      heldBytes += bytes.length;
      while (held.length > 1 && heldBytes > HELD_OUTPUT_BYTES) heldBytes -= held.shift()?.length ?? 0;
      for (const [, className = ''] of bytes.toString('latin1').matchAll(RUNNING)) named = className;
    },
    test(...[test, path]: Parameters<ReportHandlers['test']>) {
      const one = unitAt(path);
      if (one) one.counts.test(test);
      else logger('maven').warn({ test: test.test, path }, 'a result of a class that was not asked for, or has ended');
    },
    whole(...[path, summary, problem]: Parameters<ReportHandlers['whole']>) {
      const one = unitAt(path);
      one?.counts.whole(path, summary, problem);
      if (!one || unitOfReport(path, reports).nested) return;
      for (const bytes of held) one.unit.output(bytes);
      held = [];
      heldBytes = 0;
      one.whole = true;
      // From the report before it, or the first sign of a test; two may be read in one look.
      const wall = (Date.now() - (running?.clock.unitBegan ?? Number.POSITIVE_INFINITY)) / 1000;
      one.seconds = Math.max(one.counts.seconds, wall);
      if (running) running.clock.unitBegan = Date.now();
      // One that reports in parts has its last part first: those before it have ended.
      for (const [key, other] of open)
        if (other !== one && other.whole) end(key, { ended: 'completed', complete: true });
    },
    /** Ends what was begun, and says what was not. */
    finish({ end: how, stopped }: GroupEnd): WorkItem[] {
      for (const [key, { whole, unit, item }] of [...open]) {
        if (whole || stopped === undefined) {
          end(key, { ended: 'completed', complete: true });
          continue;
        }
        const detail = stopped.detail || describeEnd(how);
        unit.test({
          test: item.unit,
          uniqueId: '',
          status: 'failed',
          seconds: 0,
          message: `${stopped.ended}: ${detail}`,
        });
        end(key, { ended: stopped.ended, detail, complete: false });
      }
      const hung = stopped?.ended === 'timeout' || stopped?.ended === 'silence';
      const item = [...waiting.values()].find((one) => parseMavenUnit(one.unit).className === named);
      if (stopped && hung && item) {
        // It has had its time, and what it printed ends with its threads. Were it named by somebody else's words, its
        // verdict comes from runs of its own all the same.
        waiting.delete(item.unit);
        const unit = sink.open(item);
        for (const bytes of held) unit.output(bytes);
        unit.end(conclude(item, unit, { all: 0, failed: 0 }, stopped, ''));
      }
      return [...waiting.values()];
    },
  };

  function end(key: string, how: Omit<UnitEnd, 'log'>): void {
    const one = open.get(key);
    if (!one) return;
    open.delete(key);
    const nothing = one.counts.all === 0 && how.ended === 'completed';
    const { seconds } = one;
    one.unit.end({ ...(nothing ? conclude(one.item, one.unit, one.counts, PASSED, '') : how), seconds });
  }
}
