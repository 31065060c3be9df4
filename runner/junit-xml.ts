import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxEnd, SandboxProcess, Workspace } from '../activities/sandbox/types.ts';
import { findWritten, removeWritten, streamWritten, type WrittenFile } from '../activities/sandbox/written.ts';
import { logger } from '../lib/log.ts';
import { breachOf, describeEnd, drained, type Home, neverStarted, openHome } from './home.ts';
import { readReport } from './junit-xml-reports.ts';
import {
  BrokenRunner,
  type CommandSpec,
  type EndKind,
  type Executor,
  type ExecutorContext,
  type TestEnd,
  type UnitEnd,
  type UnitSink,
  type WorkItem,
} from './protocol.ts';

const LOOK_MS = 500;
const DUMP_WAIT_MS = 2_000;
/** Beyond any real suite's: what is more was made to keep a reader busy. */
const MOST_REPORTS = 50_000;
const REPORT_BYTES = 1 << 30;

type Arm = CommandSpec['arms'][string];

/**
 * Any command that writes JUnit XML, in a workspace over the arm's clean checkout. Each report is read as soon as it is
 * whole, and never along a link: whatever lies there is the command's word.
 */
export function createJunitXml(spec: CommandSpec, { sandbox, onProcess }: ExecutorContext): Executor {
  const homes = new Map<string, Home>();

  /** Kept from item to item: what the command has compiled is there the next time. */
  async function homeOf(name: string, arm: Arm): Promise<Home> {
    const known = homes.get(name);
    if (known) return known;
    const home = await openHome(sandbox, arm.base);
    homes.set(name, home);
    return home;
  }

  /** Without the reports of the run before. */
  async function cleanHome(name: string, arm: Arm): Promise<Home> {
    const home = await homeOf(name, arm);
    try {
      for (const { path } of reportFiles(spec, home.workspace)) removeWritten(home.workspace, path);
      return home;
    } catch (error) {
      logger('junit-xml').warn({ err: (error as Error).message }, 'a workspace could not be cleaned: a fresh one');
      homes.delete(name);
      await home.close();
      return homeOf(name, arm);
    }
  }

  async function run(item: WorkItem, sink: UnitSink): Promise<Omit<UnitEnd, 'log'>> {
    const arm = spec.arms[item.arm];
    if (!arm) throw new Error(`the batch has no checkout for ${item.arm}`);
    const home = await cleanHome(item.arm, arm);
    const command = commandFor(spec, arm, item);
    // The time of a unit is ours to watch, with a thread dump before its end.
    const program = home.start({ command, env: spec.env, limits: { seconds: Number.POSITIVE_INFINITY } });
    onProcess({ pid: program.pid, arm: item.arm, why: item.test === undefined ? 'unit' : 'alone' });
    const state = { lastSign: Date.now(), begun: Date.now(), output: '' };
    for (const stream of [program.stdout, program.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        state.lastSign = Date.now();
        state.output = (state.output + chunk.toString('utf8')).slice(-4_000);
        sink.output(chunk);
      });
    }
    const reports = createReportReader(spec, home.workspace, item, sink);
    const ended = drained(program);
    const stopped = await watch(ended, program, item, state, reports);
    const end = await ended;
    const problem = neverStarted(end, state.output);
    if (problem !== undefined) throw new BrokenRunner(`${command[0]} cannot be started: ${problem}`);
    await reports.finish();
    return conclude(item, sink, reports.counts, stopped ?? limitOf(end, reports.problem()) ?? end, state.output);
  }

  return {
    run,
    async close() {
      await Promise.all([...homes.values()].map((home) => home.close()));
      homes.clear();
    },
  };
}

type Reports = ReturnType<typeof createReportReader>;
type Stop = { ended: EndKind; detail: string };

function limitOf(end: SandboxEnd, problem: string | undefined): Stop | undefined {
  const detail = breachOf(end) ?? problem;
  return detail === undefined ? undefined : { ended: 'limit', detail };
}

function conclude(
  item: WorkItem,
  sink: UnitSink,
  counts: Reports['counts'],
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
    if (item.test === undefined || item.test === item.unit) fail(`nothing was executed: the command ended with ${how}`);
    return { ended: 'nothing-executed', complete: false, detail: `${how}, and no test in any report` };
  }
  if (!clean && counts.failed === 0 && (item.test === undefined || item.test === item.unit)) {
    fail(`crash: the command ended with ${how}, and no report has a failure`);
    return { ended: 'crash', complete: false, detail: how };
  }
  return { ended: 'completed', complete: true };
}

