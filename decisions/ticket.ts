import type {
  ButtonAction,
  CallEnd,
  FirstAsked,
  TicketAction,
  TicketButton,
  TicketEnd,
  TicketEvent,
  TicketLimits,
  TicketMessage,
  TicketPlace,
  TicketProgress,
  TicketRules,
  TicketState,
  TicketStateName,
} from '../workflows/ticket-types.ts';
import {
  alertedWords,
  calledWords,
  DID_IT_HELP,
  ESCALATION_BUTTONS,
  endingOf,
  endWords,
  isThanks,
  joinedWords,
  notHandedWords,
  REOPEN,
  SOLVED_BUTTONS,
  standsWords,
  WELCOME,
} from './ticket-words.ts';

const ANSWERED: readonly TicketStateName[] = ['answered', 'waiting'];

export function newTicket(at: number): TicketState {
  const none = { asker: '', asked: '', question: '', answers: 0, calls: 0, steps: 0 };
  return { name: 'new', deadline: at + 60_000, ...none };
}

/**
 * Within a room an equal question joins the one that is open. At a terminal that is one asker's: an answer may rest on
 * what he alone may read.
 */
export const roomOf = (place: TicketPlace | undefined, asker: string): string =>
  place === undefined ? `cli:${asker}` : `${place.team}:${place.channel}`;

/**
 * Takes what happened to a ticket: changes `state`, and returns what is to be done, in this order. Every state has a
 * deadline and something that happens then, so that no ticket stays without an answer or a reason.
 */
export function react(state: TicketState, event: TicketEvent, rules: TicketRules, at: number): TicketAction[] {
  delete state.reply;
  switch (event.kind) {
    case 'message':
      return takeMessage(state, event, rules, at);
    case 'button':
      return takeButton(state, event, rules, at);
    case 'progress':
      return takeProgress(state, event, rules.limits, at);
    case 'timeout':
      return runOut(state, rules.limits, at);
    case 'caught-up':
      if (event.first) askedBy(state, event.first);
      return [{ do: 'open' }];
    case 'opened':
      return event.joins === undefined ? [{ do: 'answer' }] : join(state, event.joins, event.told);
    case 'answer':
      return takeAnswer(state, event.end, rules.limits, at);
    case 'called':
      return [saidCalled(state, event.end)];
    case 'alerted':
      return [{ do: 'say', text: alertedWords(event.end), tone: 'warn', ...mentioned(event.end) }];
    case 'handed-off':
      if (event.end.kind === 'begun') return [];
      // It stays with whoever wanted to hand it over.
      enter(state, 'escalated', rules.limits.takenMs, at);
      return [{ do: 'say', text: notHandedWords(state, event.end.reason), tone: 'warn' }];
  }
}

const mentioned = ({ mention }: CallEnd) => (mention === undefined ? {} : { mentions: [mention] });

/** How a fix ended is told once, at the head of the first call that it leads to. */
function saidCalled(state: TicketState, end: CallEnd): TicketAction {
  state.called = end.person ?? state.called ?? '';
  const said = { tone: state.ending?.tone ?? 'warn', text: calledWords(state, end) };
  delete state.ending;
  return { do: 'say', ...said, card: { buttons: ESCALATION_BUTTONS }, ...mentioned(end) };
}

function enter(state: TicketState, name: TicketStateName, forMs: number, at: number): void {
  state.name = name;
  state.deadline = at + forMs;
}

function close(state: TicketState, ended: TicketEnd, reason: string): TicketAction[] {
  state.name = 'closed';
  state.ended = ended;
  state.reason = reason;
  const tone = (ended === 'solved' || ended === 'fixed') && state.settled !== 'untried' ? 'good' : 'info';
  return [{ do: 'say', text: `${endWords(ended, reason)} ${REOPEN}`, tone, toJoined: true }];
}

/** One message: nothing is said in a thread after its last word. */
function join(state: TicketState, joins: string, told: string | undefined): TicketAction[] {
  const before = told === undefined ? 'whose thread has what was said so far; ' : '';
  const actions = close(
    state,
    'joined',
    `the same question is open already as ${joins}, ${before}what comes of it is told here too`,
  );
  if (told === undefined) return actions;
  return actions.map((action) =>
    action.do === 'say' ? { ...action, text: `${action.text}\n${joinedWords(told)}` } : action,
  );
}

