import {
  ActivityFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  patched,
  proxyActivities,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { Arrival, TicketActivities } from '../activities/tickets.ts';
import { isLesson } from '../decisions/learning.ts';
import { newTicket, react } from '../decisions/ticket.ts';
import { calledWords, ORDERS } from '../decisions/ticket-words.ts';
import { pressTicket, ticketButton, ticketMessage, ticketProgress, ticketState } from './ticket-messages.ts';
import type {
  CallEnd,
  Clicked,
  TicketAction,
  TicketEvent,
  TicketOrder,
  TicketRules,
  TicketState,
} from './ticket-types.ts';

const { beginTicket, openTicket, saveTicketState, tellTicket, handOffTicket, learnFromTicket } =
  proxyActivities<TicketActivities>({
    taskQueue: 'patchwright-activity',
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '20 seconds',
    retry: { maximumInterval: '10 seconds' },
  });

// It asks Slack whether somebody is a guest: with Slack away nothing counts, and nothing is lost.
const { takeIn } = proxyActivities<TicketActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '40 seconds',
  retry: { maximumInterval: '30 seconds' },
});

// A few tries: a call is made all the same, and a question answered without what stood above it.
const { whomToCall, writeTo, catchUp } = proxyActivities<TicketActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '40 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '10 seconds', maximumAttempts: 4 },
});

const LONGEST_HISTORY = 1_500;

type Desk = {
  order: TicketOrder;
  state: TicketState;
  rules: TicketRules;
  inbox: Inbound[];
  replies: Map<string, string>;
};
type Inbound = Extract<TicketEvent, { key: string }>;

/**
 * One ticket: a thread, from a question to an answer, a fix or a reason.
 *
 *   1. Take what arrives, one after the other and each once: messages, clicks, the steps of a fix.
 *   2. Decide what follows (decisions/ticket.ts), keep the new state, and do it: say, look for an answer, call somebody,
 *      hand it to the agent.
 *   3. Where nothing arrives until the state's deadline, what happens by itself: no answer is escalated, silence is
 *      followed up once and then closed, a call goes to the next person.
 *
 * It ends when it is closed; what people found out that nothing answered is then proposed to be written down. Whoever mentions us in the thread again opens it again, as a new run of the same id.
 */
export async function ticket(order: TicketOrder, carried?: TicketState): Promise<TicketState> {
  const inbox: Inbound[] = [];
  const replies = new Map<string, string>();
  const state = carried ?? newTicket(Date.now());
  setHandler(ticketState, () => state);
  setHandler(ticketMessage, (message) => void inbox.push({ kind: 'message', ...message }));
  setHandler(ticketButton, (button) => void inbox.push({ kind: 'button', ...button }));
  setHandler(ticketProgress, (step) => void inbox.push({ kind: 'progress', ...step }));
  setHandler(pressTicket, async (button) => {
    inbox.push({ kind: 'button', ...button });
    await condition(() => replies.has(button.key));
    return replies.get(button.key) ?? '';
  });

  const { rules, known } = await beginTicket(order);
  // One that was closed is about the same thing still, and of the same asker.
  if (state.name === 'new' && known) Object.assign(state, { ...known, asked: '0' });
  const desk: Desk = { order, state, rules, inbox, replies };
  while ((await step(desk)) || (await isClicked(desk))) {
    if (inbox.length > 0 || workflowInfo().historyLength < LONGEST_HISTORY) continue;
    if (!(await isClicked(desk))) await continueAsNew<typeof ticket>(order, state);
  }
  if (isLesson(state) && patched('ticket-learns')) await learnFromTicket(order, state);
  return state;
}

/** Whether somebody still waits for the reply to a click: nobody may be left waiting by an end. */
async function isClicked({ inbox }: Desk): Promise<boolean> {
  await condition(() => allHandlersFinished() || inbox.length > 0);
  return inbox.length > 0;
}

/** The next thing that happens. False where the ticket is over: closed, or nothing of it counts. */
async function step(desk: Desk): Promise<boolean> {
  const { order, state, rules, inbox, replies } = desk;
  if (state.name === 'closed' && inbox.length === 0) return false;
  await condition(() => inbox.length > 0, Math.max(1, state.deadline - Date.now()));
  const event = inbox.shift();
  if (event === undefined) {
    if (state.name === 'new') return false;
    await take(desk, { kind: 'timeout' });
    return true;
  }
  const { fresh, refused, responders } = await takeIn(order, { ...event, nonce: uuid4() } as Arrival);
  // Whoever came or went since it was opened.
  if (responders !== undefined) rules.responders = responders;
  if (fresh) await take(desk, refused === undefined ? event : ({ ...event, refused } as TicketEvent));
  else replies.set(event.key, 'it came before, and was taken then');
  return state.name !== 'new' || inbox.length > 0;
}

