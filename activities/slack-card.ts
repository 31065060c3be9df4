import type { KnownBlock } from '@slack/web-api';
import { buttonValue, type DecisionButton } from '../decisions/approval-card.ts';
import type { ApprovalCard } from '../workflows/approval-types.ts';
import type { Card } from '../workflows/ticket-types.ts';

const ACTIONS_BLOCK = 'patchwright_ticket';
const APPROVAL_BLOCK = 'patchwright_approval';
/** Slack's own limit of one section. */
const SECTION = 3_000;

/** A message with buttons. Its words stay plain text: nothing of them becomes a link, bold or a mention. */
export function blocksOf(text: string, { buttons = [], mention, approval }: Card): KnownBlock[] {
  const blocks: KnownBlock[] = [];
  if (isUser(mention)) blocks.push({ type: 'section', text: { type: 'mrkdwn', text: `<@${mention}>` } });
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
  const hidden = { read: !card.apart, changes: card.changes === false, approve: false, reject: false };
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

/** Before the words, where a notification shows it. */
export const mentionOf = (card: Card | undefined) => (isUser(card?.mention) ? `<@${card?.mention}> ` : '');

const isUser = (id: string | undefined): id is string => id !== undefined && /^[UW][A-Z0-9]+$/.test(id);
