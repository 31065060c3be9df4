import type { Cited, TicketEnd } from '../workflows/ticket-types.ts';

/** What the store has of a ticket that is closed. `fixed`: the last words of its fix; `said`: by people, in their order. */
export type ClosedTicket = {
  id: string;
  room: string;
  asker: string;
  question: string;
  ended: TicketEnd | null;
  reason: string;
  settled: 'answer' | 'untried' | null;
  answer: { text: string; rests: readonly Cited[] } | null;
  fixed: string | undefined;
  said: readonly { person: string; text: string }[];
};

/** What later questions may be answered from, and what that rests on in its turn. */
export type Lesson = { text: string; rests: readonly Cited[] };

/** Kinds of places that come from tickets themselves: an answer that rests on one would be its own evidence. */
const OF_TICKETS = ['ticket', 'memory'];

/**
 * What a closed ticket may be cited for: only what people did or confirmed. That is a fix that was verified; an answer of
 * ours that a person said has solved it and that rests on documents alone; or what colleagues wrote in a thread that was
 * then solved without one. Silence, a fix that was only read back, and an answer made of earlier tickets teach nothing.
 */
export function lessonOf(ticket: ClosedTicket): Lesson | undefined {
  const { question, ended, reason, settled, answer, fixed, asker, said } = ticket;
  const asked = [`# ${oneLine(question, 200)}`, 'Asked:', ...quoted(question)];
  if (ended === 'fixed' && fixed?.startsWith('VERIFIED: '))
    return {
      text: [...asked, 'What helped: a fix that was approved, applied and verified:', ...quoted(fixed)].join('\n'),
      rests: [],
    };
  if (ended !== 'solved') return undefined;
  if (settled === 'answer') {
    if (answer === null || answer.rests.length === 0) return undefined;
    if (answer.rests.some(({ kind }) => OF_TICKETS.includes(kind))) return undefined;
    const places = answer.rests.map(
      ({ source, path, quote }) => `${oneLine(`${source} ${path}`, 200)} «${oneLine(quote, 200)}»`,
    );
    const lines = [
      `The answer (${oneLine(reason, 200)}):`,
      ...quoted(answer.text),
      'It rests on:',
      ...places.flatMap(quoted),
    ];
    return { text: [...asked, ...lines].join('\n'), rests: answer.rests };
  }
  const helped = said.filter(({ person }) => person !== asker);
  if (helped.length === 0) return undefined;
  const words = said.flatMap(({ person, text }) => quoted(`${person}: ${text}`));
  return {
    text: [...asked, `What people wrote (${oneLine(reason, 200)}; nothing checked it):`, ...words].join('\n'),
    rests: [],
  };
}

/** Whole characters alone: what is half of one is no text. */
const oneLine = (text: string, most: number) => text.replace(/\s+/g, ' ').trim().slice(0, most).toWellFormed();

/** Set in: no line of theirs is a heading of ours. */
const quoted = (text: string) => text.split('\n').map((line) => `    ${line}`);

/**
 * Tickets that the same people may read: those of one room whose answers rest on the same sources. `only`: the one person
 * of a direct message or a terminal.
 */
export type TicketRoom = { room: string; only?: string; rests: readonly string[] };

export function roomOfTicket(
  { room, asker }: Pick<ClosedTicket, 'room' | 'asker'>,
  rests: readonly Cited[],
): TicketRoom {
  const isPrivate = room.startsWith('cli:') || room.slice(room.indexOf(':') + 1).startsWith('D');
  const sources = [...new Set(rests.map(({ source }) => source))].sort();
  return { room, ...(isPrivate && { only: asker }), rests: sources };
}

/**
 * Whether everybody of an audience may read the tickets of a room: its access is that of the channel as it is now.
 * `asking`: the room in which the question was asked; whoever reads along there may read its tickets. `readable`: sources
 * that the audience may read, by name.
 */
export function mayReadRoom(
  { room, only, rests }: TicketRoom,
  { audience, asking }: { audience: readonly string[]; asking?: string | undefined },
  { members, readable }: { members: readonly string[]; readable: ReadonlySet<string> },
): boolean {
  if (!rests.every((source) => readable.has(source))) return false;
  if (only !== undefined) return audience.length > 0 && audience.every((person) => person === only);
  return room === asking || (audience.length > 0 && audience.every((person) => members.includes(person)));
}
