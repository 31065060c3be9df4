import type { FixEndKind, TicketOrder } from './ticket-types.ts';
import type { Digest } from './types.ts';

export type FixKindName = 'repository' | 'stack-patch' | 'kafka-config';

/** `fix` names it: TICKET/1 for the first hand-off of a ticket. `by`: who handed it off. */
export type FixOrder = TicketOrder & {
  fix: string;
  by: string;
  hint?: string;
  /** What is to be written down of a ticket that is closed: nothing is looked into, and the ticket is not told its steps. */
  learns?: FixPlan;
};

/** How long what a fix waits for may take, in milliseconds: one run of an agent, one question to people, one suite. */
export type FixTakes = { agent: number; question: number; suites: number };

/** One thing that a fix may change, out of the configuration. No text ever adds to these. */
export type FixTarget = { kind: FixKindName; target: string };

/** Source that an agent may read: a repository or fork (config/code.ts), at one commit. */
export type Place = { name: string; commit: string };

/** What an agent found, and what is to be changed; each quote was found where it is said to be. */
export type FixPlan = FixTarget & {
  what: string;
  why: string;
  /** Typed fields, where the kind has any. */
  change?: ConfigFields;
  /** The one file that may be changed. */
  only?: string;
  /** Files that it quotes, by the names of places. */
  rests?: { place: string; path: string }[];
};

/** What fails now, and should hold with the change: typed, and only ever read. */
export type ConfigCase =
  | { is: 'value'; resource: ConfigResource; key: string; value: string }
  /** `below`: records to read. */
  | { is: 'lag'; group: string; topic?: string | undefined; below: number; withinSeconds: number }
  | { is: 'takes-writes'; topic: string };

export type ConfigResource = { type: 'topic' | 'broker'; name: string };

export type ConfigFields = {
  resource: ConfigResource;
  key: string;
  /** Null takes the value of its own away, so that the default holds. */
  value: string | null;
  failingCase?: ConfigCase | undefined;
};

/** A change of files: everything by commit, and its inverse too. */
export type GitChange = {
  kind: 'repository' | 'stack-patch';
  target: string;
  base: string;
  commit: string;
  tree: string;
  patch: Digest;
  /** The commit that takes it back; nothing where nothing has to be taken back. */
  inverse: string;
  /** What is pushed: a branch, or a reference of ours. */
  ref: string;
  /** The branch that people merge `ref` into, where that takes no push. */
  onto?: string;
  /** The ticket's own failing case, as a shell command. */
  failingCase?: string;
  /** The same of a patch on a stack: a test of one of its suites. */
  failingTest?: FailingTest;
};

/** `own`: the value that the resource had of its own, or null; `effective`: what held. */
export type ConfigChange = ConfigFields & {
  kind: 'kafka-config';
  target: string;
  before: { own: string | null; effective: string | null };
};

export type FixChange = GitChange | ConfigChange;

/** What was tried before anybody is asked. `digest`: all of it, in the artifact store. */
export type FixEvidence = { digest: Digest; lines: string[] };

/** What is shown to whoever decides. */
export type FixCard = { what: string[]; risk: string; inverse: string };

export type ApplyEnd =
  | { kind: 'applied'; words: string }
  /** What it was approved on is no longer there: a line each of what is there now. */
  | { kind: 'moved'; difference: string[] }
  | { kind: 'refused'; reason: string };

/** `read-back`: it is there, and there was nothing to try it by. */
export type Verification = { kind: 'verified' | 'read-back' | 'failed' | 'inconclusive'; words: string };

/** `test`: class#method, with parameters where there are several of that name. */
export type FailingTest = { suite: string; test: string };

/**
 * What was shown before anybody is asked: that it fails without the change and passes with it (or a build and suites), a
 * check alone, what fails now alone, or nothing.
 */
export type Shown = 'proven' | 'checked' | 'looked-at' | 'nothing';

/** Partitions that are not as they should be, by name: without a leader, or under min.insync.replicas. */
export type Broken = { offline: string[]; underMinIsr: string[] };

/** What the journal holds of an applied change. `broken`: what was so right before; none where that is not known. */
export type Applied = { words: string; broken?: Broken };

export type UndoEnd = { kind: 'undone'; words: string } | { kind: 'kept'; reason: string };

export type FixOutcome = { kind: FixEndKind; reason: string };
