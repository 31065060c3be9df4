import type { Readable, Writable } from 'node:stream';

/** Programs of this machine that a launch goes through, by absolute path. */
export interface Tools {
  bwrap: string;
  setpriv: string;
  prlimit: string;
  unshare: string;
  mount: string;
  sh: string;
}

export type UidRange = { kind: 'range'; first: number; count: number };

/**
 * Who runs inside. `range`: we are root, and every live sandbox has a uid of its own that nobody
 * else has. `own`: we are not root, and it is our own uid in a namespace.
 */
export type Who = UidRange | { kind: 'own'; uid: number; gid: number };

/** A machine on which the sandbox was tried and runs. */
export interface SandboxOn {
  kind: 'on';
  /** `<dataDir>/sandbox`. */
  root: string;
  /** What is shown as /etc. */
  etc: string;
  tools: Tools;
  who: Who;
  /** Root may mount here: folders that only root can enter can be shown inside. */
  staging: boolean;
  /** Workspaces are an overlay over their base; else each is a copy of it. */
  overlay: boolean;
  /** Of the fork that it is for. */
  settings?: SandboxOfFork;
}

/** Switched off for one fork by the operator, who said why. Limits hold all the same; nothing else does. */
export interface SandboxNone {
  kind: 'none';
  root: string;
  reason: string;
  settings?: SandboxOfFork;
}

/** What a fork's configuration says of its sandboxes. */
export interface SandboxOfFork {
  /** Over the defaults; what one command asks for comes over both. */
  limits: Partial<SandboxLimits>;
  /** Shown to every command. What is not there is left out: a cache may not be filled yet. */
  readOnly: readonly ReadOnlyBind[];
  /** Folders that stand behind every command's PATH. */
  path: readonly string[];
  /** How many workspaces there may be at once in this data folder. */
  mostWorkspaces?: number | undefined;
}

/**
 * Where commands run: what `sandboxOf` gives and everything else takes. Plain data, so that it can be handed to a
 * detached program.
 */
export type Sandbox = SandboxOn | SandboxNone;

/** It cannot be had: what needs it does not run. `mend` is one command, or one thing to do. */
export interface SandboxRefused {
  kind: 'refused';
  reason: string;
  mend: string;
}

export interface SandboxLimits {
  /** PSS of the whole tree. Shared memory and /tmp have their own, below. */
  memoryMb: number;
  /** Processes and threads. */
  processes: number;
  /** What the workspace may grow by; also the longest file. */
  diskMb: number;
  /** /tmp, which is memory; /dev/shm has as much. */
  tmpMb: number;
  openFiles: number;
  /** Wall clock of one command. */
  seconds: number;
  /** Of standard output and standard error each: kept, half from the head and half from the tail. */
  keptOutputMb: number;
  /** Of both together: whoever prints more is ended. */
  outputMb: number;
}

export const DEFAULT_LIMITS: SandboxLimits = {
  memoryMb: 4096,
  processes: 2048,
  diskMb: 8192,
  tmpMb: 512,
  openFiles: 65_536,
  seconds: 3600,
  keptOutputMb: 8,
  outputMb: 1024,
};

/** A file or folder of this machine that is shown inside, read-only. */
export interface ReadOnlyBind {
  source: string;
  /** The same path by default. */
  target?: string;
}

/** A folder that one sandbox may write: see `openWorkspace`. */
export interface Workspace {
  id: string;
  /** Its state folder outside; nothing in it is ours to trust but what lies beside `upper` and `merged`. */
  dir: string;
  kind: 'overlay' | 'copy' | 'empty';
  /** The path of the workspace as the command sees it: `/work`, or the real one without a sandbox. */
  inside: string;
  /** What was written, as seen from outside: everything for `copy` and `empty`, for `overlay` only what differs from the base. */
  written: string;
  /** The uid it is leased to; undefined where it is our own. */
  uid?: number;
  base?: string;
}

export interface SandboxSpec {
  /** An argument array; no shell reads it. Paths are those of the inside. */
  command: readonly string[];
  workspace: Workspace;
  /** Relative to the workspace, or absolute inside. */
  cwd?: string;
  /** The whole environment, over PATH, HOME, TMPDIR, LANG, USER and TERM. */
  env?: Readonly<Record<string, string>>;
  readOnly?: readonly ReadOnlyBind[];
  limits?: Partial<SandboxLimits>;
  /** `pipe`: the caller talks to it; bytes: written, then closed; nothing by default. */
  stdin?: 'pipe' | 'none' | Buffer;
  /** False: no JAVA_TOOL_OPTIONS that tells JVMs how much memory there is (it prints a line on standard error). */
  jvmHints?: boolean;
}

/** Which limit ended it; `caller` is `kill()`. */
export type Limit = 'memory' | 'processes' | 'disk' | 'output' | 'time' | 'caller';

export interface SandboxUsage {
  seconds: number;
  peakMemoryMb: number;
  peakProcesses: number;
}

/**
 * How a command ended. An exit code of 128 + n is a signal. `not-started`: the sandbox could not
 * be made, which says nothing about the command.
 */
export type SandboxEnd = (
  | { kind: 'exited'; exitCode: number }
  | { kind: 'ended-by'; limit: Limit; detail: string }
  | { kind: 'not-started'; reason: string }
) & { usage: SandboxUsage };

/** A running command. */
export interface SandboxProcess {
  /** The process that holds the sandbox: killing it ends everything inside. */
  pid: number;
  /** Ended and destroyed at once unless `stdin: 'pipe'`. */
  stdin: Writable;
  /** The caller reads both; unread output stops the command once the pipe is full. */
  stdout: Readable;
  stderr: Readable;
  /** When nothing of it lives any more. Never rejects. */
  ended: Promise<SandboxEnd>;
  /** Ends everything inside. Safe to repeat. */
  kill(detail?: string): void;
  /** Signals what runs inside, not the sandbox around it (SIGQUIT: JVMs print their threads). How many were signalled. */
  signal(signal: NodeJS.Signals): number;
}
