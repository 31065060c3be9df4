import type { View } from '@slack/web-api';
import { sections } from '../activities/slack-card.ts';
import type { GuestCheck } from '../activities/ticket/guests.ts';
import { outcomeWords } from '../decisions/approval.ts';
import {
  type ApprovalClick,
  NOTE,
  NOTE_FORM,
  noteFormMemory,
  pagesOf,
  READ_FORM,
  readFormMemory,
} from '../decisions/slack-approval.ts';
import { logger } from '../lib/log.ts';
import { oneLine, plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import { approvalsOf, type StoredApproval } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import { ticketText } from '../store/tickets.ts';
import type { Decision, DecisionAnswer } from '../workflows/approval-types.ts';
import type { SlackAccount } from '../workflows/ticket-types.ts';
import { sendDecision } from './decide.ts';
import type { SlackDoorNow } from './slack.ts';
import { whoIs } from './who.ts';

type Deps = SlackDoorNow & { guest: GuestCheck };
type Click<D extends ApprovalClick['do']> = Extract<ApprovalClick, { do: D }>;

/**
 * A click on the card of a question. It decides nothing here: who clicked is looked up, and the question itself
 * (workflows/approval.ts) takes or refuses what he says, with the digest that the button carried. Whoever clicked alone
 * is told what came of it.
 */
export async function takeApprovalClick(deps: Deps, account: SlackAccount, click: ApprovalClick): Promise<void> {
  const { person, refused } = whoIs(deps, account);
  const problem = refused ?? guestWords(await deps.guest(account));
  if (person === undefined || problem !== undefined) {
    await auditRefusal(deps, account, click, problem ?? 'nobody');
    return whisper(deps, account, click, `Not counted. ${problem}`);
  }
  if (click.do === 'ask-why') return openNoteForm(deps, click);
  if (click.do === 'read') return showFacts(deps, { account, person, click });
  const answer = await decide(deps, person, click);
  return whisper(deps, account, click, answerWords(answer));
}

const guestWords = (problem: string | undefined) => problem && `Sorry, you may not decide here: ${problem}.`;

async function decide({ db, client }: Deps, person: string, click: Click<'decide'>): Promise<DecisionAnswer> {
  const { id, digest, decision, nonce, note } = click;
  const [stored] = await approvalsOf(db, { id });
  if (stored === undefined) return { kind: 'refused', reason: `there is no question ${oneLine(id, 80)}` };
  const made: Decision = { person, digest, decision, nonce, ...(note !== undefined && { note: ticketText(note) }) };
  return sendDecision({ db, client }, id, made);
}

function answerWords(answer: DecisionAnswer): string {
  if (answer.kind === 'refused') return `Not counted: ${answer.reason}`;
  if (answer.outcome) return `Counted: ${outcomeWords(answer.outcome)}`;
  return `Counted; ${answer.missing} more needed`;
}

async function openNoteForm({ slack }: Deps, click: Click<'ask-why'>): Promise<void> {
  const plain = (text: string) => ({ type: 'plain_text' as const, text });
  const changes = click.decision === 'changes';
  const view = {
    ...{ type: 'modal' as const, callback_id: NOTE_FORM, private_metadata: noteFormMemory(click) },
    ...{ title: plain(changes ? 'Request changes' : 'Reject'), submit: plain('Send'), close: plain('Cancel') },
    blocks: [
      {
        ...{ type: 'input' as const, block_id: NOTE, label: plain(changes ? 'What is to be changed' : 'Why not') },
        hint: plain('It is said in the thread too: whoever reads along there reads it.'),
        element: {
          ...{ type: 'plain_text_input' as const, action_id: NOTE, multiline: true },
          ...{ min_length: 1, max_length: 2_000 },
        },
      },
    ],
  };
  await open(() => slack.openView(click.trigger, view), click.id);
}

/**
 * What the agent has read need not be everybody's to read: all of it is shown, page by page, to those alone who may
 * decide on it. Who clicks is looked up anew for each page.
 */
async function showFacts(
  deps: Deps,
  { account, person, click }: { account: SlackAccount; person: string; click: Click<'read'> },
): Promise<void> {
  const [stored] = await approvalsOf(deps.db, { id: click.id });
  if (stored === undefined || !stored.open.deciders.includes(person)) {
    const reason = 'Only those who may decide it may read it.';
    await auditRefusal(deps, account, click, reason);
    return whisper(deps, account, click, reason);
  }
  const view = pageOf(stored, click, await wholeOf(deps, stored));
  const { slack } = deps;
  const show = () =>
    click.view === undefined ? slack.openView(click.trigger, view) : slack.updateView(click.view, view);
  await open(show, click.id);
}

/** Every line of what is asked: what was shown to whoever made the card may be cut. */
async function wholeOf({ artifacts }: Deps, { question }: StoredApproval): Promise<string> {
  const { details, summary, id, binds } = question;
  const bound = Object.entries(binds).map(([name, value]) => `${name}: ${oneLine(value)}`);
  const head = `${question.title}\n\nA decision is bound to:\n${bound.join('\n')}\n`;
  if (details === undefined) return `${head}\n${summary}`;
  try {
    return `${head}\n${(await artifacts.read(details)).toString('utf8')}`;
  } catch (error) {
    logger('inbound').warn({ err: (error as Error).message, id }, 'all of a question cannot be read');
    const words = `This is NOT all of it: the rest cannot be read here now. Read it before you decide: npx patchwright approvals --show ${id}`;
    return `${words}\n\n${head}\n${summary}`;
  }
}

function pageOf({ open: { digest } }: StoredApproval, click: Click<'read'>, whole: string): View {
  const pages = pagesOf(plainText(redact(whole), Number.POSITIVE_INFINITY));
  const n = Math.min(Math.max(1, click.page), pages.length);
  const plain = (text: string) => ({ type: 'plain_text' as const, text });
  const turn = (name: 'previous' | 'next', to: number) => ({
    ...{ type: 'button' as const, action_id: `approval.page.${name}`, value: String(to) },
    text: plain(name === 'next' ? 'Next page' : 'Previous page'),
  });
  const elements = [...(n > 1 ? [turn('previous', n - 1)] : []), ...(n < pages.length ? [turn('next', n + 1)] : [])];
  const blocks = [
    ...sections(`Page ${n} of ${pages.length}: all of what is asked. Digest ${digest}`),
    ...(pages[n - 1] ?? []).flatMap(sections),
    ...(elements.length > 0 ? [{ type: 'actions' as const, elements }] : []),
  ];
  const memory = { callback_id: READ_FORM, private_metadata: readFormMemory(click) };
  return { type: 'modal', title: plain('What is asked'), close: plain('Close'), ...memory, blocks };
}

/** A trigger is good for three seconds: the person clicks again, and a retry of ours could not. */
async function open(show: () => Promise<void>, id: string): Promise<void> {
  try {
    await show();
  } catch (error) {
    logger('inbound').warn({ err: (error as Error).message, id }, 'no form was opened');
  }
}

/** The decision is made, and is in the audit; that its author is not told why is no reason to take it again. */
async function whisper({ slack }: Deps, { user }: SlackAccount, { place, id }: ApprovalClick, text: string) {
  try {
    await slack.whisper({ ...place, user, text });
  } catch (error) {
    logger('inbound').warn({ err: (error as Error).message, id }, 'whoever clicked is not told what came of it');
  }
}

async function auditRefusal({ db }: Deps, account: SlackAccount, click: ApprovalClick, reason: string) {
  const by = `slack:${account.team}/${account.user}`;
  const what = click.do === 'read' ? 'read' : click.decision;
  const at = click.do === 'ask-why' ? `${click.at}/${account.user}` : click.nonce;
  const entry = { decision: what, digest: click.digest, refused: reason };
  await appendAudit(db, { key: `${click.id}/${at}`, kind: 'refused', about: click.id, by, entry });
}
