import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import { type JobResult, jobState, type SandboxJob, startJob, takenFile } from '../../activities/sandbox/job.ts';
import { processTree } from '../../activities/sandbox/process-tree.ts';
import { sweepSandboxes } from '../../activities/sandbox/sweep.ts';
import { listWorkspaces } from '../../activities/sandbox/workspaces.ts';
import { stateOf, stopDetached } from '../../lib/detached.ts';
import { isAlive, startTimeOf } from '../../lib/process-identity.ts';
import { type Bench, openBench, SMALL } from './harness.ts';

/** A job as a build is one: a detached program of ours holds the sandbox, and whoever comes next finds it. */
let bench: Bench;
const folders: string[] = [];
beforeAll(async () => {
  bench = await openBench();
  await ensureBase(bench.sandbox, 'source', async (dir) => writeFileSync(join(dir, 'source.txt'), 'source\n'));
});
afterAll(async () => {
  for (const dir of folders) await stopDetached(dir, { graceMs: 5_000 });
  await bench.close();
});

const folder = () => {
  const dir = join(bench.dir, `job-${folders.length}`);
  folders.push(dir);
  return dir;
};
const job = (script: string, paths = ['out/made'], more: Partial<SandboxJob & { kind: 'sandboxed' }> = {}) => ({
  ...{ kind: 'sandboxed' as const, sandbox: bench.sandbox, base: 'source', command: ['sh', '-c', script] },
  ...{ limits: SMALL, take: { paths, maxBytes: 1_000, maxFiles: 10 } },
  ...more,
});

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await sleep(10);
  }
}

const ended = (dir: string): Promise<JobResult> =>
  until(() => {
    const state = jobState(dir);
    if (state.kind === 'killed') throw new Error(readFileSync(join(dir, 'stderr.log'), 'utf8'));
    return state.kind === 'ended' ? state.result : undefined;
  });

/** The runner of a job whose command runs, and every process below it. */
async function running(dir: string): Promise<{ runner: { pid: number; startTime: string }; inside: number[] }> {
  await until(() => (existsSync(join(dir, 'stdout')) && readFileSync(join(dir, 'stdout'), 'utf8') ? true : undefined));
  const state = stateOf(dir);
  if (state.kind !== 'running') throw new Error(`it is ${state.kind}`);
  return { runner: state.process, inside: processTree(state.process.pid).filter((pid) => pid !== state.process.pid) };
}

const gone = (pids: number[]) => until(() => (pids.every((pid) => startTimeOf(pid) === undefined) ? true : undefined));

describe('a job', () => {
  test('runs over its base, streams what it says, and gives out what it made', async () => {
    const dir = folder();
    await startJob(dir, job('mkdir out; cat source.txt >out/made; echo said; echo complained >&2'));
    expect(await ended(dir)).toMatchObject({ end: { kind: 'exited', exitCode: 0 }, taken: ['out/made'] });
    expect(readFileSync(takenFile(dir, 'out/made'), 'utf8')).toBe('source\n');
    expect(readFileSync(join(dir, 'stdout'), 'utf8')).toBe('said\n');
    expect(readFileSync(join(dir, 'stderr'), 'utf8')).toBe('complained\n');
    expect(listWorkspaces(bench.sandbox)).toEqual([]);
  });

  test('that runs is adopted, not begun twice, and ends with its result though nobody watched', async () => {
    const dir = folder();
    await startJob(dir, job('echo up; sleep 1; mkdir out; echo once >>out/made'));
    const { runner } = await running(dir);
    await startJob(dir, job('echo another'));
    expect((await running(dir)).runner).toEqual(runner);
    expect((await ended(dir)).taken).toEqual(['out/made']);
  });

  test('ends whole with its runner, and says that it was killed; what it had is swept', async () => {
    const dir = folder();
    await startJob(dir, job('echo up; (setsid sleep 1000 &); sleep 1000'));
    const { runner, inside } = await running(dir);
    expect(inside.length).toBeGreaterThan(2);
    process.kill(runner.pid, 'SIGKILL');
    await gone(inside);
    await until(() => (jobState(dir).kind === 'killed' ? true : undefined));
    expect((await sweepSandboxes(join(bench.dir, 'data'))).workspaces).toHaveLength(1);
  });

  test('that is told to end does, cleans up, and leaves no result that could be taken for its own end', async () => {
    const dir = folder();
    await startJob(dir, job('echo up; sleep 1000'));
    const { runner, inside } = await running(dir);
    await stopDetached(dir, { graceMs: 60_000 });
    await gone(inside);
    expect(isAlive(runner)).toBe(false);
    expect(jobState(dir).kind).toBe('killed');
    expect(listWorkspaces(bench.sandbox)).toEqual([]);
  });

  test('takes what a link leads to inside, and nothing of this machine', async () => {
    const dir = folder();
    writeFileSync(join(bench.dir, 'secret'), 'ours');
    const links = `ln -s source.txt good; ln source.txt twin; ln -s ${bench.dir}/secret bad; ln -s /etc/shadow shadow; mkfifo pipe`;
    await startJob(dir, job(links, ['good', 'twin', 'source.txt', 'bad', 'shadow', 'pipe', 'absent']));
    expect((await ended(dir)).taken.sort()).toEqual(['good', 'source.txt', 'twin']);
    expect(readFileSync(takenFile(dir, 'good'), 'utf8')).toBe('source\n');
  });

  test('has the limits of its fork', async () => {
    const dir = folder();
    const settings = { limits: { memoryMb: 100 }, readOnly: [], path: [] };
    const hungry = `perl -e 'my $all = "x" x 400_000_000; sleep 20'`;
    const { memoryMb, ...limits } = SMALL;
    await startJob(dir, job(hungry, [], { sandbox: { ...bench.sandbox, settings }, limits }));
    expect((await ended(dir)).end).toMatchObject({ kind: 'ended-by', limit: 'memory' });
  });

  test('that cannot begin says why', async () => {
    const dir = folder();
    const settings = { limits: {}, readOnly: [{ source: '/etc' }], path: [] };
    await startJob(dir, job('true', [], { sandbox: { ...bench.sandbox, settings } }));
    expect((await ended(dir)).end).toMatchObject({
      kind: 'not-started',
      reason: expect.stringMatching(/^\/etc cannot/),
    });
    const full = folder();
    const none = { limits: {}, readOnly: [], path: [], mostWorkspaces: 0 };
    await startJob(full, job('true', [], { sandbox: { ...bench.sandbox, settings: none } }));
    const reason = expect.stringMatching(/there are 0 workspaces .*: wait for builds .* or allow more/);
    expect((await ended(full)).end).toMatchObject({ kind: 'not-started', reason });
  });
});
