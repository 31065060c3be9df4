/**
 * `job-runner.ts DIR`: does the job of its state folder (`job.ts`) and holds its sandbox: what runs inside ends with
 * this process, and this process outlives the worker that started it. SIGTERM ends both, without a result.
 */
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { runFetchStep } from './fetch-step.ts';
import { takeFiles } from './files.ts';
import type { JobResult, SandboxJob } from './job.ts';
import { runInSandbox } from './run.ts';
import type { Workspace } from './types.ts';
import { withWorkspace } from './workspaces.ts';

// What the fetch step keeps in a cache is for the sandbox's uid to read.
process.umask(0o022);

const told = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => told.abort());

const dir = process.argv[2] ?? '';
const job = readJsonFile<SandboxJob>(join(dir, 'job.json'));
if (job === undefined) throw new Error(`there is no job in ${dir}`);
const result = await perform(job).catch(notStarted);
if (!told.signal.aborted) writeJsonFile(join(dir, 'result.json'), result);
process.exit(told.signal.aborted ? 143 : 0);

async function perform(job: SandboxJob): Promise<JobResult> {
  const options = { outputDir: dir, signal: told.signal };
  if (job.kind === 'fetch') return { end: (await runFetchStep({ ...job, ...options })).end, taken: [] };
  return withWorkspace(job.sandbox, { base: job.base }, async (workspace) => {
    const { end } = await runInSandbox(job.sandbox, { ...job, workspace }, options);
    const well = end.kind === 'exited' && end.exitCode === 0;
    return { end, taken: well ? await take(job, workspace) : [] };
  });
}

function notStarted(error: Error): JobResult {
  const usage = { seconds: 0, peakMemoryMb: 0, peakProcesses: 0 };
  return { end: { kind: 'not-started', reason: error.message, usage }, taken: [] };
}

async function take({ sandbox, take }: SandboxJob & { kind: 'sandboxed' }, workspace: Workspace): Promise<string[]> {
  const { paths, ...limits } = take;
  const options = {
    into: join(dir, 'taken'),
    outputDir: join(dir, 'take'),
    links: 'follow',
    missing: 'leave',
  } as const;
  const taken = await takeFiles(sandbox, workspace, paths, { ...options, ...limits });
  return taken.map(({ path }) => path);
}
