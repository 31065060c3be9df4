import type { Settings } from '../config/schema.ts';
import { type ApprovalPolicy, decidersOf, outcomeWords, whyImpossible } from '../decisions/approval.ts';
import { approvalCard, cardKey, threadOfQuestion } from '../decisions/approval-card.ts';
import { digestOfJson } from '../lib/canonical-json.ts';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import { approvalsOf, endApproval, keepApproval, keepDecision } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { appendMessage, endMessage, threadState } from '../store/thread.ts';
import type { ApprovalOutcome, ApprovalQuestion, Decision, OpenApproval } from '../workflows/approval-types.ts';
import type { Digest } from '../workflows/types.ts';
import type { SlackConnection } from './slack.ts';

const MOST_FACTS = 3_000;

export type ApprovalDeps = {
  db: Db;
  settings: (digest: Digest) => Promise<Settings>;
  slack?: SlackConnection;
  /** Carries a thread to Slack. */
  wakeThread?: (thread: string) => Promise<void>;
};

export function createApprovalActivities({ db, settings, slack, wakeThread }: ApprovalDeps) {
  /** A ticket of the terminal has no thread in Slack, and gets none by this. */
  async function wake({ release }: ApprovalQuestion, thread: string): Promise<void> {
    if (slack === undefined) return;
    if (release !== undefined || (await threadState(db, thread))?.slackTs !== undefined) await wakeThread?.(thread);
  }

  return {
    /** Opens the question: its digest, its end, who may decide. Safe to repeat: the first form stays. */
    async openApproval(question: ApprovalQuestion): Promise<OpenApproval & { impossible?: string }> {
      const { people, groups, approvals } = await settings(question.settings);
      const policy = approvals[question.kind];
      const expiresAt = new Date(Date.now() + policy.expiresHours * 3_600_000).toISOString();
      const deciders = decidersOf(policy, { people, groups }, question);
      const open = await keepApproval(db, question, { digest: digestOf(question, policy), expiresAt, ...deciders });
      const impossible = whyImpossible(open);
      return { ...open, ...(impossible !== undefined && { impossible }) };
    },

    /** Safe to repeat: a key is written once. */
    async recordDecision(order: { id: string; key: string; decision: Decision; refused?: string }): Promise<void> {
      await keepDecision(db, order);
    },

    /** Safe to repeat: the first end counts. */
    async closeApproval({ id, outcome }: { id: string; outcome: ApprovalOutcome }): Promise<void> {
      await endApproval(db, id, outcome);
    },

    /** Shows the question in the thread that it is about, with its buttons. Safe to repeat: a key is said once. */
    async showApproval({ id }: { id: string }): Promise<void> {
      const [stored] = await approvalsOf(db, { id });
      const thread = stored && threadOfQuestion(stored.question);
      if (stored === undefined || thread === undefined) return;
      const { question, open } = stored;
      const { text, card } = approvalCard(question, open);
      // Nobody hears a click where nothing comes in from Slack: then the words say what to type.
      const heard = (await settings(question.settings)).support.slack !== undefined;
      const approval = { ...card, facts: plainText(redact(card.facts), MOST_FACTS) };
      const message = { release: thread, key: cardKey(id), text, tone: 'warn' as const };
      await appendMessage(db, { ...message, ...(heard && { card: { approval } }) });
      await wake(question, thread);
    },

    /** Takes the buttons away and says how it ended. Safe to repeat: the first end stays. */
    async endApprovalCard({ id }: { id: string }): Promise<void> {
      const [stored] = await approvalsOf(db, { id });
      const thread = stored && threadOfQuestion(stored.question);
      if (stored?.outcome === undefined || thread === undefined) return;
      const text = `${stored.question.title} It is over: ${outcomeWords(stored.outcome)}`;
      await endMessage(db, { key: cardKey(id), text });
      await wake(stored.question, thread);
    },
  };
}

export type ApprovalActivities = ReturnType<typeof createApprovalActivities>;

/** What a decision names: all that was shown and all that it binds, and the policy under which it is decided. */
function digestOf({ settings: _settings, ...asked }: ApprovalQuestion, policy: ApprovalPolicy): Digest {
  return digestOfJson({ ...asked, policy });
}

/** `binds`: what is about to be done, read anew by whoever does it. */
export type UseOfApproval = { id: string; binds: Record<string, string>; settings: Settings; use: string };

/**
 * Asked by an activity right before the effect that was approved: is it this very thing, was it approved, does the
 * approval still hold? An approval is a capability; it ends with its expiry, with a changed policy and with every
 * change of what it is about. Undefined where it holds. The answer is in the audit, once a `use`.
 */
export async function whyNotApproved(db: Db, use: UseOfApproval, now = new Date()): Promise<string | undefined> {
  const reason = await findReason(db, use, now);
  const kind = reason === undefined ? 'used' : 'refused';
  const entry = { use: use.use, ...(reason !== undefined && { refused: reason }) };
  await appendAudit(db, { key: `${use.id}/${kind}/${use.use}`, kind, about: use.id, by: 'patchwright', entry });
  return reason;
}

async function findReason(db: Db, { id, binds, settings }: UseOfApproval, now: Date): Promise<string | undefined> {
  const [stored] = await approvalsOf(db, { id });
  if (!stored) return `nobody was ever asked about ${id}`;
  const { question, open, outcome } = stored;
  if (outcome?.kind !== 'approved') return `${id}: ${outcome ? outcomeWords(outcome) : 'it is not decided yet'}`;
  if (now.getTime() >= Date.parse(open.expiresAt)) return `${id}: its approval expired at ${open.expiresAt}; ask again`;
  const changed = Object.keys({ ...question.binds, ...binds }).filter((name) => question.binds[name] !== binds[name]);
  if (changed.length > 0) return `${id}: ${changed.join(', ')} changed since it was approved; ask again`;
  const policy = settings.approvals[question.kind];
  if (digestOf(question, policy) !== open.digest) return `${id}: the policy changed since it was approved; ask again`;
  const { deciders } = decidersOf(policy, settings, question);
  const gone = outcome.by.filter((person) => !deciders.includes(person));
  if (gone.length > 0) return `${id}: ${gone.join(', ')} may no longer decide it; ask again`;
  return undefined;
}
