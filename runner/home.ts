import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnSandboxed } from '../activities/sandbox/run.ts';
import type { Sandbox, SandboxEnd, SandboxProcess, SandboxSpec, Workspace } from '../activities/sandbox/types.ts';
import { closeWorkspace, openWorkspace } from '../activities/sandbox/workspaces.ts';
import { BrokenRunner } from './protocol.ts';

/** How a program is started in its home; paths are those of the inside. */
export type ProgramSpec = Omit<SandboxSpec, 'workspace'>;

/** A workspace of this process, with one program at a time in it. */
export type Home = {
  workspace: Workspace;
  /** Its path as a program in it sees it. */
  inside: string;
  /** @throws BrokenRunner where it cannot be started as it is described. */
  start(spec: ProgramSpec): SandboxProcess;
  /** Ends what runs in it and removes it. Safe to repeat. */
  close(): Promise<void>;
};

/**
 * Opens a workspace, over `base` (`ensureBase`) where one is named. Whoever calls this is the parent of what runs in
 * it and holds its watchdog: with that process everything inside ends.
 *
 * @throws BrokenRunner where it cannot be had: that is no test's failure.
 */
export async function openHome(sandbox: Sandbox, base?: string): Promise<Home> {
  if (ending) return never();
  const workspace = await openWorkspace(sandbox, base === undefined ? {} : { base }).catch((error: Error) => {
    throw new BrokenRunner(`there is no workspace for the tests: ${error.message}`);
  });
  const home = homeIn(sandbox, workspace);
  open.add(home);
  if (!ending) return home;
  await home.close();
  return never();
}

const open = new Set<Home>();
let ending = false;

/** For a process that ends: every home is closed, and nothing that still goes on gets another one. */
export async function endAllHomes(): Promise<void> {
  ending = true;
  await Promise.all([...open].map((home) => home.close()));
}

const never = () => new Promise<never>(() => {});

function homeIn(sandbox: Sandbox, workspace: Workspace): Home {
  let running: SandboxProcess | undefined;
  let closed: Promise<void> | undefined;
  const home: Home = {
    workspace,
    inside: workspace.inside,
    start(spec) {
      try {
        running = spawnSandboxed(sandbox, { ...spec, workspace });
        return running;
      } catch (error) {
        throw new BrokenRunner(`${spec.command[0]} cannot be started: ${(error as Error).message}`);
      }
    },
    close() {
      closed ??= closeOnce();
      return closed;
    },
  };
  async function closeOnce(): Promise<void> {
    running?.kill();
    await running?.ended;
    await closeWorkspace(sandbox, workspace);
    open.delete(home);
  }
  return home;
}

const OUTPUT_WAIT_MS = 2_000;

/** Its end, and what it still had in its pipes before that. Without a sandbox a grandchild may hold them open. */
export async function drained({ ended, stdout, stderr }: SandboxProcess): Promise<SandboxEnd> {
  const closed = Promise.all([stdout, stderr].map((stream) => new Promise((resolve) => stream.once('close', resolve))));
  const end = await ended;
  await Promise.race([closed, sleep(OUTPUT_WAIT_MS, undefined, { ref: false })]);
  return end;
}

/** "exit code 3", "exit code 139 (SIGSEGV)", "it used 4,200 MB of 4,096 MB". */
export function describeEnd(end: SandboxEnd): string {
  if (end.kind === 'ended-by') return end.detail;
  if (end.kind === 'not-started') return `it could not be started: ${end.reason}`;
  const signal = Object.entries(constants.signals).find(([, number]) => number === end.exitCode - 128)?.[0];
  return `exit code ${end.exitCode}${signal === undefined ? '' : ` (${signal})`}`;
}

/** Where an end is the operator's limit and not the program's doing: a sentence that names it. */
export function breachOf(end: SandboxEnd): string | undefined {
  return end.kind === 'ended-by' && end.limit !== 'caller' ? `${end.detail} (the sandbox's limit)` : undefined;
}

/** What the launch says where the program itself is not there, or is none. */
export function neverStarted(end: SandboxEnd, output: string): string | undefined {
  if (end.kind === 'not-started') return `${end.reason} ${output}`.trim().slice(0, 1_000);
  const said = /^(?:bwrap: execvp|setpriv: failed to execute) .*/.exec(output.trimStart());
  return end.kind === 'exited' && end.exitCode !== 0 ? said?.[0] : undefined;
}
