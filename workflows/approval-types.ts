import type { Shown } from './fix-types.ts';
import type { Digest } from './types.ts';

/** What a person may be asked to decide. */
export type ApprovalKind = 'one-way-release' | 'expedite' | 'finalise' | 'unhold' | 'repair' | 'fix' | 'verdict-waiver';

/**
 * One question to people. `binds` names everything that an approval is about, by digest where there is one: a decision
 * names the digest over it, so that nobody approves one thing and has another done (trust.md).
 */
export type ApprovalQuestion = {
  /** Short, and never used twice: kafka-7/1/one-way. */
  id: string;
  kind: ApprovalKind;
  settings: Digest;
  release?: string;
  ticket?: string;
  /** One line. */
  title: string;
  /** What, why, evidence, risk: at most 3,000 characters. */
  summary: string;
  /** The whole of it, in the artifact store. */
  details?: Digest;
  binds: Record<string, string>;
  /** Who asked for it: does not count. A person by name. */
  requester: string;
  /** Whoever wrote or steered it: persons, or e-mail addresses of patch authors. They do not count either. */
  excluded: string[];
  /** Of these, who may not read all that it is made of. */
  unread?: string[];
  /** What code knows of its risk; questions of before have none. */
  risk?: ApprovalRisk;
};

/**
 * `findings`: what code points out and reviewers object to, and still stands; `shown`: what was proven of it; `changed`:
 * lines of the patch.
 */
export type ApprovalRisk = {
  environments?: string[];
  irreversible?: boolean;
  findings?: number;
  shown?: Shown;
  changed?: number;
};

/** The question as it was opened: who may decide, until when, and the digest that a decision must name. */
export type OpenApproval = {
  digest: Digest;
  expiresAt: string;
  needed: number;
  /** Everybody who may decide. */
  deciders: string[];
  /** Everybody who may not although he is known, and why. */
  barred: Record<string, string>;
};

export type Decision = {
  /** Established by the caller: a token on the CLI, a signed click in Slack. */
  person: string;
  digest: Digest;
  decision: 'approve' | 'reject' | 'changes';
  note?: string;
  /** Made anew for every click: a replayed one is known by it. */
  nonce: string;
};

export type CountedDecision = Decision & { at: string };

export type ApprovalOutcome =
  | { kind: 'approved'; by: string[] }
  | { kind: 'rejected'; by: string[]; note: string }
  | { kind: 'changes-requested'; by: string[]; note: string }
  /** Nobody could have decided: the reason says why. */
  | { kind: 'impossible'; note: string }
  | { kind: 'expired'; by: string[] }
  | { kind: 'withdrawn'; note: string };

export type ApprovalState = {
  question: ApprovalQuestion;
  open: OpenApproval;
  decisions: CountedDecision[];
  outcome?: ApprovalOutcome;
};

/**
 * A question with its buttons. `facts`: what, why, evidence, risk; `apart`: they stand in a form of their own; `whole`:
 * so does all of what the facts are cut from. `changes`: whether changes can be asked for; a card of before it was said
 * may show the button, and is refused.
 */
export type ApprovalCard = {
  id: string;
  digest: Digest;
  facts: string;
  foot: string;
  apart: boolean;
  changes?: boolean;
  whole?: boolean;
};

export type DecisionAnswer =
  | { kind: 'counted'; missing: number; outcome?: ApprovalOutcome }
  | { kind: 'refused'; reason: string };
