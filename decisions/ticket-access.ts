/** `persons`: who wrote in it or pressed a button. `audience`: who read along where it was asked, when it was answered. */
export type TicketReaders = { asker: string; persons: readonly string[]; audience: readonly string[] };

type Rules = { responders: readonly string[]; people: Readonly<Record<string, unknown>> };

/**
 * Whether a person may read a ticket at a terminal: who asked, who took part, who reads along where it was asked, and who
 * answers tickets. Where nobody is configured there is only a terminal, and whoever sits there.
 */
export function mayReadTicket(ticket: TicketReaders, reader: string, { responders, people }: Rules): boolean {
  if (Object.keys(people).length === 0) return true;
  if (!(reader in people)) return reader === ticket.asker;
  return [ticket.asker, ...ticket.persons, ...ticket.audience, ...responders].includes(reader);
}

export const notReadWords = (ticket: string, reader: string, { people }: Pick<Rules, 'people'>): string => {
  const who =
    reader in people
      ? `you are ${reader}`
      : `${reader} is nobody under people (people.NAME.user says whose user it is)`;
  return `${ticket} is for who asked, who took part, who reads along where it was asked, and who answers tickets (support.responders); ${who}`;
};
