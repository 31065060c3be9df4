import type {
  CallEnd,
  CardButton,
  FixEndKind,
  TicketEnd,
  TicketState,
  TicketStateName,
} from '../workflows/ticket-types.ts';

export const SOLVED_BUTTONS: CardButton[] = [
  { action: 'solved', label: 'Solved', style: 'primary' },
  { action: 'not-solved', label: 'Not solved' },
];

export const ESCALATION_BUTTONS: CardButton[] = [
  { action: 'hand-off', label: 'Hand to the agent', style: 'primary' },
  { action: 'hand-off-hint', label: 'Hand over with a hint…' },
  { action: 'take', label: 'I take it' },
  { action: 'not-ours', label: 'Not ours', style: 'danger' },
];

export const DID_IT_HELP = 'Did that help? Without a word it is closed in a while.';
export const WELCOME = 'You are welcome. Press Solved if it is.';
export const REOPEN = 'Mention me in this thread to open it again.';

const ENDS: Record<TicketEnd, string> = {
  solved: 'Closed, solved',
  silence: 'Closed without a word',
  'not-ours': 'Closed, not ours',
  joined: 'Joined with another',
  fixed: 'Closed, fixed',
  nobody: 'Closed, nobody came',
  refused: 'Refused',
};

export const endWords = (ended: TicketEnd, reason: string): string => `${ENDS[ended]}: ${reason}.`;

const QUESTION = 300;

type Ending = { why: string; tone: 'warn' | 'bad'; tried?: string };
const ENDINGS: Partial<Record<FixEndKind, Ending>> = {
  undone: { why: 'its fix was taken back', tone: 'bad', tried: 'was applied, failed and was taken back' },
  failed: { why: 'its fix failed, and stays', tone: 'bad', tried: 'failed, and stays' },
  inconclusive: {
    ...{ why: 'whether its fix helps cannot be told', tone: 'bad' },
    tried: 'was applied, and whether it helps cannot be told',
  },
  'given-back': { why: 'there is no fix', tone: 'warn' },
};

/** Of a fix that did not end its ticket: why a person is called, in short, and what is told of it later. */
export const endingOf = (kind: FixEndKind | undefined): Ending =>
  (kind && ENDINGS[kind]) ?? { why: 'its fix did not end it', tone: 'bad' };

/**
 * To whoever is on call: how a fix has just ended, what was asked, what was tried and found, and why it comes to a
 * person.
 */
export function calledWords(state: TicketState, end: CallEnd): string {
  const { why, question, asker, answers, calls, ending, tried: fixes = [], near = [] } = state;
  const who =
    end.person === undefined
      ? `Nobody is on call: ${end.problem ?? 'the schedule is empty'}.`
      : `${end.person} is on call${calls > 1 ? ` (call ${calls})` : ''}${end.problem === undefined ? '' : `, and no direct message could be sent: ${end.problem}`}.`;
  const asked = inShort(question);
  const tried = answers === 0 ? 'no answer was given' : `answered ${answers === 1 ? 'once' : `${answers} times`}`;
  const found = near.length === 0 ? [] : [`closest of what was found: ${near.join(', ')}`];
  return [
    ...(ending === undefined ? [] : [ending.text]),
    `${who} ${sentence(why ?? 'no answer came')}`,
    `${asker} asked: ${asked}`,
    `So far: ${[tried, ...found, ...fixes].join('; ')}.`,
  ].join('\n');
}

/** No place is named: whoever is on call may be another than those who may read it. The answer names it. */
export const ORDERS =
  'An answer was made with a document that seems to give orders to whoever reads it. Look at that document, and at the answer, before they are believed.';

export const alertedWords = ({ person, problem }: CallEnd): string => {
  if (person === undefined) return `${ORDERS} Nobody is on call: ${problem ?? 'the schedule is empty'}.`;
  return `${person} is on call. ${ORDERS}${problem === undefined ? '' : ` No direct message could be sent: ${problem}.`}`;
};

export const notHandedWords = ({ taken }: TicketState, reason: string): string =>
  `It cannot be handed to the agent: ${reason}. It stays with ${taken}.`;

const inShort = (question: string) => (question.length > QUESTION ? `${question.slice(0, QUESTION - 1)}…` : question);

/** To whoever asked, alone: where he asked nobody may learn that there is more. */
export const privateWords = (question: string): string =>
  `You may read more about what you asked than everybody who reads along there: ask me here again, and you alone are answered. You asked: ${inShort(question)}`;

/** In the thread of whoever asked the same again. */
export const joinedWords = (text: string): string => `The same question, asked before, says:\n${text}`;

/** Nothing but thanks: it asks nothing. */
export const isThanks = (text: string): boolean =>
  /^(many )?(thanks?( you| a lot| so much)?|thx|ty|ok(ay)?|great|perfect|cool|got it)([\s\p{P}\p{S}]|thanks?|thank you|thx|ok(ay)?|great)*$/iu.test(
    text.trim(),
  );

/** Where it stands, for whoever asks meanwhile. */
export function standsWords({ name, taken, called, reason }: TicketState): string {
  const words: Record<TicketStateName, string> = {
    new: reason === undefined ? 'it has just begun' : `it is closed: ${reason}`,
    asked: 'an answer is being looked for',
    answered: 'it was answered',
    waiting: 'it was answered, and asked whether that helped',
    escalated: taken ? `${taken} has it` : called ? `${called} was called` : 'somebody is being called',
    'handed-off': `the agent works on it, handed over by ${taken}`,
    proposed: 'a fix waits for its approval',
    approved: 'an approved fix is about to be applied',
    applied: 'a fix was applied, and is being verified',
    verified: 'a fix was applied and verified',
    closed: `it is closed: ${reason}`,
  };
  return sentence(words[name]);
}

function sentence(text: string): string {
  const trimmed = text.trim().replace(/\.$/, '');
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}.`;
}
