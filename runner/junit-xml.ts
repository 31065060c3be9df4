import type { Sandbox, SandboxEnd } from '../activities/sandbox/types.ts';
import { logger } from '../lib/log.ts';
import { runCommand, type Stop } from './command.ts';
import { breachOf, describeEnd, type Home, openHome } from './home.ts';
import type { CommandSpec, Executor, ExecutorContext, TestEnd, UnitEnd, UnitSink, WorkItem } from './protocol.ts';
import { createReportReader, removeReports } from './written-reports.ts';

type Arm = CommandSpec['arms'][string];

/**
 * Any command that writes JUnit XML, in a workspace over the arm's clean checkout. Each report is read as soon as it is
 * whole, and never along a link: whatever lies there is the command's word.
 */
export function createJunitXml(spec: CommandSpec, { sandbox, onProcess }: ExecutorContext): Executor {
  const homes = keepHomes(sandbox);
  const patterns = spec.reports.map((folder) => `${folder}/*.xml`);

  async function run(item: WorkItem, sink: UnitSink): Promise<Omit<UnitEnd, 'log'>> {
    const arm = spec.arms[item.arm];
    if (!arm) throw new Error(`the batch has no checkout for ${item.arm}`);
    const home = await homes.clean(item.arm, arm.base, patterns);
    const counts = countTests(item, sink);
    const reports = createReportReader(home.workspace, patterns, counts);
    const running = runCommand(home, {
      command: commandFor(spec, arm, item),
      env: spec.env,
      limits: item.limits,
      reports,
      dumps: spec.reports.map((folder) => `${folder}/*.dump*`),
      output: (chunk) => sink.output(chunk),
    });
    onProcess({ pid: running.pid, arm: item.arm, why: item.test === undefined ? 'unit' : 'alone' });
    sink.begins();
    const { end, stopped } = await running.done;
    return conclude(item, sink, counts, stopped ?? limitOf(end, reports.problem()) ?? end, running.tail());
  }

  return { run, close: homes.close };
}

/** One workspace an arm, kept from item to item: what the command has compiled is there the next time. */
export function keepHomes(sandbox: Sandbox) {
  const homes = new Map<string, Home>();

  async function homeOf(arm: string, base: string): Promise<Home> {
    const known = homes.get(arm);
    if (known) return known;
    const home = await openHome(sandbox, base);
    homes.set(arm, home);
    return home;
  }

  return {
    /** Without the reports of the run before; a fresh one where they cannot be taken away. */
    async clean(arm: string, base: string, patterns: readonly string[]): Promise<Home> {
      const home = await homeOf(arm, base);
      try {
        removeReports(home.workspace, patterns);
        return home;
      } catch (error) {
        logger('runner').warn({ err: (error as Error).message }, 'a workspace could not be cleaned: a fresh one');
        homes.delete(arm);
        await home.close();
        return homeOf(arm, base);
      }
    },
    async close() {
      await Promise.all([...homes.values()].map((home) => home.close()));
      homes.clear();
    },
  };
}

/** Passes tests on to a unit and counts them. Where one is asked for, all count and only that one is passed on. */
export function countTests(item: WorkItem, sink: Pick<UnitSink, 'test'>) {
  const counts = {
    all: 0,
    failed: 0,
    seconds: 0,
    test(test: TestEnd) {
      counts.all += 1;
      counts.seconds += test.seconds;
      if (test.status === 'failed') counts.failed += 1;
      if (!asksForOne(item) || test.test === item.test) sink.test(test);
    },
    /** What a report says that it has, and has not, is a failure of the unit. */
    whole(path: string, { tests, declared }: { tests: number; declared: number }, problem?: string) {
      const vanished =
        tests === 0 && declared > 0 ? `the report ${path} counts ${declared} tests and has none of them` : undefined;
      const message = problem ?? vanished;
      if (message !== undefined) counts.test({ test: item.unit, uniqueId: '', status: 'failed', seconds: 0, message });
    },
  };
  return counts;
}

export const asksForOne = ({ test, unit }: WorkItem) => test !== undefined && test !== unit;

export function limitOf(end: SandboxEnd, problem: string | undefined): Stop | undefined {
  const detail = breachOf(end) ?? problem;
  return detail === undefined ? undefined : { ended: 'limit', detail };
}

/** What the end of a command says about the unit that it ran. Everything but a clean end has a failed test that says so. */
export function conclude(
  item: WorkItem,
  sink: Pick<UnitSink, 'test'>,
  counts: { all: number; failed: number },
  end: Stop | SandboxEnd,
  output: string,
): Omit<UnitEnd, 'log'> {
  const fail = (message: string) =>
    sink.test({ test: item.test ?? item.unit, uniqueId: '', status: 'failed', seconds: 0, message, trace: output });
  if ('ended' in end) {
    fail(`${end.ended}: ${end.detail}`);
    return { ...end, complete: false };
  }
  const how = describeEnd(end);
  const clean = end.kind === 'exited' && end.exitCode === 0;
  if (counts.all === 0) {
    // A test that is asked for and that this arm cannot run (it is not there, or does not compile) is an answer.
    if (!asksForOne(item)) fail(`nothing was executed: the command ended with ${how}`);
    return { ended: 'nothing-executed', complete: false, detail: `${how}, and no test in any report` };
  }
  if (!clean && counts.failed === 0 && !asksForOne(item)) {
    fail(`crash: the command ended with ${how}, and no report has a failure`);
    return { ended: 'crash', complete: false, detail: how };
  }
  return { ended: 'completed', complete: true };
}

function commandFor(spec: CommandSpec, arm: Arm, item: WorkItem): string[] {
  const [className = '', rest = ''] = (item.test ?? '').split('#');
  const values: Record<string, string> = {
    unit: item.unit,
    version: arm.version,
    commit: arm.commit,
    class: className,
    method: rest.replace(/[([~].*$/s, ''),
  };
  const words = asksForOne(item) ? spec.rerun : spec.command;
  return words.map((word) =>
    word.replace(/\{(unit|version|commit|class|method)\}/g, (_, name: string) => values[name] ?? ''),
  );
}
