import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, globSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readReport } from './junit-xml-reports.ts';
import { killGroup } from './kill-group.ts';
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

type Arm = CommandSpec['arms'][string];

/** Any command that writes JUnit XML, in the arm's checkout. Each report is read as soon as it is whole. */
export function createJunitXml(spec: CommandSpec, { onProcess }: ExecutorContext): Executor {
  let child: ChildProcess | undefined;

  async function run(item: WorkItem, sink: UnitSink): Promise<Omit<UnitEnd, 'log'>> {
    const arm = spec.arms[item.arm];
    if (!arm) throw new Error(`the batch has no checkout for ${item.arm}`);
    for (const file of reportFiles(spec, arm)) rmSync(file);
    const [command = '', ...args] = commandFor(spec, arm, item);
    child = spawn(command, args, { cwd: arm.dir, env: spec.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const { pid, ended } = await started(child, command);
    onProcess({ pid, arm: item.arm, why: item.test === undefined ? 'unit' : 'alone' });
    const state = { lastSign: Date.now(), begun: Date.now(), output: '' };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        state.lastSign = Date.now();
        state.output = (state.output + chunk.toString('utf8')).slice(-4_000);
        sink.output(chunk);
      });
    }
    const reports = createReportReader(spec, arm, item, sink);
    const stopped = await watch(ended, pid, item, state, reports.look);
    await reports.finish();
    const code = stopped ? undefined : await ended;
    return conclude(item, sink, reports, stopped, code, state.output);
  }

  return {
    run,
    async close() {
      if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
    },
  };
}

type Reports = ReturnType<typeof createReportReader>;
type Stop = { ended: EndKind; detail: string };

function conclude(
  item: WorkItem,
  sink: UnitSink,
  reports: Reports,
  stopped: Stop | undefined,
  code: number | undefined,
  output: string,
): Omit<UnitEnd, 'log'> {
  const fail = (message: string) =>
    sink.test({ test: item.test ?? item.unit, uniqueId: '', status: 'failed', seconds: 0, message, trace: output });
  if (stopped) {
    fail(`${stopped.ended}: ${stopped.detail}`);
    return { ...stopped, complete: false };
  }
  if (reports.counts.all === 0) {
    // A test that is asked for and that this arm cannot run (it is not there, or does not compile) is an answer.
    if (item.test === undefined || item.test === item.unit)
      fail(`nothing was executed: the command ended with exit code ${code}`);
    return { ended: 'nothing-executed', complete: false, detail: `exit code ${code}, and no test in any report` };
  }
  if (code !== 0 && reports.counts.failed === 0 && (item.test === undefined || item.test === item.unit)) {
    fail(`crash: the command ended with exit code ${code}, and no report has a failure`);
    return { ended: 'crash', complete: false, detail: `exit code ${code}` };
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

async function started(child: ChildProcess, command: string): Promise<{ pid: number; ended: Promise<number> }> {
  const ended = new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? 137));
    child.once('exit', (code) => setTimeout(() => resolve(code ?? 137), 2_000));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new BrokenRunner(`${command} cannot be started: ${error.message}`)));
  });
  const pid = child.pid as number;
  // What the command started and left behind goes with it.
  void ended.then(() => killGroup(pid));
  return { pid, ended };
}

/** Waits for the end, reading reports meanwhile. Says why where a limit ended it. */
async function watch(
  ended: Promise<number>,
  pid: number,
  item: WorkItem,
  state: { lastSign: number; begun: number },
  look: () => Promise<boolean>,
): Promise<Stop | undefined> {
  const { unitSeconds, silenceSeconds } = item.limits;
  for (;;) {
    const over = await Promise.race([ended.then(() => true), sleep(LOOK_MS).then(() => false)]);
    if (over) return undefined;
    if (await look()) state.lastSign = Date.now();
    const now = Date.now();
    const stop: Stop | undefined =
      now - state.begun > unitSeconds * 1000
        ? { ended: 'timeout', detail: `it ran longer than ${unitSeconds} s` }
        : now - state.lastSign > silenceSeconds * 1000
          ? { ended: 'silence', detail: `no report and no output for ${silenceSeconds} s` }
          : undefined;
    if (!stop) continue;
    // Every JVM among them prints its threads; everything else would have been killed anyway.
    killGroup(pid, 'SIGQUIT');
    await sleep(DUMP_WAIT_MS);
    killGroup(pid);
    await ended;
    return stop;
  }
}

/** Reads each report once it is whole; one that is still being written is tried again, at the end for the last time. */
function createReportReader(spec: CommandSpec, arm: Arm, item: WorkItem, sink: UnitSink) {
  const read = new Map<string, string>();
  const counts = { all: 0, failed: 0 };
  const wanted = item.test !== undefined && item.test !== item.unit ? item.test : undefined;

  async function readOne(file: string, last: boolean): Promise<boolean> {
    const { size, mtimeMs } = statSync(file);
    const version = `${size} ${mtimeMs}`;
    if (read.get(file) === version) return false;
    const tests: TestEnd[] = [];
    try {
      await readReport(file, (test) => tests.push(test));
    } catch (error) {
      if (!last) return false;
      const problem = `the report ${relative(arm.dir, file)} cannot be read: ${(error as Error).message}`;
      tests.push({ test: item.unit, uniqueId: '', status: 'failed', seconds: 0, message: problem });
    }
    const again = read.has(file);
    read.set(file, version);
    if (!again) tell(tests);
    return true;
  }

  function tell(tests: TestEnd[]): void {
    counts.all += tests.length;
    counts.failed += tests.filter(({ status }) => status === 'failed').length;
    for (const test of tests) if (wanted === undefined || test.test === wanted) sink.test(test);
  }

  const readAll = async (last: boolean) => {
    let news = false;
    for (const file of reportFiles(spec, arm)) news = (existsSync(file) && (await readOne(file, last))) || news;
    return news;
  };
  return { counts, look: () => readAll(false), finish: () => readAll(true) };
}

function reportFiles(spec: CommandSpec, arm: Arm): string[] {
  return spec.reports
    .flatMap((folder) => globSync(join(folder, '*.xml'), { cwd: arm.dir }))
    .sort()
    .map((file) => join(arm.dir, file));
}
