import type { KnownBlock } from '@slack/web-api';
import type { Card } from '../workflows/ticket-types.ts';

const ACTIONS_BLOCK = 'patchwright_ticket';
/** Slack's own limit of one section. */
const SECTION = 3_000;

/** A message with buttons. Its words stay plain text: nothing of them becomes a link, bold or a mention. */
export function blocksOf(text: string, { buttons = [], mention }: Card): KnownBlock[] {
  const blocks: KnownBlock[] = [];
  if (isUser(mention)) blocks.push({ type: 'section', text: { type: 'mrkdwn', text: `<@${mention}>` } });
  const letters = Array.from(text);
  for (let from = 0; from < letters.length; from += SECTION) {
    const part = letters.slice(from, from + SECTION).join('');
    blocks.push({ type: 'section', text: { type: 'plain_text', text: part, emoji: false } });
  }
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

/** Before the words, where a notification shows it. */
export const mentionOf = (card: Card | undefined) => (isUser(card?.mention) ? `<@${card?.mention}> ` : '');

const isUser = (id: string | undefined): id is string => id !== undefined && /^[UW][A-Z0-9]+$/.test(id);
