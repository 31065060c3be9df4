import type { Sandbox } from '../activities/sandbox/types.ts';

/**
 * What the suite activities and a detached slot runner say to each other, through files in the slot's state folder:
 *
 *   inbox/NUMBER.json   a `Batch`, written whole (rename); removed when its last line is in the event log
 *   events.jsonl        `SlotEvent` lines, appended as things happen, read by whoever adopts the runner
 *   logs/               what units printed, head and tail
 *   lease               touched by whoever still wants the results
 *   stop                asks the runner to end
 *
 * A further kind of runner is one more `RunnerSpec` and one more `Executor` (runner/slot.ts picks it).
 */

/** Class path of one side of a comparison, in order; the archive of the classes in its first jars (runner/archive.ts). */
export type JvmArm = { classpath: string[]; archive?: string };

export type JvmSpec = {
  kind: 'junit-platform';
  java: string;
  jvm: string[];
  env: Record<string, string>;
  arms: Record<string, JvmArm>;
};

/** A command in a workspace over a checkout of its arm: `base` names it among the sandbox's bases. */
export type CommandSpec = {
  kind: 'junit-xml';
  command: string[];
  rerun: string[];
  reports: string[];
  env: Record<string, string>;
  arms: Record<string, { base: string; version: string; commit: string }>;
};

/** Maven's own Surefire or Failsafe, in a workspace as a command's. `reports`: the folder of a module that it writes to. */
export type MavenSpec = {
  kind: 'maven';
  command: string[];
  arguments: string[];
  plugin: 'surefire' | 'failsafe';
  offline: boolean;
  reports: string;
  env: Record<string, string>;
  arms: CommandSpec['arms'];
};

export type RunnerSpec = JvmSpec | CommandSpec | MavenSpec;

/** `batchSeconds` (900 without it): what a batch may take in all while none of its units' own limits holds. */
export type Limits = { methodSeconds: number; unitSeconds: number; silenceSeconds: number; batchSeconds?: number };

export type WorkItem = {
  /** Position in the batch as it was planned: names the item when a batch is handed over again. */
  item: number;
  unit: string;
  arm: string;
  /**
   * For a JVM `c:CLASS`, `m:CLASS#METHOD(PARAMS)`, `u:UNIQUE-ID`, or part of a class: `s:CLASS;METHOD(PARAMS)…` only
   * these methods, `x:CLASS;METHOD(PARAMS)…` all but these. For a command the unit or the test.
   */
  selector: string;
  /** The one test that is asked for; without it the whole unit. */
  test?: string;
  /** A new process for this item: nothing that ran before can help or harm it. */
  fresh?: boolean;
  /** Its log is kept even where nothing fails: what another log is compared with. */
  keepLog?: boolean;
  /** Of a replay of less than ran before it: how much, and what for (decisions/replay-plan.ts). The runner does not look at it. */
  nearer?: string;
  limits: Limits;
};

/** `sandbox` is the host's, for this fork: the same for both arms of a comparison. */
export type Batch = { batch: string; lease: string; runner: RunnerSpec; sandbox: Sandbox; items: WorkItem[] };

export type TestEnd = {
  test: string;
  uniqueId: string;
  status: 'passed' | 'failed' | 'skipped';
  seconds: number;
  message?: string;
  trace?: string;
};

/**
 * How a unit's execution ended. Everything but `completed` has a failed test that says so. `limit`: the sandbox's
 * limit on memory, processes, disk or output ended it, not the test itself.
 */
export type EndKind = 'completed' | 'crash' | 'timeout' | 'silence' | 'limit' | 'nothing-executed';

export type UnitEnd = {
  ended: EndKind;
  /** False where tests of the unit were never reached. */
  complete: boolean;
  detail?: string;
  /** File in logs/, kept where something failed. */
  log?: string;
  /** Where the executor knows better than the time between its first sign and its end: of several that ran together. */
  seconds?: number;
};

/** What ran under a lease that was taken back is not recorded. */
export type UnderLease = { batch: string; lease: string };

/**
 * `exec` names one execution of one item in this folder, for ever: a runner that was started again counts under
 * another name. `seq` counts the tests of an execution.
 */
export type SlotEvent =
  | { type: 'runner'; at: string; pid: number }
  | { type: 'batch'; at: string; batch: string; lease: string }
  | { type: 'process'; at: string; pid: number; arm: string; why: string }
  | ({ type: 'unit'; at: string; exec: string; item: number; unit: string; arm: string; test?: string } & UnderLease)
  | ({ type: 'test'; exec: string; seq: number } & TestEnd)
  | ({ type: 'end'; at: string; exec: string; item: number; seconds: number } & UnderLease & UnitEnd)
  | { type: 'batch-end'; at: string; batch: string; lease: string; problem?: string };

/** Where an executor puts what a unit does. */
export type UnitSink = {
  /** What the unit needs is up: its own limits hold from here on, and end it. Until then the batch's does. */
  begins(): void;
  test(end: TestEnd): void;
  output(chunk: Buffer | string): void;
};

/** The runner itself cannot work (no java, no such command): not a test's failure. */
export class BrokenRunner extends Error {}

/** A unit of several that run together. */
export type OpenUnit = Omit<UnitSink, 'begins'> & { end(end: Omit<UnitEnd, 'log'>): void };

export type GroupSink = {
  begins(): void;
  /** The first sign of this item. Every item is opened and ended once. */
  open(item: WorkItem): OpenUnit;
};

/**
 * Runs items. `run` reports every test as it ends and resolves when the unit has ended, whatever happened in it.
 *
 * One whose process takes several units in one go says how many of `items` from the first on (`together`, at least 1);
 * then `runGroup` gets these, and every one has ended when it resolves.
 *
 * @throws BrokenRunner where nothing can be run at all.
 */
export type Executor = {
  run(item: WorkItem, sink: UnitSink): Promise<Omit<UnitEnd, 'log'>>;
  together?(items: readonly WorkItem[]): number;
  runGroup?(items: readonly WorkItem[], sink: GroupSink): Promise<void>;
  /** Ends whatever runs, at once. Safe to repeat, and while something runs. */
  close(): Promise<void>;
};

export type ExecutorContext = {
  sandbox: Sandbox;
  onProcess(process: { pid: number; arm: string; why: string }): void;
  /** What a process prints while no unit runs in it. */
  onStray(chunk: Buffer | string): void;
};
