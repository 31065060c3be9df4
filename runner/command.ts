import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxEnd } from '../activities/sandbox/types.ts';
import { drained, type Home, neverStarted } from './home.ts';
import { BrokenRunner, type EndKind, type Limits } from './protocol.ts';
import { dumpThreads } from './thread-dump.ts';
import type { ReportReader } from './written-reports.ts';

const LOOK_MS = 300;
/** Looking through very many reports may not become all that is done. */
const LOOK_SHARE = 10;
const TAIL_CHARS = 4_000;

export type Stop = { ended: EndKind; detail: string };

/** A command that runs: how it will end, and when the unit that it is at began (a runner of many units moves it). */
export type CommandRun = {
  pid: number;
  clock: { unitBegan: number; lastSign: number };
  /** The end of what it printed. */
  tail(): string;
  /** Resolves when it has ended and its last report was read. @throws BrokenRunner where it never began. */
  done: Promise<{ end: SandboxEnd; stopped?: Stop }>;
};

export type CommandOptions = {
  command: string[];
  env: Record<string, string>;
  limits: Limits;
  reports: ReportReader;
  /** Patterns of the files in which a tool keeps what its JVMs printed past it: thread dumps land there. */
  dumps: readonly string[];
  output(chunk: Buffer | string): void;
};

/** Starts a command in a home and watches it: its output, its reports, its limits. */
export function runCommand(home: Home, options: CommandOptions): CommandRun {
  // The time of a unit is ours to watch, with a thread dump before its end.
  const program = home.start({
    command: options.command,
    env: options.env,
    limits: { seconds: Number.POSITIVE_INFINITY },
  });
  const clock = { unitBegan: Date.now(), lastSign: Date.now() };
  const tail = keepTail();
  for (const stream of [program.stdout, program.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      clock.lastSign = Date.now();
      tail.add(chunk);
      options.output(chunk);
    });
  }
  const ended = drained(program);

  async function watch(): Promise<Stop | undefined> {
    for (let pause = LOOK_MS; ; ) {
      const over = await Promise.race([ended.then(() => true), sleep(pause).then(() => false)]);
      if (over) return undefined;
      const begun = Date.now();
      if (await options.reports.look()) clock.lastSign = Date.now();
      pause = Math.max(LOOK_MS, LOOK_SHARE * (Date.now() - begun));
      const stop = exceeded(options, clock);
      if (!stop) continue;
      if (stop.ended !== 'limit') {
        options.output(`\n--- ${stop.ended}: ${stop.detail}; `);
        const files = { workspace: home.workspace, patterns: options.dumps };
        await dumpThreads(program.pid, { files, output: options.output, lastSign: () => clock.lastSign });
      }
      program.kill();
      return stop;
    }
  }

  async function toTheEnd() {
    const stopped = await watch();
    const end = await ended;
    const problem = neverStarted(end, tail.text());
    if (problem !== undefined) throw new BrokenRunner(`${options.command[0]} cannot be started: ${problem}`);
    await options.reports.finish();
    return { end, ...(stopped === undefined ? {} : { stopped }) };
  }

  return { pid: program.pid, clock, tail: tail.text, done: toTheEnd() };
}

function exceeded({ limits, reports }: CommandOptions, clock: CommandRun['clock']): Stop | undefined {
  const problem = reports.problem();
  if (problem !== undefined) return { ended: 'limit', detail: problem };
  const now = Date.now();
  if (now - clock.unitBegan > limits.unitSeconds * 1000)
    return { ended: 'timeout', detail: `it ran longer than ${limits.unitSeconds} s` };
  if (now - clock.lastSign > limits.silenceSeconds * 1000)
    return { ended: 'silence', detail: `no report and no output for ${limits.silenceSeconds} s` };
  return undefined;
}

/** A flood of gigabytes goes by without being made a text of. */
function keepTail() {
  let kept: Buffer[] = [];
  let bytes = 0;
  return {
    add(chunk: Buffer) {
      kept.push(chunk);
      bytes += chunk.length;
      while (kept.length > 1 && bytes - (kept[0]?.length ?? 0) > 4 * TAIL_CHARS) bytes -= kept.shift()?.length ?? 0;
      if (kept.length > 64) kept = [Buffer.concat(kept)];
    },
    text: () => Buffer.concat(kept).toString('utf8').slice(-TAIL_CHARS),
  };
}
