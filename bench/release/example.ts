/**
 * The example as a user has it: `start --once` on a clean data folder with the caches as they are, a second start on
 * the same folder, and the memory of all of it meanwhile. Nothing of it stays.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Report } from '../../report/report.ts';
import { readUp } from '../../services/data-folder.ts';
import type { Progress } from '../../setup/progress.ts';
import { openDatabase } from '../../store/database.ts';
import { type PeakMemory, watchMemory } from './memory.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(ROOT, 'bin', 'patchwright.js');
const READY_WITHIN_MS = 120_000;

export type Example = {
  outcome: string;
  reasons: string[];
  /** From the command to the outcome in the store, and to the end of the command. */
  releasedSeconds: number | null;
  totalSeconds: number;
  /** Where each second of the release went, from its report. */
  seconds: Record<string, number>;
  secondStartSeconds: number;
  peakMemory: PeakMemory | undefined;
  /** Of the machine, before: what else it was doing. */
  loadBefore: number;
  /** The patches, those with a check, and the batches by suite of this real release. */
  stack: { patches: number; checks: number };
  batches: Record<string, number>;
};

export async function runExample(config: string, progress: Progress): Promise<Example> {
  const folder = mkdtempSync(join(tmpdir(), 'patchwright-example-'));
  copyFileSync(config, join(folder, 'patchwright.yaml'));
  const data = join(folder, '.patchwright');
  const call = callerIn(folder, data);
  const memory = watchMemory(folder);
  let second: ChildProcess | undefined;
  try {
    const loadBefore = loadavg()[0] ?? 0;
    progress('example', `start --once on ${data}`);
    const began = Date.now();
    const { status } = await call('start', '--once').ended;
    const totalSeconds = (Date.now() - began) / 1000;
    progress('example', `ended with ${status} after ${totalSeconds.toFixed(1)} s`);
    const report = await reportOf(call);

    const again = performance.now();
    second = call('up').child;
    await untilReady(data, second);
    const secondStartSeconds = (performance.now() - again) / 1000;
    progress('example', `second start ready after ${secondStartSeconds.toFixed(1)} s`);
    const batches = await batchesOf(data, report.release);
    return {
      outcome: report.outcome?.kind ?? `no outcome (exit ${status})`,
      reasons: report.outcome?.reasons ?? [],
      releasedSeconds: report.endedAt === null ? null : round((Date.parse(report.endedAt) - began) / 1000),
      totalSeconds: round(totalSeconds),
      seconds: report.seconds,
      secondStartSeconds: round(secondStartSeconds),
      peakMemory: memory.stop(),
      loadBefore: round(loadBefore),
      stack: {
        patches: report.patches.length,
        checks: report.patches.filter(({ check }) => check !== undefined).length,
      },
      batches,
    };
  } finally {
    memory.stop();
    const { status } = await call('down').ended;
    second?.kill('SIGKILL');
    if (status === 0) rmSync(folder, { recursive: true, force: true });
    else progress('example', `down ended with ${status}; look at ${folder}`);
  }
}

type Ended = { status: number | null; stdout: string };
type Call = (...args: string[]) => { child: ChildProcess; ended: Promise<Ended> };

/** Runs our command line in the folder; what it tells goes to `<command>.log` there. */
function callerIn(folder: string, data: string): Call {
  return (...args) => {
    const options = ['--data', data, '--config', join(folder, 'patchwright.yaml')];
    const child = spawn(process.execPath, [PROGRAM, ...options, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr.pipe(createWriteStream(join(folder, `${args.find((arg) => !arg.startsWith('-'))}.log`)));
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve({ status, stdout }));
    });
    return { child, ended };
  };
}

async function reportOf(call: Call): Promise<Report> {
  const { status, stdout } = await call('--json', 'report', 'latest').ended;
  if (status !== 0) throw new Error(`the example left no report (exit ${status})`);
  return JSON.parse(stdout) as Report;
}

async function untilReady(data: string, up: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (readUp(data)?.ready !== true) {
    if (up.exitCode !== null) throw new Error(`the second start ended with ${up.exitCode}`);
    if (Date.now() > deadline) throw new Error(`the second start is not ready after ${READY_WITHIN_MS / 1000} s`);
    await sleep(20);
  }
}

async function batchesOf(data: string, release: string): Promise<Record<string, number>> {
  const db = openDatabase(readUp(data)?.databaseUrl ?? '', { connections: 1 });
  try {
    const rows = await db
      .selectFrom('suite_run')
      .innerJoin('suite_batch', 'suite_batch.suite_run', 'suite_run.suite_run')
      .select(({ fn }) => ['suite', fn.countAll<string>().as('batches')])
      .where('release', '=', release)
      .groupBy('suite')
      .execute();
    return Object.fromEntries(rows.map(({ suite, batches }) => [suite, Number(batches)]));
  } finally {
    await db.destroy();
  }
}

const round = (value: number) => Math.round(value * 10) / 10;
