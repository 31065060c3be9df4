import { randomBytes, randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { personalToken } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import { outcomeWords, takesChanges } from '../../decisions/approval.ts';
import { type Ranked, rankOf, rehearsalOf } from '../../decisions/approval-risk.ts';
import { sendDecision } from '../../inbound/decide.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { oneLine, plainText } from '../../lib/plain-text.ts';
import { approvalsOf, issueToken, personOfToken, type StoredApproval } from '../../store/approvals.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import type { Decision, DecisionAnswer } from '../../workflows/approval-types.ts';
import { personOf } from './release.ts';
import { othersLines, readerOf, unreadable } from './ticket-readers.ts';

const SHORTEST_DIGEST = 12;

/** Who decides: by the person's own token, so that two people at one machine are two people (design, *Who acts*). */
export async function requirePerson(db: Db, settings: Settings): Promise<string> {
  const token = personalToken();
  if (token === undefined)
    throw new ExitError(
      2,
      'a decision needs your own token: set PATCHWRIGHT_TOKEN to what `npx patchwright people token NAME` showed you',
    );
  const person = await personOfToken(db, token);
  if (person === undefined || !(person in settings.people))
    throw new ExitError(
      2,
      'PATCHWRIGHT_TOKEN is nobody’s valid token: get a new one with `npx patchwright people token NAME`',
    );
  return person;
}

/** A new token of a person, shown once; the one before is no longer valid. */
export async function newToken(db: Db, settings: Settings, person: string): Promise<{ person: string; token: string }> {
  if (!(person in settings.people)) {
    const known = Object.keys(settings.people).join(', ') || 'none';
    throw new ExitError(2, `nobody is called "${person}" under people in the configuration; there are: ${known}`);
  }
  const token = `pw-${randomBytes(32).toString('base64url')}`;
  await issueToken(db, { person, token, by: personOf(settings) });
  return { person, token };
}

export type Wanted = { id: string; digest: string; decision: Decision['decision']; note?: string | undefined };

/** Decides. What is refused is refused with the reason, and is in the audit all the same. */
export async function decide(
  { db, client }: { db: Db; client: Client },
  settings: Settings,
  { id, digest, decision, note }: Wanted,
): Promise<DecisionAnswer & { id: string; person: string }> {
  const person = await requirePerson(db, settings);
  const [stored] = await approvalsOf(db, { id });
  if (!stored) throw new ExitError(2, `there is no approval ${id}; what waits: npx patchwright approvals`);
  const short = /^[0-9a-f]+$/.test(digest) && digest.length >= SHORTEST_DIGEST;
  const named = short && stored.open.digest.startsWith(digest) ? stored.open.digest : digest;
  const made: Decision = { person, digest: named, decision, nonce: randomUUID(), ...(note !== undefined && { note }) };
  return { ...(await sendDecision({ db, client }, id, made)), id, person };
}

/** `rank`: where it stands among the others, and why. */
export type Waiting = StoredApproval & { mine: boolean; rank: Ranked };

/**
 * What waits for people: what the caller may decide before what others must, the riskiest first, then the oldest.
 * `others`: how many questions of tickets that he may not read, and which he does not decide.
 */
export async function waitingFor(db: Db, settings: Settings): Promise<{ waiting: Waiting[]; others: number }> {
  const person = await readerOf(db, settings);
  const rehearsal = rehearsalOf(Object.values(settings.forks).map(({ release }) => release.environments));
  const all = await approvalsOf(db, { waiting: true });
  const unread = await unreadable(db, settings, all.flatMap(ofTicket));
  const shown = all.filter(({ id }) => !unread.has(id));
  const waiting = shown.map((one) => ({
    ...{ ...one, mine: isMine(one, person), rank: rankOf(one.question, rehearsal) },
  }));
  waiting.sort(
    (a, b) => Number(b.mine) - Number(a.mine) || b.rank.score - a.rank.score || (a.openedAt < b.openedAt ? -1 : 1),
  );
  return { waiting, others: all.length - waiting.length };
}

/** A question of a ticket, with those who may read it since they are asked; none of a release. */
export const ofTicket = ({ id, question: { ticket }, open }: Pick<StoredApproval, 'id' | 'question' | 'open'>) =>
  ticket === undefined ? [] : [{ ticket, id, deciders: open.deciders }];

const isMine = ({ open, decisions }: StoredApproval, person: string) =>
  open.deciders.includes(person) && !decisions.some((one) => one.person === person && one.refused === undefined);

export function waitingLines(waiting: readonly Waiting[], others = 0): string[] {
  if (waiting.length === 0)
    return [others > 0 ? 'none of yours' : 'nothing waits for a decision', ...othersLines(others)];
  const lines = waiting.flatMap(({ id, question, open, decisions, mine, rank }) => {
    const yes = decisions.filter(({ decision, refused }) => decision === 'approve' && refused === undefined);
    const summary = plainText(question.summary, 3_000)
      .split('\n')
      .map((line) => `    ${line}`);
    return [
      `${id}  ${question.kind}${mine ? '  waits for you' : ''}`,
      `  ${question.title}`,
      ...(rank.reasons.length === 0 ? [] : [`  its risk: ${rank.reasons.join('; ')}`]),
      ...summary,
      `  ${yes.length} of ${open.needed}: ${yes.map(({ person }) => person).join(', ') || 'nobody yet'}; may decide: ${open.deciders.join(', ')}; until ${open.expiresAt}`,
      `  npx patchwright approve ${id} --digest ${open.digest.slice(0, SHORTEST_DIGEST)}`,
      `  npx patchwright reject ${id} --digest ${open.digest.slice(0, SHORTEST_DIGEST)} --note WHY${takesChanges(question.kind) ? ' [--changes]' : ''}`,
      ...(question.details === undefined ? [] : [`  all of it: npx patchwright approvals --show ${id}`]),
    ];
  });
  return [...lines, ...othersLines(others)];
}

/** A question with all of what it is about, whatever became of it. Exit 2 where nobody was ever asked. */
export async function showApproval(
  { db, artifacts }: { db: Db; artifacts: ArtifactStore },
  id: string,
): Promise<StoredApproval & { whole: string }> {
  const [stored] = await approvalsOf(db, { id });
  if (!stored) throw new ExitError(2, `there is no approval ${id}; what waits: npx patchwright approvals`);
  const { details, summary } = stored.question;
  const whole = details === undefined ? summary : (await artifacts.read(details)).toString('utf8');
  return { ...stored, whole };
}

export const approvalLines = ({
  question,
  open,
  outcome,
  whole,
}: Awaited<ReturnType<typeof showApproval>>): string[] => [
  question.title,
  `digest ${open.digest}; ${outcome ? outcomeWords(outcome) : `may decide: ${open.deciders.join(', ')}; until ${open.expiresAt}`}`,
  ...Object.entries(question.binds).map(([name, value]) => `  ${name}: ${oneLine(value)}`),
  ...plainText(whole, Number.POSITIVE_INFINITY).split('\n'),
];

export function answerLines({ id, person, ...answer }: Awaited<ReturnType<typeof decide>>): string[] {
  if (answer.kind === 'refused') return [`${id}: refused: ${answer.reason}`];
  if (answer.outcome) return [`${id}: ${outcomeWords(answer.outcome)}`];
  return [`${id}: ${person} is counted; ${answer.missing} more needed`];
}
