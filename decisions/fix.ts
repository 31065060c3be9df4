import type { ApprovalQuestion, ApprovalRisk } from '../workflows/approval-types.ts';
import type { FixCard, FixChange, FixEvidence, FixPlan, Shown, UndoEnd, Verification } from '../workflows/fix-types.ts';
import type { FixEndKind } from '../workflows/ticket-types.ts';
import type { Digest } from '../workflows/types.ts';
import { caseOf } from './failing-case.ts';
import { caseWords } from './kafka-case.ts';
import { beforeWords, fieldWords, losesNothing } from './kafka-config.ts';

type Bound = { ticket: string; change: FixChange; evidence: Pick<FixEvidence, 'digest'> };

/** What an approval of a fix is bound to; made anew from the change by whoever applies it. */
export function fixBinds({ ticket, change, evidence }: Bound): Record<string, string> {
  const { kind, target } = change;
  const all = { ticket, kind, target, evidence: evidence.digest };
  if (change.kind === 'kafka-config') {
    const { resource, key, before } = change;
    const inverse = fieldWords({ resource, key, value: before.own });
    const shown = change.failingCase && { 'failing case': caseWords(change.failingCase) };
    return { ...all, patch: fieldWords(change), base: beforeWords(change), inverse, ...shown };
  }
  const { base, commit, tree, patch, ref, inverse, onto } = change;
  const merged = onto !== undefined && { 'merged into': onto };
  return { ...all, base, commit, tree, patch, ref, ...merged, inverse, 'failing case': caseOf(change) ?? '' };
}

/** What the author of a change said of it, given back to him with the change. */
export const authorWords = (words: string, failingCase: string | undefined): string =>
  failingCase === undefined ? words : `${words}\nfailingCase: ${failingCase}`;

/** Characters that reviewers are given of each: none may push out another. */
const TO_REVIEW = { found: 4_000, wishes: 2_000, said: 5_000 } as const;
const CUT = '\n… (cut here)';

/** Of a ticket's change, what reviewers are told beside it: what code has found first, then what people want. */
export function whatToReview(parts: Record<keyof typeof TO_REVIEW, readonly string[]>): string {
  const of = (part: keyof typeof TO_REVIEW) => {
    const text = parts[part].join('\n');
    return text.length <= TO_REVIEW[part] ? text : `${text.slice(0, TO_REVIEW[part])}${CUT}`;
  };
  const wishes = parts.wishes.length === 0 ? [] : [of('wishes')];
  return [`What code has found:\n${of('found')}`, ...wishes, `A user's ticket: ${of('said')}`].join('\n\n');
}

export type FixFacts = {
  plan: FixPlan;
  card: FixCard;
  evidence: readonly string[];
  /** What counts against it, of code and reviewers, with who says it. */
  remarks: readonly string[];
  /** What reviewers asked themselves and tried. None of a fix that was made before there was any. */
  asides?: readonly string[];
  /** What the change's author says of it. */
  words: string;
  /** To what was asked or approved before. */
  difference: readonly string[];
};

/**
 * What, risk, evidence, why: by whom each is said, and what nobody has proven. A card shows the first lines: code's own
 * stand before what others wrote, which may be of any length.
 */
export function fixLines({ plan, card, evidence, remarks, asides = [], words, difference }: FixFacts): string[] {
  return [
    ...card.what,
    `Risk: ${card.risk}`,
    `Taken back by itself where its verification fails: ${card.inverse}`,
    ...(difference.length > 0 ? ['Another than what was asked before:', ...difference.map((line) => `  ${line}`)] : []),
    ...evidence.map((line) => `Evidence (by code): ${line}`),
    ...remarks,
    `The agent's words, not proven: ${plan.what} ${plan.why}${words === '' ? '' : ` ${words}`}`,
    'Not proven by anything: that this is what the ticket is about, where no check looks.',
    ...asides,
  ];
}

export function fixQuestion(
  about: Bound & {
    id: string;
    settings: Digest;
    by: string;
    excluded: readonly string[];
    /** Whoever may not read all that it is made of. */
    unread?: readonly string[];
    summary: string;
    details: Digest;
    /** What code knows of it beside the change. */
    risk?: Pick<ApprovalRisk, 'findings' | 'shown' | 'changed'>;
  },
): ApprovalQuestion {
  const { id, ticket, settings, by, excluded, unread = [], summary, details, change, risk } = about;
  return {
    ...{ id, kind: 'fix', settings, ticket, summary, details },
    title: `${ticket}: may the agent's fix go to ${targetWords(change)}?`.slice(0, 300),
    binds: fixBinds(about),
    requester: by,
    excluded: [...new Set([...excluded, ...unread])].filter((person) => person !== by),
    ...(unread.length > 0 && { unread: unread.filter((person) => person !== by && !excluded.includes(person)) }),
    risk: { ...risk, ...configRisk(change) },
  };
}

