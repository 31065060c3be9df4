import type { FailingTest, Place } from './fix-types.ts';
import type { TestKey, TrialOf } from './proof-types.ts';
import type { Digest, Source } from './types.ts';

/** Each looks at a change in one way, and knows nothing of what its author thought. */
export type ReviewRole = 'review-correctness' | 'review-blast-radius' | 'review-tests';

/** What an agent is asked to do; each has its own brief, tools and check of its answer. */
export type AgentRole = 'diagnose' | 'repair' | 'investigate' | 'patch' | ReviewRole;

/** Limits of one run: questions to the model, tokens read and written, money, wall time. */
export type AgentBudget = { turns: number; tokens: number; money: number; minutes: number };

export type AgentSpent = { turns: number; tokens: number; money: number; seconds: number };

/** What a diagnosis is about: one verdict, and the two commits that its runs compared. */
export type DiagnosisSubject = {
  fork: string;
  base: string;
  candidate: string;
  suite: string;
  suiteRun: string;
  unit: string;
  test: string;
};

/** What any run is about: two commits of a fork, and what is known beside them. */
export type AgentSubject = Pick<DiagnosisSubject, 'fork' | 'base' | 'candidate'> &
  Partial<Pick<DiagnosisSubject, 'suite' | 'suiteRun' | 'unit' | 'test'>> & {
    /** Where there is no verdict: what the build or git said. */
    log?: Digest;
    /** Files of the failing tests: a repair that touches one proves nothing. */
    untouchable?: TestKey[];
    /** A change that is reviewed. */
    patch?: Digest;
    /** The patch that it goes into, as it was: it may be of another stack. */
    guilty?: string;
    /** Of a conflict: the commit that the patch was made on, and the patch as it was there. */
    old?: { base: string; patched: string };
    /** The stack that the brief names, where it is another than what lies between `base` and `candidate`. */
    stack?: { base: string; tip: string };
    /** Of an investigation: the source that it may read, and the ticket that it is about. */
    places?: Place[];
    ticket?: string;
  };

/** One run of an agent. `run` names it, and is never used twice: kafka-7/1/diagnose/fast/1. */
export type AgentOrder = {
  run: string;
  role: AgentRole;
  release: string;
  settings: Digest;
  subject: AgentSubject;
  /** What a repair tries its changes on. */
  trial?: TrialOf;
  /** The first entry of the transcript, in the artifact store: instructions and context, as they were given. */
  brief: Digest;
  budget: AgentBudget;
  /** The message of the ticket's thread that shows what it does. */
  board?: string;
};

/**
 * A call that the model wants made. `arguments`: their digest, and `entry` the part of the transcript that holds them;
 * of a call without one they lie in the artifact store by themselves. `same`: a short digest of what it asks, without
 * differences that mean nothing.
 */
export type ToolCall = { id: string; name: string; arguments: Digest; entry?: Digest; same?: string };

/** What a repair's files are: a tree of git, and the change that makes it of the candidate, for hosts that lack the tree. */
export type FilesNow = { tree: string; patch: Digest };

/**
 * What a tool answered, in the artifact store: the whole of it, of which the model gets head and tail. `accepted`: the
 * answer of the run. `refused`: an answer that code found wanting. `output`: what the model gets, of a call that was
 * made before that was made of the whole.
 */
export type ToolResult = {
  id: string;
  output?: Digest;
  whole: Digest;
  accepted?: Digest;
  /** Of an accepted change: tests that it adds or touches. */
  tests?: string[];
  refused?: boolean;
  /** What the files are after it, where it changed them. */
  files?: FilesNow;
  /** It is to be tried: the workflow does, and tells what came of it. */
  trial?: { fix: Source; tests: TestKey[] };
};

/** One answer of the model. `head` is the transcript up to and with it. */
export type Turn = {
  head: Digest;
  tokens: number;
  money: number;
  /** So many of the oldest answers of its calls were not sent any more. */
  leftOut?: number;
} /** Nothing that a retry mends: no key, no quota, no such model, or the model refuses. */ & (
  | { kind: 'unavailable'; reason: string }
  /** Not asked: what its release may spend is used up, by this run and those beside it. */
  | { kind: 'over'; reason: string }
  /** `results`: of its calls, where they were made with it. */
  | { kind: 'calls'; calls: ToolCall[]; signature: Digest; results?: ToolResult[] }
  /** Words and no call: it is told that only a call of a tool counts. */
  | { kind: 'words' }
  /** It reached its limit of words in the middle: nothing of it is acted on. */
  | { kind: 'cut-off' }
);

export type AgentEnd =
  | { kind: 'answered'; answer: Digest; tests?: string[] }
  /** turns, tokens, money or time; the sentence says which. */
  | { kind: 'out-of-budget'; reason: string }
  /** The same calls again and again, or answers that code refuses. */
  | { kind: 'gave-up'; reason: string }
  /** The model refused, is not to be had, or does not exist. */
  | { kind: 'no-model'; reason: string }
  /** Ours or the machine's fault: a tool that never came to an end. */
  | { kind: 'failed'; reason: string }
  | { kind: 'cancelled'; reason: string };

export type AgentOutcome = AgentEnd & { spent: AgentSpent; transcript: Digest };

/**
 * The states of the source that a run can read. `mine`: its own files, where it has some. Of a conflict also
 * `old_base`, what the patch was made on, and `old_patched`, the patch as it was there; `base` is then the new base.
 */
export type Arm = 'candidate' | 'base' | 'mine' | 'old_base' | 'old_patched';

/** Where a quoted line is said to stand. */
export type Quote = { where: Exclude<Arm, 'mine'> | 'log'; file?: string; line?: number; text: string };

/** What a diagnosis says; each quote has been found where it is said to be. */
export type Diagnosis = {
  cause: string;
  quotes: Quote[];
  confidence: 'low' | 'medium' | 'high';
  todo: string;
};

/** An explanation that code accepted, and of which verdict (or of what did not apply or build) it is. */
export type Explained = { answer: Digest } & Partial<
  Pick<DiagnosisSubject, 'suite' | 'unit' | 'test'> & { culprit: string[]; patch: string }
>;

/** What a repair hands in: the change is the state of its files, never its words. */
export type Proposal = {
  tree: string;
  patch: Digest;
  /** What the static gates have to say of it without refusing it: a person decides then. */
  pointedOut: string[];
  /** Files of tests that it adds or touches: told apart from what proves it. */
  tests?: string[];
  cause: string;
  change: string;
  risk: string;
  /** Of a ticket's patch: the commit that it was made on, and a shell command that fails without it. */
  base?: string;
  failingCase?: string;
  failingTest?: FailingTest;
};

/** What a change that is reviewed is to mend: then the arms of its reviewers are other states of the source. */
export type ReviewOf = 'verdict' | 'build' | 'conflict' | 'ticket';

/** An objection, with the changed line that it objects to. */
export type Finding = {
  by: ReviewRole;
  severity: 'blocks' | 'note';
  file: string;
  line: string;
  problem: string;
};

/** What a reviewer did and could not tell: for people, and no finding. */
export type ReviewRemarks = { by: ReviewRole; tried: string[]; open: string[] };
