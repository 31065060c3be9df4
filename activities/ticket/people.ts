import type { Settings } from '../../config/schema.ts';
import { isAddressed, plainOf } from '../../decisions/slack-event.ts';
import type { Db } from '../../store/database.ts';
import { keepTicketEvent, ticketText } from '../../store/tickets.ts';
import type { FirstAsked, SlackAccount, TicketOrder } from '../../workflows/ticket-types.ts';
import type { Slack } from '../slack.ts';
import type { Arrival } from '../tickets.ts';
import { createGuestCheck } from './guests.ts';

export type Direct = { channel: string; thread?: string };

/** Who speaks, and who reads along. Without Slack there is nobody but whoever types. */
export function createTicketPeople(db: Db, slack: Slack | undefined) {
  const problemOf = createGuestCheck(slack);
  let self: ReturnType<Slack['self']> | undefined;

  const selfOf = async (it: Slack) => {
    self ??= it.self().catch((error: unknown) => {
      self = undefined;
      throw error;
    });
    return self;
  };

  async function membersOf(it: Slack, room: { team: string; channel: string }, settings: Settings) {
    const [{ users, all }, { user: bot }] = [await it.members(room.channel), await selfOf(it)];
    const others = users.filter((user) => user !== bot);
    return { named: others.map((user) => personNamed(settings, { team: room.team, user })), all };
  }

  return {
    /** Why what arrived does not count, in words for whoever it was of; undefined where it does. */
    async refusalOf(arrival: Arrival): Promise<string | undefined> {
      if (arrival.kind === 'progress') return undefined;
      if (arrival.refused !== undefined) return arrival.refused;
      if (arrival.account === undefined) return undefined;
      const problem = await problemOf(arrival.account);
      return problem && `Sorry, I may not help here: ${problem}.`;
    },

    /**
     * Everybody who reads the answer, as persons. Whoever is nobody of ours stands there by his account, which no group
     * has: then only what everyone may read is used.
     */
    async audienceOf({ place }: TicketOrder, asker: string, settings: Settings): Promise<string[]> {
      if (place === undefined || place.channel.startsWith('D')) return [asker];
      if (slack === undefined) return [asker, 'slack:unknown'];
      const { named, all } = await membersOf(slack, place, settings);
      return [...new Set([asker, ...named, ...(all ? [] : ['slack:and-more'])])];
    },

    /** Who reads along in a channel now, by the same names; of a large one some, and without Slack nobody. */
    async readersOf(room: { team: string; channel: string }, settings: Settings): Promise<string[]> {
      return slack === undefined ? [] : (await membersOf(slack, room, settings)).named;
    },

    /**
     * Where to write to a person himself, and the address of the ticket's thread: whoever is on call need not be in the
     * channel, and is not told of a mention there. Undefined where he has no account with us.
     */
    async directOf({ place }: TicketOrder, person: string, settings: Settings): Promise<Direct | undefined> {
      const account = settings.people[person]?.slack;
      if (slack === undefined || account === undefined) return undefined;
      const { team, url } = await selfOf(slack);
      if (account.team !== team) return undefined;
      const thread = place && `${url}archives/${place.channel}/p${place.thread.replace('.', '')}`;
      return { channel: await slack.direct(account.user), ...(thread !== undefined && { thread }) };
    },

    /**
     * Keeps what our people wrote in the thread and no event has brought (yet): it belongs to the question. Returns the
     * first of it that was addressed to us: whose question it is does not hang on what arrives first.
     */
    async catchUp({ ticket, place }: TicketOrder, settings: Settings): Promise<FirstAsked | undefined> {
      if (slack === undefined || place === undefined) return undefined;
      const self = await selfOf(slack);
      let first: FirstAsked | undefined;
      for (const { ts, user, text, team = place.team } of await slack.said(place.channel, place.thread)) {
        const person = findPerson(settings, { team, user });
        if (person === undefined || (await problemOf({ user })) !== undefined) continue;
        const kept = { person, sent: ts, text: ticketText(plainOf(text, self)) };
        const key = messageKey(place.channel, ts);
        await keepTicketEvent(db, { ticket, key, nonce: 'thread', kind: 'message', ...kept });
        if (isAddressed({ channel: place.channel, text }, self)) first ??= kept;
      }
      return first;
    },
  };
}

/** A message is known by its channel and time, in whatever event it comes. */
export const messageKey = (channel: string, ts: string) => `message/${channel}/${ts}`;

export function findPerson({ people }: Pick<Settings, 'people'>, { team, user }: SlackAccount): string | undefined {
  return Object.entries(people).find(([, { slack }]) => slack?.team === team && slack.user === user)?.[0];
}

const personNamed = (settings: Settings, account: SlackAccount) =>
  findPerson(settings, account) ?? `slack:${account.team}/${account.user}`;
