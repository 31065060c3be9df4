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

/** A repository whose lines agents have read for a fix. `closed`: as that was, it had readers of its own. */
export type RepositoryRead = { repository: string; closed: boolean };

type RepositoryRules = {
  people: Readonly<Record<string, unknown>>;
  groups: Readonly<Record<string, readonly string[]>>;
  repositories: Readonly<Record<string, { readers?: readonly string[] | undefined }>>;
};

/** The fix of a ticket that a run of an agent or a question is of: each begins with its name. */
export const fixOf = (ticket: string, id: string): string =>
  `${ticket}/${id.slice(ticket.length + 1).split('/', 1)[0]}`;

/**
 * Those of these repositories that a person may not read, by the configuration of now. Of a closed one that it no longer
 * names nobody can tell. Where nobody is configured there is only a terminal, and whoever sits there.
 */
export function shutTo(
  read: readonly RepositoryRead[],
  reader: string,
  { people, groups, repositories }: RepositoryRules,
): string[] {
  if (Object.keys(people).length === 0) return [];
  const isShut = ({ repository, closed }: RepositoryRead) => {
    const found = Object.hasOwn(repositories, repository) ? repositories[repository] : undefined;
    if (found === undefined) return closed;
    if (found.readers === undefined) return false;
    const may = found.readers.flatMap((name) => groups[name] ?? [name]);
    return !(Object.hasOwn(people, reader) && may.includes(reader));
  };
  return read.filter(isShut).map(({ repository }) => repository);
}

export const shutWords = (fix: string, reader: string, shut: readonly string[]): string =>
  `for ${fix} agents have read ${shut.join(', ')}, and ${reader} may not: ask one of ${shut.map((name) => `support.repositories.${name}.readers`).join(' and ')}`;
