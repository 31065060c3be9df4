import { randomUUID } from 'node:crypto';
import { approvalsOf, type StoredApproval } from '../../store/approvals.ts';
import { type Bed, TEAM, userOf } from './bed.ts';

const CHANNEL = 'C0RELEASES';
const BOT = 'U0BOT';
const BEGAN = 1_790_000_000;

export type Asked = { ticket: string; thread: string; n: number };

/** What people do in Slack, as Slack tells it. */
export function createPeople({ deliver, slack, client, db }: Bed) {
  let clicks = 0;
  return {
    async ask(n: number): Promise<Asked> {
      const thread = `${BEGAN + n}.000100`;
      const text = `Where is line ${n}?`;
      slack.write({ ts: thread, text, user: userOf('dan'), mrkdwn: true });
      const event = { type: 'app_mention', channel: CHANNEL, user: userOf('dan'), team: TEAM, ts: thread };
      const said = { ...event, text: `<@${BOT}> ${text}` };
      await deliver({ type: 'event_callback', team_id: TEAM, event_id: `Ev${n}`, event: said });
      return { ticket: `${TEAM}:${CHANNEL}:${thread}`, thread, n };
    },

    async handOff({ ticket, thread }: Asked): Promise<void> {
      const view = { callback_id: 'ticket_hand_off', private_metadata: ticket, id: `V${thread}`, state: {} };
      await deliver({ type: 'view_submission', ...from('ada'), view });
    },

    /** A click that changes nothing where a fix is under way: its answer in the thread is what is counted. */
    async click({ thread }: Asked): Promise<void> {
      clicks += 1;
      const actions = [{ action_id: 'ticket.take', action_ts: `${BEGAN + 500_000_000 + clicks}.000100` }];
      const message = { ts: thread, thread_ts: thread, user: BOT };
      await deliver({ type: 'block_actions', ...from('ada'), channel: { id: CHANNEL }, message, actions });
    },

    question: async (id: string): Promise<StoredApproval | undefined> => (await approvalsOf(db, { id }))[0],

    /** What the command line and a card end in: the update of the question's workflow. Returns when it was sent. */
    async approve({ id, open }: StoredApproval): Promise<number> {
      const decision = { person: 'bob', digest: open.digest, decision: 'approve', nonce: randomUUID() };
      const at = Date.now();
      const handle = client.workflow.getHandle(`approval:${id}`);
      const answer = await handle.executeUpdate<{ kind: string; reason?: string }, [object]>('decide', {
        args: [decision],
      });
      if (answer.kind === 'refused') throw new Error(`${id} refuses the decision: ${answer.reason}`);
      return at;
    },
  };
}

const from = (person: string) => ({ team: { id: TEAM }, user: { id: userOf(person), team_id: TEAM } });