function commandFor(spec: CommandSpec, arm: Arm, item: WorkItem): string[] {
  const alone = item.test !== undefined && item.test !== item.unit;
  const [className = '', rest = ''] = (item.test ?? '').split('#');
  const values: Record<string, string> = {
    unit: item.unit,
    version: arm.version,
    commit: arm.commit,
    class: className,
    method: rest.replace(/[([~].*$/s, ''),
  };
  const words = alone ? spec.rerun : spec.command;
  return words.map((word) =>
    word.replace(/\{(unit|version|commit|class|method)\}/g, (_, name: string) => values[name] ?? ''),
  );
}

/** Waits for the end, reading reports meanwhile. Says why where a limit ended it. */
async function watch(
  ended: Promise<SandboxEnd>,
  program: SandboxProcess,
  item: WorkItem,
  state: { lastSign: number; begun: number },
  reports: Reports,
): Promise<Stop | undefined> {
  const { unitSeconds, silenceSeconds } = item.limits;
  for (;;) {
    const over = await Promise.race([ended.then(() => true), sleep(LOOK_MS).then(() => false)]);
    if (over) return undefined;
    if (await reports.look()) state.lastSign = Date.now();
    const problem = reports.problem();
    if (problem !== undefined) {
      program.kill();
      return { ended: 'limit', detail: problem };
    }
    const now = Date.now();
    const stop: Stop | undefined =
      now - state.begun > unitSeconds * 1000
        ? { ended: 'timeout', detail: `it ran longer than ${unitSeconds} s` }
        : now - state.lastSign > silenceSeconds * 1000
          ? { ended: 'silence', detail: `no report and no output for ${silenceSeconds} s` }
          : undefined;
    if (!stop) continue;
    // Every JVM among them prints its threads; everything else would have been killed anyway.
    program.signal('SIGQUIT');
    await sleep(DUMP_WAIT_MS);
    program.kill();
    return stop;
  }
}

/** Reads each report once it is whole; one that is still being written is tried again, at the end for the last time. */
function createReportReader(spec: CommandSpec, workspace: Workspace, item: WorkItem, sink: UnitSink) {
  const read = new Map<string, string>();
  const counts = { all: 0, failed: 0 };
  const wanted = item.test !== undefined && item.test !== item.unit ? item.test : undefined;

  async function readOne({ path, version }: WrittenFile, last: boolean): Promise<boolean> {
    if (read.get(path) === version) return false;
    const tests: TestEnd[] = [];
    try {
      const report = streamWritten(workspace, path, REPORT_BYTES);
      if (report === undefined) return false;
      await readReport(report, (test) => tests.push(test));
    } catch (error) {
      if (!last) return false;
      const problem = `the report ${path} cannot be read: ${(error as Error).message}`;
      tests.push({ test: item.unit, uniqueId: '', status: 'failed', seconds: 0, message: problem });
    }
    const again = read.has(path);
    read.set(path, version);
    if (!again) tell(tests);
    return true;
  }

  function tell(tests: TestEnd[]): void {
    counts.all += tests.length;
    counts.failed += tests.filter(({ status }) => status === 'failed').length;
    for (const test of tests) if (wanted === undefined || test.test === wanted) sink.test(test);
  }

  let problem: string | undefined;
  const list = () => {
    try {
      return reportFiles(spec, workspace);
    } catch (error) {
      problem = `its reports cannot be read: ${(error as Error).message}`;
      return [];
    }
  };
  const readAll = async (last: boolean) => {
    let news = false;
    for (const file of list()) news = (await readOne(file, last)) || news;
    return news;
  };
  return { counts, problem: () => problem, look: () => readAll(false), finish: () => readAll(true) };
}

function reportFiles(spec: CommandSpec, workspace: Workspace): WrittenFile[] {
  const files = spec.reports.flatMap((folder) => findWritten(workspace, `${folder}/*.xml`));
  if (files.length > MOST_REPORTS) throw new Error(`there are ${files.length} of them`);
  return files;
}