async function take({ order, state, rules, replies }: Desk, first: TicketEvent): Promise<void> {
  const events = [first];
  let reply: string | undefined;
  let clicked: Clicked | undefined;
  for (let event = events.shift(); event !== undefined; event = events.shift()) {
    const actions = react(state, event, rules, Date.now());
    reply ??= state.reply ?? '';
    if (state.name !== 'new') await saveTicketState(order, state);
    clicked ??= clickOf(first, state);
    for (const action of actions) events.push(...(await perform({ order, state, rules, clicked }, action)));
  }
  // Once all that follows from it is done: whoever waits looks at the ticket next.
  if ('key' in first) replies.set(first.key, reply ?? '');
}

/** A run's id begins with its time: a ticket that is opened again in the same minute would have the same beginning. */
const runKey = () => workflowInfo().firstExecutionRunId.slice(-8);
const stepKey = ({ ticket }: TicketOrder, { steps }: TicketState) => `${ticket}/${runKey()}/${steps}`;

/** Of a click: where it was made, and whether it counts. */
function clickOf(event: TicketEvent, { reply }: TicketState): Clicked | undefined {
  if (event.kind !== 'button') return undefined;
  return { counted: reply === undefined, ...(event.from !== undefined && { from: event.from }) };
}

type Doing = Pick<Desk, 'order' | 'state' | 'rules'> & { clicked: Clicked | undefined };

/** Does it; what came of it is the next event. */
async function perform({ order, state, rules, clicked }: Doing, action: TicketAction): Promise<TicketEvent[]> {
  state.steps += 1;
  switch (action.do) {
    case 'say': {
      const { do: _, ...said } = action;
      const calls = { ...(clicked && { clicked }), ...(state.name !== 'escalated' && { over: true }) };
      await tellTicket(order, {
        ...said,
        ...calls,
        key: stepKey(order, state),
        ...(state.name === 'closed' && { final: true }),
      });
      return [];
    }
    case 'catch-up': {
      const found = await attempt(() => catchUp(order));
      return [{ kind: 'caught-up', ...(found.kind === 'done' && found.result && { first: found.result }) }];
    }
    case 'open': {
      const opened = await openTicket(order, { asker: state.asker, text: state.question });
      return [{ kind: 'opened', ...opened }];
    }
    case 'answer':
      return [await answer(order, state, rules)];
    case 'call': {
      return [{ kind: 'called', end: await call(order, state, action.n) }];
    }
    case 'alert':
      return [{ kind: 'alerted', end: await alert(order, state) }];
    case 'hand-off':
      return [{ kind: 'handed-off', end: await handOffTicket(order, action.by, action.hint) }];
  }
}

/** Whoever is on call is told once an answer; nothing is to be pressed. */
async function alert(order: TicketOrder, state: TicketState): Promise<CallEnd> {
  return tellOnCall(order, state, { n: 1, round: `${runKey()}/orders-${state.answers}`, text: () => ORDERS });
}

/** Finds whom to call, and writes to him; the thread says so too. */
async function call(order: TicketOrder, state: TicketState, n: number): Promise<CallEnd> {
  // The thread's places are for those who read along there: whoever is called may be another.
  const { near: _, ...told } = state;
  const text = (end: CallEnd) => calledWords(told, end);
  return tellOnCall(order, state, { n, round: `${runKey()}/${n}`, text, buttons: true });
}

type Told = { n: number; round: string; text: (end: CallEnd) => string; buttons?: boolean };

async function tellOnCall(
  order: TicketOrder,
  state: TicketState,
  { n, round, text, buttons = false }: Told,
): Promise<CallEnd> {
  const found = await attempt(() => whomToCall(order, { n, asker: state.asker }));
  if (found.kind === 'failed') return { problem: found.problem };
  const { person } = found.result;
  if (person === undefined) return found.result;
  const message = { person, round, text: text(found.result), ...(!buttons && { bare: true }) };
  const written = await attempt(() => writeTo(order, message));
  return written.kind === 'done' ? found.result : { ...found.result, problem: written.problem };
}

/** However slow or broken what answers is: when the time is up it is a person's turn. */
async function answer(order: TicketOrder, state: TicketState, { limits }: TicketRules): Promise<TicketEvent> {
  const { answerTicket } = proxyActivities<TicketActivities>({
    taskQueue: 'patchwright-activity',
    scheduleToCloseTimeout: limits.answerMs,
    heartbeatTimeout: '40 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  });
  const found = await attempt(() => answerTicket(order, state.asker, `${stepKey(order, state)}/answer`));
  if (found.kind === 'failed') return { kind: 'answer', end: { kind: 'unanswered', reason: found.problem } };
  if (found.result.kind !== 'answered' || !found.result.orders || patched('ticket-alerts'))
    return { kind: 'answer', end: found.result };
  const { orders: _, ...end } = found.result;
  return { kind: 'answer', end };
}

type Attempt<T> = { kind: 'done'; result: T } | { kind: 'failed'; problem: string };

async function attempt<T>(activity: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { kind: 'done', result: await activity() };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { kind: 'failed', problem: `it did not come to an end: ${error.cause?.message ?? error.message}` };
  }
}
