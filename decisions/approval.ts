import type {
  ApprovalKind,
  ApprovalOutcome,
  ApprovalState,
  CountedDecision,
  Decision,
  DecisionAnswer,
  OpenApproval,
} from '../workflows/approval-types.ts';

export type ApprovalPolicy = { needed: number; from: readonly string[]; expiresHours: number };
export type Person = { email?: string | readonly string[] | undefined };

/** Questions to people about one change of an agent: what they ask for begins another, and somewhere that ends. */
export const MOST_QUESTIONS = 4;

/** Whether an agent stands behind a question, who can be told what is to be changed. */
export const takesChanges = (kind: ApprovalKind): boolean => kind === 'repair' || kind === 'fix';

/** Who has a part in what is asked, beside whoever asked for it: authors of its patches, and who steered an agent's. */
export const notCounted = (patches: readonly { author: string }[], steered: readonly string[]): string[] => [
  ...new Set([...patches.map(({ author }) => author), ...steered]),
];

/** Why changes cannot be asked for here, or undefined: words that reach nobody are not taken. */
export function whyNoChanges({ kind }: { kind: ApprovalKind }, { decision }: Pick<Decision, 'decision'>) {
  if (decision !== 'changes' || takesChanges(kind)) return undefined;
  return `no agent stands behind a question of the kind ${kind}, and nobody would make the changes: approve it, or reject it and say why`;
}

const UNREAD = 'may not read all that it is made of (support.repositories.NAME.readers)';

type People = Readonly<Record<string, Person>>;
type Groups = Readonly<Record<string, readonly string[]>>;

/**
 * Who may decide on a question: whoever the policy names and is a person of the configuration, less who asked for it,
 * wrote it or steered it. A person counts once, whatever accounts he has.
 */
export function decidersOf(
  policy: ApprovalPolicy,
  { people, groups }: { people: People; groups: Groups },
  { requester, excluded, unread = [] }: { requester: string; excluded: readonly string[]; unread?: readonly string[] },
): Pick<OpenApproval, 'deciders' | 'barred' | 'needed'> {
  const named = policy.from.flatMap((name) => groups[name] ?? [name]);
  const asked = new Set(policy.from.length === 0 ? Object.keys(people) : named.filter((name) => name in people));
  const barred: Record<string, string> = {};
  for (const name of Object.keys(people)) {
    if (name === requester) barred[name] = 'asked for it';
    else if (unread.includes(name)) barred[name] = UNREAD;
    else if (excluded.some((other) => isThem(name, people[name], other))) barred[name] = 'wrote or steered it';
    else if (!asked.has(name)) barred[name] = 'is not among those who are asked';
  }
  const deciders = [...asked].filter((name) => !(name in barred)).sort();
  return { deciders, barred, needed: policy.needed };
}

const isThem = (name: string, person: Person | undefined, other: string) =>
  other === name || (person !== undefined && addressesOf(person).includes(addressOf(other)));

/** Whoever commits under several addresses is one person, and wrote it under each. */
export const addressesOf = ({ email = [] }: Person) =>
  (typeof email === 'string' ? [email] : email).map((address) => address.toLowerCase());

/** `Ada <ada@example.org>` as git writes an author, or the address alone. */
const addressOf = (author: string) => (/<([^>]*)>/.exec(author)?.[1] ?? author).trim().toLowerCase();

/** Why nobody could ever approve it, or undefined. */
export function whyImpossible({
  deciders,
  barred,
  needed,
}: Omit<OpenApproval, 'digest' | 'expiresAt'>): string | undefined {
  if (deciders.length >= needed) return undefined;
  const why = Object.entries(barred).map(([name, reason]) => `${name} ${reason}`);
  const known = why.length > 0 ? why.join('; ') : 'no people are configured';
  return `it needs ${needed} and only ${deciders.length} may decide (${known}). Add people, or change approvals in the configuration, and try again`;
}

/**
 * Takes a decision, or says why not. What was taken changes `state`; nothing else does.
 *
 * A decision is refused that names another digest, comes late, comes twice, or comes from somebody who may not decide.
 */