function escalate(state: TicketState, why: string, limits: TicketLimits, at: number): TicketAction[] {
  enter(state, 'escalated', limits.escalationMs, at);
  state.why = why;
  delete state.taken;
  state.calls += 1;
  return [{ do: 'call', n: state.calls }];
}

function ask(state: TicketState, limits: TicketLimits, at: number): TicketAction[] {
  if (state.answers >= limits.mostAnswers)
    return escalate(state, `it was answered ${state.answers} times, and that did not end it`, limits, at);
  begin(state, limits, at);
  return [{ do: 'answer' }];
}

function begin(state: TicketState, limits: TicketLimits, at: number): void {
  enter(state, 'asked', limits.answerMs, at);
  delete state.ended;
  delete state.reason;
  delete state.settled;
}

/** Whoever asked first is the asker, in whatever order the messages arrive. */
function askedBy(state: TicketState, { person, sent, text }: FirstAsked): void {
  if (state.asked !== '' && sent >= state.asked) return;
  state.asker = person;
  state.asked = sent;
  state.question = text;
}

function takeMessage(state: TicketState, message: TicketMessage, rules: TicketRules, at: number): TicketAction[] {
  if (message.refused !== undefined) return [{ do: 'say', text: message.refused, tone: 'warn' }];
  const person = message.person ?? '';
  askedBy(state, { person, sent: message.sent, text: message.text });
  if (state.name === 'new') {
    begin(state, rules.limits, at);
    return [{ do: 'catch-up' }];
  }
  // A last word to one that was closed at the same moment does not open it again.
  const concerns = message.addressed || (person === state.asker && state.name !== 'closed');
  if (!concerns) return [];
  if (ANSWERED.includes(state.name) && isThanks(message.text))
    return [{ do: 'say', text: WELCOME, card: { buttons: SOLVED_BUTTONS } }];
  if (['asked', 'answered', 'waiting', 'closed'].includes(state.name)) return ask(state, rules.limits, at);
  return message.addressed ? [{ do: 'say', text: standsWords(state) }] : [];
}

const WITH_PEOPLE: readonly TicketStateName[] = ['asked', 'answered', 'waiting', 'escalated'];

/** Where each button means something. */
const WHERE: Record<ButtonAction, readonly TicketStateName[]> = {
  solved: [...WITH_PEOPLE, 'handed-off'],
  'not-solved': ANSWERED,
  'hand-off': WITH_PEOPLE,
  take: ['escalated'],
  'not-ours': WITH_PEOPLE,
};

/** Why this click does nothing, or undefined. A sentence, because a person reads it. */
export function whyNotPressed(
  state: TicketState,
  { action, person, refused }: TicketButton,
  { responders }: TicketRules,
): string | undefined {
  if (refused !== undefined) return refused;
  if (person === undefined) return 'it is not known who pressed it';
  if (state.name === 'closed') return `it is closed: ${state.reason}. ${REOPEN}`;
  if (!WHERE[action].includes(state.name)) return `that does nothing now: ${standsWords(state)}`;
  const own = action === 'solved' || action === 'not-solved';
  if (own && person === state.asker) return undefined;
  // Where nobody is configured there is only a terminal, and whoever sits there.
  if (responders.length > 0 && !responders.includes(person)) {
    const who = own ? `${state.asker}, who asked, or whoever may be on call` : 'whoever may be on call';
    return `${person}: that is for ${who} (${responders.join(', ')})`;
  }
  if (action === 'take' && state.taken !== undefined) return `${state.taken} has it already`;
  return undefined;
}