function configRisk(change: FixChange): ApprovalRisk {
  if (change.kind !== 'kafka-config') return {};
  return { environments: [change.target], irreversible: !losesNothing(change) };
}

/** In the ticket's thread: code's own words, since whoever reads along may not read what the agent has read. */
export function targetWords(change: Pick<FixChange, 'kind' | 'target'>): string {
  if (change.kind === 'repository') return `the repository ${change.target}`;
  if (change.kind === 'stack-patch') return `the patch stack of ${change.target}`;
  return `the configuration of ${change.target}`;
}

/** Whoever has to land it by hand finds every line of it with its question. */
export const notAppliedWords = (approval: string, reason: string): string =>
  `it was approved and is not applied: ${reason}; its lines: npx patchwright approvals --show ${approval}`;

/** What follows once it is where it was approved to go. */
export const appliedWords = (change: FixChange, words: string): string => {
  const onto = 'onto' in change ? change.onto : undefined;
  if (onto === undefined) return `Applied: ${words}. It is being verified.`;
  return `Applied: ${words}. Open a request to merge it into ${onto}, as it is: it is verified once it is merged.`;
};

const SHOWN: Record<Shown, string> = {
  proven: 'proposed and proven',
  checked: 'proposed, and passes its check; nothing shows that it mends what was asked',
  'looked-at': 'proposed; its failing case was looked at, and is again once it is applied',
  nothing: 'proposed; nothing could be tried',
};

/** Never more than was shown. */
export const proposedWords = (change: FixChange, shown: Shown = 'proven'): string =>
  `A fix of ${targetWords(change)} is ${SHOWN[shown]}. It waits for a decision: npx patchwright approvals`;

/** What the journal holds of one fix: what was done, in the words of whoever did it. */
export type FixJournal = { applied?: string; undone?: string };

export type FixEnd = { kind: FixEndKind; text: string };

/** The last words: of what the journal says has happened. Each end begins with a word of its own. */
export function fixEnd(
  { applied, undone }: FixJournal,
  verification: Verification | undefined,
  undo: UndoEnd | undefined,
): FixEnd {
  if (applied === undefined) return { kind: 'given-back', text: 'NOT APPLIED: nothing was changed.' };
  if (verification?.kind === 'verified')
    return { kind: 'verified', text: `VERIFIED: ${applied}. ${sentence(verification.words)}` };
  if (verification?.kind === 'read-back') {
    const text = `APPLIED, read back; nothing could be tried: ${applied}. ${sentence(verification.words)}`;
    return { kind: 'read-back', text };
  }
  const words = verification?.words ?? 'nobody could verify it';
  if (verification?.kind !== 'failed') {
    const text = `NOT VERIFIED: ${applied}, and whether it helps cannot be told: ${words}. It stays as it is; somebody has to look.`;
    return { kind: 'inconclusive', text };
  }
  if (undone !== undefined)
    return {
      kind: 'undone',
      text: `UNDONE: ${applied}, its verification failed (${words}), and it was taken back: ${undone}.`,
    };
  const why = undo?.kind === 'kept' ? undo.reason : 'it could not be taken back';
  return {
    kind: 'failed',
    text: `FAILED: ${applied}, its verification failed (${words}), and it STAYS: ${why}. Somebody has to look now.`,
  };
}

/** What is known of one fix while it is carried out; `of` is what it was applied to. */
export type FixSoFar = { of?: string; applied?: string; verification?: Verification; undo?: UndoEnd };

/** The last words where a step did not come to an end: never that there is no fix where one was applied. */
export function stuckEnd({ applied, verification, undo }: FixSoFar, problem: string): FixEnd {
  if (applied === undefined) return { kind: 'given-back', text: `No fix: ${problem}` };
  const journal = { applied, ...(undo?.kind === 'undone' && { undone: undo.words }) };
  return fixEnd(journal, verification ?? { kind: 'inconclusive', words: problem }, undo);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;
}