export function takeDecision(state: ApprovalState, decision: Decision, at: string): DecisionAnswer {
  const reason = whyRefused(state, decision, at);
  if (reason !== undefined) return { kind: 'refused', reason };
  state.decisions.push({ ...decision, at });
  const outcome = outcomeOf(state);
  if (outcome) state.outcome = outcome;
  const approvals = state.decisions.filter((one) => one.decision === 'approve').length;
  return { kind: 'counted', missing: Math.max(0, state.open.needed - approvals), ...(outcome && { outcome }) };
}

function whyRefused({ open, decisions, outcome }: ApprovalState, decision: Decision, at: string): string | undefined {
  const { person, digest, nonce, note = '' } = decision;
  if (outcome) return `it is over: ${outcomeWords(outcome)}`;
  if (Date.parse(at) >= Date.parse(open.expiresAt)) return `it expired at ${open.expiresAt}`;
  if (decisions.some((one) => one.nonce === nonce)) return 'this very decision was counted already (a replay?)';
  if (person in open.barred) return `${person} ${open.barred[person]}, and does not count`;
  if (!open.deciders.includes(person)) return `${person} is nobody who may decide this`;
  if (digest !== open.digest) return `it names ${digest.slice(0, 12)}, and the question is ${open.digest.slice(0, 12)}`;
  if (decisions.some((one) => one.person === person)) return `${person} has decided already`;
  if (decision.decision !== 'approve' && note.trim() === '') return 'a reason is needed to say no';
  return undefined;
}

function outcomeOf({ open, decisions }: ApprovalState): ApprovalOutcome | undefined {
  const no = decisions.find(({ decision }) => decision !== 'approve');
  if (no) {
    const kind = no.decision === 'reject' ? 'rejected' : 'changes-requested';
    return { kind, by: [no.person], note: no.note ?? '' };
  }
  if (decisions.length < open.needed) return undefined;
  return { kind: 'approved', by: decisions.map(({ person }) => person) };
}

function commandsOf({ question, open }: Pick<ApprovalState, 'question' | 'open'>): string {
  const back = takesChanges(question.kind) ? '; with --changes too it goes back to the agent' : '';
  return `npx patchwright approve ${question.id} --digest ${open.digest.slice(0, 12)} (or reject, with --note${back})`;
}

/** What is asked, of whom, until when, and what to type. */
export function askedWords(asked: Pick<ApprovalState, 'question' | 'open'>): string {
  const { needed, deciders, expiresAt } = asked.open;
  const who = `${needed} of ${deciders.join(', ')}`;
  return `${asked.question.title} It waits for ${who} until ${expiresAt}: ${commandsOf(asked)}`;
}

/** Whoever is asked is called once more when so much of the time is over. */
const REMINDED_AFTER = 0.75;
export const remindAfterMs = (leftMs: number): number => Math.max(1, Math.floor(leftMs * REMINDED_AFTER));

type Counted = Pick<CountedDecision, 'person'>;

/** Whose word is still wanted. */
export const undecided = ({ deciders }: Pick<OpenApproval, 'deciders'>, counted: readonly Counted[]): string[] =>
  deciders.filter((person) => !counted.some((one) => one.person === person));

/** The same, shortly before its time is over. */
export function remindedWords(asked: Pick<ApprovalState, 'question' | 'open'>, counted: readonly Counted[]): string {
  const { needed, expiresAt } = asked.open;
  const who = `${needed - counted.length} of ${undecided(asked.open, counted).join(', ')}`;
  return `Still undecided, and over at ${expiresAt}: ${asked.question.title} It waits for ${who}: ${commandsOf(asked)}`;
}

export function outcomeWords(outcome: ApprovalOutcome): string {
  const by = 'by' in outcome && outcome.by.length > 0 ? ` by ${outcome.by.join(' and ')}` : '';
  const note = 'note' in outcome && outcome.note !== '' ? `: ${outcome.note}` : '';
  const said: Record<ApprovalOutcome['kind'], string> = {
    approved: `approved${by}`,
    rejected: `rejected${by}${note}`,
    'changes-requested': `changes were asked for${by}${note}`,
    impossible: `nobody can decide it${note}`,
    expired: `it expired${by && ` with a yes${by}`}`,
    withdrawn: `withdrawn${note}`,
  };
  return said[outcome.kind];
}
