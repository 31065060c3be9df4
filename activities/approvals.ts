import type { Settings } from '../config/schema.ts';
import {
  type ApprovalPolicy,
  decidersOf,
  outcomeWords,
  remindedWords,
  undecided,
  whyImpossible,
} from '../decisions/approval.ts';
import { approvalCard, cardKey, threadOfQuestion } from '../decisions/approval-card.ts';
import { mentionsOf } from '../decisions/page-mentions.ts';
import { digestOfJson } from '../lib/canonical-json.ts';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import { approvalsOf, endApproval, keepApproval, keepDecision } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { writeDirect } from '../store/direct.ts';
import { appendMessage, endMessage, type NewMessage, threadState } from '../store/thread.ts';
import type { ApprovalOutcome, ApprovalQuestion, Decision, OpenApproval } from '../workflows/approval-types.ts';
import type { Digest } from '../workflows/types.ts';
import type { SlackConnection } from './slack.ts';

const MOST_FACTS = 3_000;

type Said = Pick<NewMessage, 'key' | 'text' | 'card'>;

export type ApprovalDeps = {
  db: Db;
  settings: (digest: Digest) => Promise<Settings>;
  slack?: SlackConnection;
  /** Carries a thread to Slack. */
  wakeThread?: (thread: string) => Promise<void>;
};

export function createApprovalActivities({ db, settings, slack, wakeThread }: ApprovalDeps) {
  /** A ticket of the terminal has no thread in Slack, and gets none by this. */
  async function isInSlack({ release }: ApprovalQuestion, thread: string | undefined): Promise<boolean> {
    if (slack === undefined || thread === undefined) return false;
    return release !== undefined || (await threadState(db, thread))?.slackTs !== undefined;
  }

  async function wake(question: ApprovalQuestion, thread: string): Promise<void> {
    if (await isInSlack(question, thread)) await wakeThread?.(thread);
  }

  /** Says it in the thread of the question and calls these people there; where there is none in Slack, each by himself. */
  async function call(question: ApprovalQuestion, persons: readonly string[], said: Said): Promise<void> {
    const { people } = await settings(question.settings);
    const thread = threadOfQuestion(question);
    const inSlack = await isInSlack(question, thread);
    if (thread !== undefined) {
      const mentions = inSlack ? mentionsOf(persons, { people, groups: {} }) : [];
      await appendMessage(db, { ...said, release: thread, tone: 'warn', mentions });
      await wake(question, thread);
    }
    if (!inSlack) await writeToEach(question, persons, { ...said, tone: 'warn' });
  }

  /** Where nobody is called in a thread. A key is said once. */
  async function writeToEach(
    question: ApprovalQuestion,
    persons: readonly string[],
    { key, text, tone }: Said & Pick<NewMessage, 'tone'>,
  ): Promise<void> {
    if (slack === undefined) return;
    const { people } = await settings(question.settings);
    const about = threadOfQuestion(question) ?? question.id;
    for (const person of persons) {
      const user = people[person]?.slack?.user;
      if (user === undefined) continue;
      await wakeThread?.(await writeDirect(db, { about, person, user, key, text, ...(tone && { tone }) }));
    }
  }

  /**
   * Takes the buttons away and says how it ended; where those who may decide were written to, to each of them. Safe to
   * repeat: the first end stays, and a key is said once.
   */
  async function endCard(id: string): Promise<void> {
    const [stored] = await approvalsOf(db, { id });
    if (stored?.outcome === undefined) return;
    const { question, open, outcome } = stored;
    const thread = threadOfQuestion(question);
    const text = `${question.title} It is over: ${outcomeWords(outcome)}`;
    if (thread !== undefined) {
      await endMessage(db, { key: cardKey(id), text });
      await wake(question, thread);
    }
    // What nobody could decide nobody was asked.
    if (outcome.kind === 'impossible' || (await isInSlack(question, thread))) return;
    const tone = outcome.kind === 'approved' ? 'good' : 'warn';
    await writeToEach(question, open.deciders, { key: `approval/${id}/over`, text, tone });
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

    /** `card`: takes its buttons away too. Safe to repeat: the first end counts. */
    async closeApproval({ id, outcome, card }: { id: string; outcome: ApprovalOutcome; card?: true }): Promise<void> {
      await endApproval(db, id, outcome);
      if (card) await endCard(id);
    },

    /**
     * Shows the question in the thread that it is about, with its buttons, and calls those who may decide. Safe to repeat:
     * a key is said once.
     */
    async showApproval({ id }: { id: string }): Promise<void> {
      const [stored] = await approvalsOf(db, { id });
      if (stored === undefined) return;
      const { question, open } = stored;
      const { text, card } = approvalCard(question, open);
      // Nobody hears a click where nothing comes in from Slack: then the words say what to type.
      const heard = (await settings(question.settings)).support.slack !== undefined;
      const approval = { ...card, facts: plainText(redact(card.facts), MOST_FACTS) };
      await call(question, open.deciders, { key: cardKey(id), text, ...(heard && { card: { approval } }) });
    },

    /** Calls those whose word is still wanted once more. Safe to repeat: a key is said once. */
    async remindApproval({ id }: { id: string }): Promise<void> {
      const [stored] = await approvalsOf(db, { id });
      if (stored === undefined || stored.outcome !== undefined) return;
      const counted = stored.decisions.filter(({ refused }) => refused === undefined);
      const text = remindedWords(stored, counted);
      await call(stored.question, undecided(stored.open, counted), { key: `approval/${id}/again`, text });
    },

    /** A step of its own in questions of before. */
    endApprovalCard: async ({ id }: { id: string }): Promise<void> => endCard(id),
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
