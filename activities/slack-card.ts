import type { KnownBlock } from '@slack/web-api';
import { buttonValue, type DecisionButton } from '../decisions/approval-card.ts';
import type { ApprovalCard } from '../workflows/approval-types.ts';
import type { Card } from '../workflows/ticket-types.ts';

const ACTIONS_BLOCK = 'patchwright_ticket';
const APPROVAL_BLOCK = 'patchwright_approval';
/** Slack's own limit of one section. */
const SECTION = 3_000;

/**
 * A message that calls somebody or has buttons. Its words stay plain text: nothing of them becomes a link, bold or a
 * mention. `mentions`: by id, in a block of their own, where nothing of the words can reach.
 */
export function blocksOf(
  text: string,
  { buttons = [], approval }: Card = {},
  mentions: readonly string[] = [],
): KnownBlock[] {
  const blocks: KnownBlock[] = [];
  const users = mentions.filter(isUser);
  if (users.length > 0) blocks.push(calling(users));
  blocks.push(...sections(text));
  if (approval !== undefined) blocks.push(...approvalBlocks(approval));
  if (buttons.length > 0) {
    blocks.push({
      type: 'actions',
      block_id: ACTIONS_BLOCK,
      elements: buttons.map(({ action, label, style }) => ({
        type: 'button' as const,
        action_id: `ticket.${action}`,
        text: { type: 'plain_text' as const, text: label },
        ...(style && { style }),
      })),
    });
  }
  return blocks;
}

/** Other people's words, as plain text: nothing of them becomes a link, bold or a mention. */
export function sections(text: string): KnownBlock[] {
  const letters = Array.from(text);
  const blocks: KnownBlock[] = [];
  for (let from = 0; from < letters.length; from += SECTION) {
    const part = letters.slice(from, from + SECTION).join('');
    blocks.push({ type: 'section', text: { type: 'plain_text', text: part, emoji: false } });
  }
  return blocks;
}

const DECISIONS: [button: DecisionButton, label: string, style?: 'primary' | 'danger'][] = [
  ['approve', 'Approve', 'primary'],
  ['changes', 'Request changes'],
  ['reject', 'Reject', 'danger'],
  ['read', 'Read it'],
];

/** Each button carries the digest that was shown: what is decided is this, and nothing that came after it. */
function approvalBlocks(card: ApprovalCard): KnownBlock[] {
  const hidden = { read: !(card.apart || card.whole), changes: card.changes === false, approve: false, reject: false };
  const shown = DECISIONS.filter(([button]) => !hidden[button]);
  const elements = shown.map(([button, label, style]) => ({
    type: 'button' as const,
    action_id: `approval.${button}`,
    value: buttonValue(card),
    text: { type: 'plain_text' as const, text: label },
    ...(style && { style }),
  }));
  const actions = { type: 'actions' as const, block_id: APPROVAL_BLOCK, elements };
  return [...sections(card.facts), ...sections(card.foot), actions];
}

/** Rich text: a user is an element of its own kind there. */
function calling(users: readonly string[]): KnownBlock {
  const elements = users.flatMap((id) => [
    { type: 'user' as const, user_id: id },
    { type: 'text' as const, text: ' ' },
  ]);
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] };
}

/** Before the words, where a notification shows it. */
export const mentionWords = (mentions: readonly string[]) =>
  mentions
    .filter(isUser)
    .map((id) => `<@${id}> `)
    .join('');

export const isUser = (id: string): boolean => /^[UW][A-Z0-9]+$/.test(id);
