import type { KnowledgeSource } from '../../config/knowledge.ts';
import type { Settings } from '../../config/schema.ts';
import { mayReadRoom } from '../../decisions/closed-ticket.ts';
import { readableBy } from '../../decisions/knowledge.ts';
import { logger } from '../../lib/log.ts';
import { originOf, roomOrigin } from './document.ts';
import type { IndexedRoom, OpenIndex } from './table.ts';

/** Who reads along in a channel now, as an audience names them. */
export type MembersOf = (room: { team: string; channel: string }) => Promise<string[]>;

/** `room`: where the question was asked. */
export type Audience = { audience: readonly string[]; room?: string | undefined };

/** Slack is asked at the most so often; whoever left a channel reads its tickets so much longer. */
const MEMBERS_MS = 60_000;
/** Channels that are asked about for one question, the one with the newest tickets first. */
const MOST_CHANNELS = 30;

/** Which parts of the index an audience may read: sources by the configuration, closed tickets by their channels too. */
export function createReaders(
  all: readonly KnowledgeSource[],
  groups: () => Settings['groups'],
  membersOf: MembersOf = async () => [],
) {
  const sources = new Map(all.map((source) => [originOf(source), source]));
  const known = new Map<string, { at: number; members: Promise<string[]> }>();

  function members(room: string): Promise<string[]> {
    const found = known.get(room);
    if (found !== undefined && Date.now() - found.at < MEMBERS_MS) return found.members;
    const at = room.indexOf(':');
    const asked = membersOf({ team: room.slice(0, at), channel: room.slice(at + 1) }).catch((error: Error) => {
      // Whoever cannot be seen to read along does not: the rest is found all the same.
      logger('knowledge').warn({ err: error.message }, 'it cannot be told who reads along in a channel');
      known.delete(room);
      return [];
    });
    known.set(room, { at: Date.now(), members: asked });
    return asked;
  }

  return {
    /** The source of a part of the index, where it is still configured, and its readers in words. */
    partOf({ pointer }: OpenIndex, origin: string): { name: string; readers: string[] } | undefined {
      const room = pointer.rooms.find((one) => roomOrigin(one) === origin);
      const source = sources.get(room?.origin ?? origin);
      if (source === undefined) return undefined;
      const { name, readers } = source;
      if (room !== undefined) return { name, readers: [room.only ?? `members of ${room.room}`] };
      return { name, readers: readers === 'everyone' ? ['everyone'] : readers };
    },

    async readable({ pointer }: OpenIndex, { audience, room: asking }: Audience): Promise<string[]> {
      const may = readableBy(all, groups(), audience);
      const readableNames = new Set(may.map(({ name }) => name));
      const origins = may.map(originOf);
      const wanted = pointer.rooms.filter(({ origin }) => origins.includes(origin));
      const asked = channelsOf(wanted, asking);
      const found = new Map(
        await Promise.all(asked.map(async (room): Promise<[string, string[]]> => [room, await members(room)])),
      );
      const rooms = wanted.filter((one) =>
        mayReadRoom(one, { audience, asking }, { members: found.get(one.room) ?? [], readable: readableNames }),
      );
      return [...origins, ...rooms.map(roomOrigin)];
    },
  };
}

const channelsOf = (rooms: readonly IndexedRoom[], asking: string | undefined): string[] =>
  [...new Set(rooms.filter(({ room, only }) => only === undefined && room !== asking).map(({ room }) => room))].slice(
    0,
    MOST_CHANNELS,
  );