function takeButton(state: TicketState, button: TicketButton, rules: TicketRules, at: number): TicketAction[] {
  const reason = whyNotPressed(state, button, rules);
  if (reason !== undefined) {
    state.reply = reason;
    return [{ do: 'say', text: reason, tone: 'warn' }];
  }
  const { action, person = '', note = '' } = button;
  const { limits } = rules;
  switch (action) {
    case 'solved':
      if (ANSWERED.includes(state.name)) state.settled = 'answer';
      return close(state, 'solved', `${person} says that it is solved`);
    case 'not-solved':
      return escalate(state, `${person} says that the answer did not solve it`, limits, at);
    case 'not-ours':
      return close(state, 'not-ours', `${person} says that it is not ours${note === '' ? '' : `: ${note}`}`);
    case 'take':
      enter(state, 'escalated', limits.takenMs, at);
      state.taken = person;
      return [{ do: 'say', text: `${person} has it.`, tone: 'good' }];
    case 'hand-off': {
      enter(state, 'handed-off', limits.fixMs, at);
      state.taken = person;
      const hint = note.trim();
      const text = `${person} hands it to the agent${hint === '' ? '.' : `, with the hint: ${hint}`}`;
      return [
        { do: 'say', text },
        { do: 'hand-off', by: person, ...(hint !== '' && { hint }) },
      ];
    }
  }
}

const MOST_TRIED = 5;
const FIX_STEPS: readonly TicketStateName[] = ['handed-off', 'proposed', 'approved', 'applied', 'verified'];

/** A step that comes early, late or again changes nothing. */
function takeProgress(state: TicketState, step: TicketProgress, limits: TicketLimits, at: number): TicketAction[] {
  const [now, next] = [FIX_STEPS.indexOf(state.name), FIX_STEPS.indexOf(step.to as TicketStateName)];
  if (now < 0) return [];
  // Its own end is the earlier one: this deadline is for what died without a word.
  const forMs = Math.max(limits.fixMs, step.forMs ?? 0);
  if (step.to === 'goes-on') {
    enter(state, state.name, forMs, at);
    return [];
  }
  if (step.to === 'failed') return failFix(state, step, limits, at);
  if (next !== now + 1) return [];
  enter(state, step.to, forMs, at);
  if (step.to !== 'verified') return [{ do: 'say', text: step.text, tone: 'info' }];
  const untried = step.end === 'read-back';
  if (untried) state.settled = 'untried';
  const reason = `the fix was applied and ${untried ? 'read back; nothing could be tried' : 'verified'}`;
  const told: TicketAction = { do: 'say', text: step.text, tone: untried ? 'info' : 'good', toJoined: true };
  return [told, ...close(state, 'fixed', reason)];
}

/** Its own words go before the call, once; later calls have it in short. */
function failFix(
  state: TicketState,
  { text, end, of = 'it' }: TicketProgress,
  limits: TicketLimits,
  at: number,
): TicketAction[] {
  const { why, tone, tried } = endingOf(end);
  state.ending = { text, tone };
  if (tried !== undefined) state.tried = [...(state.tried ?? []), `a fix of ${of} ${tried}`].slice(-MOST_TRIED);
  return escalate(state, why, limits, at);
}

function takeAnswer(
  state: TicketState,
  end: Extract<TicketEvent, { kind: 'answer' }>['end'],
  limits: TicketLimits,
  at: number,
): TicketAction[] {
  delete state.near;
  if (end.kind === 'unanswered') {
    if (end.near !== undefined) state.near = end.near;
    return escalate(state, end.reason, limits, at);
  }
  enter(state, 'answered', limits.followUpMs, at);
  state.answers += 1;
  const said: TicketAction = { do: 'say', text: end.text, card: { buttons: SOLVED_BUTTONS }, toJoined: true };
  return end.orders ? [said, { do: 'alert' }] : [said];
}

/** Its time is up: what happens by itself. */
function runOut(state: TicketState, limits: TicketLimits, at: number): TicketAction[] {
  switch (state.name) {
    case 'new':
    case 'closed':
      return [];
    case 'asked':
      return escalate(state, 'no answer came in time', limits, at);
    case 'answered':
      enter(state, 'waiting', limits.closeMs, at);
      return [{ do: 'say', text: DID_IT_HELP, card: { buttons: SOLVED_BUTTONS } }];
    case 'waiting':
      return close(state, 'silence', 'nobody said whether the answer helped');
    case 'escalated':
      if (state.calls >= limits.mostCalls)
        return close(state, 'nobody', `nobody took it after ${state.calls} calls; the last was ${state.called}`);
      return escalate(
        state,
        state.taken === undefined ? (state.why ?? '') : `${state.taken} took it, and it is not solved yet`,
        limits,
        at,
      );
    default:
      return escalate(state, `the fix stands still: ${standsWords(state)}`, limits, at);
  }
}
