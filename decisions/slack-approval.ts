import type { Decision } from '../workflows/approval-types.ts';
import { type DecisionButton, readButtonValue } from './approval-card.ts';

/** Where somebody stood as he clicked: there he is answered. */
export type ClickPlace = { channel: string; thread: string };

/** What a card's button or form asks for, before anybody has looked who it is. */
export type ApprovalClick = { id: string; digest: string; place: ClickPlace } & (
  | { do: 'decide'; decision: Decision['decision']; nonce: string; note?: string }
  /** A form for the reason first. `at`: Slack's own time of the click. */
  | { do: 'ask-why'; decision: 'changes' | 'reject'; at: string; trigger: string }
  | { do: 'read'; trigger: string; nonce: string }
);

export const NOTE_FORM = 'approval_note';
export const NOTE = 'note';

type Clicked = { button: DecisionButton; value: string; at: string; user: string; trigger: string; place: ClickPlace };

/** Undefined where the button carries no digest: it is none that we made. */
export function readDecisionClick({ button, value, at, user, trigger, place }: Clicked): ApprovalClick | undefined {
  const named = readButtonValue(value);
  if (named === undefined) return undefined;
  const nonce = nonceOf(place, at, user);
  if (button === 'read') return { ...named, place, do: 'read', trigger, nonce };
  if (button === 'approve') return { ...named, place, do: 'decide', decision: 'approve', nonce };
  return { ...named, place, do: 'ask-why', decision: button, at, trigger };
}

/** What a form remembers of the click that opened it: Slack gives it back as it was. */
export type NoteForm = Pick<Extract<ApprovalClick, { do: 'ask-why' }>, 'id' | 'digest' | 'decision' | 'at' | 'place'>;

export const noteFormMemory = ({ id, digest, decision, at, place }: NoteForm): string =>
  JSON.stringify([decision, place.channel, place.thread, at, `${digest} ${id}`]);

/** A form is one decision, however often it is sent: its nonce is of the click that opened it. */
export function readNoteForm(memory: string, user: string, note: string): ApprovalClick | undefined {
  const [decision, channel, thread, at, value] = textsOf(memory);
  const named = readButtonValue(value ?? '');
  if (named === undefined || (decision !== 'changes' && decision !== 'reject')) return undefined;
  if (channel === undefined || thread === undefined || at === undefined) return undefined;
  const place = { channel, thread };
  return { ...named, place, do: 'decide', decision, note, nonce: nonceOf(place, at, user) };
}

function textsOf(memory: string): string[] {
  try {
    const found: unknown = JSON.parse(memory);
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    // No form of ours: it is ignored, and said so.
    return [];
  }
}

/** Slack's own time of a click is one click's: sent again it is known by it. */
const nonceOf = ({ channel }: ClickPlace, at: string, user: string) => `slack/${channel}/${at}/${user}`;
