import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireSandbox } from '../../activities/sandbox/open.ts';
import { runInSandbox } from '../../activities/sandbox/run.ts';
import type {
  Sandbox,
  SandboxEnd,
  SandboxLimits,
  SandboxOn,
  SandboxSpec,
  Workspace,
} from '../../activities/sandbox/types.ts';
import { withWorkspace } from '../../activities/sandbox/workspaces.ts';

export interface Said {
  end: SandboxEnd;
  code: number | undefined;
  stdout: string;
  stderr: string;
}

export interface Bench {
  /** A folder of its own, which only its owner may enter (as mktemp -d makes it). */
  dir: string;
  sandbox: SandboxOn;
  /** Runs in a workspace and tells what became of it. */
  run(workspace: Workspace, command: readonly string[], spec?: Partial<SandboxSpec>, of?: Sandbox): Promise<Said>;
  /** A shell script in a fresh workspace. */
  inside(script: string, spec?: Partial<SandboxSpec>): Promise<Said>;
  close(): Promise<void>;
}

export const SMALL: Partial<SandboxLimits> = { seconds: 60, memoryMb: 512, diskMb: 64, tmpMb: 16, processes: 200 };

/** The real sandbox of this machine in a new data folder; fails, and does not skip, where there is none. */
export async function openBench(): Promise<Bench> {
  const dir = await mkdtemp(join(tmpdir(), 'patchwright-sandbox-'));
  const sandbox = await requireSandbox({ dataDir: join(dir, 'data'), install: true });
  let count = 0;
  const run = async (
    workspace: Workspace,
    command: readonly string[],
    spec: Partial<SandboxSpec> = {},
    of: Sandbox = sandbox,
  ): Promise<Said> => {
    count += 1;
    const whole = { command, workspace, jvmHints: false, ...spec, limits: { ...SMALL, ...spec.limits } };
    const { end, stdout, stderr } = await runInSandbox(of, whole, { outputDir: join(dir, `out-${count}`) });
    const text = (file: string) => readFileSync(file, 'utf8');
    const code = end.kind === 'exited' ? end.exitCode : undefined;
    return { end, code, stdout: text(stdout.file), stderr: text(stderr.file) };
  };
  return {
    dir,
    sandbox,
    run,
    inside: (script, spec) => withWorkspace(sandbox, {}, (workspace) => run(workspace, ['sh', '-c', script], spec)),
    close: () => rm(dir, { recursive: true, force: true }),
  };
}
