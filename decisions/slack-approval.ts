import type { Decision } from '../workflows/approval-types.ts';
import { buttonValue, type DecisionButton, readButtonValue } from './approval-card.ts';

/** Where somebody stood as he clicked: there he is answered. */
export type ClickPlace = { channel: string; thread: string };

/** What a card's button or form asks for, before anybody has looked who it is. */
export type ApprovalClick = { id: string; digest: string; place: ClickPlace } & (
  | { do: 'decide'; decision: Decision['decision']; nonce: string; note?: string }
  /** A form for the reason first. `at`: Slack's own time of the click. */
  | { do: 'ask-why'; decision: 'changes' | 'reject'; at: string; trigger: string }
  /** `view`: the form that is open already, and is to show another page. */
  | { do: 'read'; trigger: string; nonce: string; page: number; view?: string }
);

export const NOTE_FORM = 'approval_note';
export const NOTE = 'note';

type Clicked = { button: DecisionButton; value: string; at: string; user: string; trigger: string; place: ClickPlace };

/** Undefined where the button carries no digest: it is none that we made. */
export function readDecisionClick({ button, value, at, user, trigger, place }: Clicked): ApprovalClick | undefined {
  const named = readButtonValue(value);
  if (named === undefined) return undefined;
  const nonce = nonceOf(place, at, user);
  if (button === 'read') return { ...named, place, do: 'read', trigger, nonce, page: 1 };
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

export const READ_FORM = 'approval_read';

/** What the pages of a question remember of the card that opened them. */
export const readFormMemory = ({ id, digest, place }: Pick<ApprovalClick, 'id' | 'digest' | 'place'>): string =>
  JSON.stringify([place.channel, place.thread, buttonValue({ digest, id })]);

type PageClick = { memory: string; page: string; at: string; user: string; trigger: string; view: string };

/** A click on *Next* or *Previous*. Which question it is of, Slack gives back as we put it into the form. */
export function readPageClick({ memory, page, at, user, trigger, view }: PageClick): ApprovalClick | undefined {
  const [channel, thread, value] = textsOf(memory);
  const named = readButtonValue(value ?? '');
  if (named === undefined || channel === undefined || thread === undefined) return undefined;
  if (!/^\d{1,4}$/.test(page) || view === '') return undefined;
  const place = { channel, thread };
  return { ...named, place, do: 'read', trigger, nonce: nonceOf(place, at, user), page: Number(page), view };
}

// Slack takes 3,000 characters a block, 100 blocks and 250 KB a form; a character may be six bytes of JSON.
const BLOCK = 2_900;
const BLOCKS_A_PAGE = 12;

/** A text as pages of blocks, every character of it, cut at the ends of lines where there are any. */
export function pagesOf(text: string): string[][] {
  const blocks: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const length = rest.length <= BLOCK ? rest.length : cutAt(rest);
    const block = rest.slice(0, length);
    // Slack refuses a block in which there is nothing to see.
    blocks.push(block.trim() === '' ? `(${block.split('\n').length - 1} empty lines)` : block);
    rest = rest.slice(length);
  }
  const pages: string[][] = [];
  for (let from = 0; from < blocks.length; from += BLOCKS_A_PAGE) pages.push(blocks.slice(from, from + BLOCKS_A_PAGE));
  return pages.length === 0 ? [['(nothing)']] : pages;
}

function cutAt(text: string): number {
  const line = text.lastIndexOf('\n', BLOCK - 1) + 1;
  if (line > BLOCK / 2) return line;
  // No character is halved.
  return /[\ud800-\udbff]/.test(text[BLOCK - 1] ?? '') ? BLOCK - 1 : BLOCK;
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
