type Someone = { slack?: { user: string } | undefined };

export type Mentionable = {
  people: Readonly<Record<string, Someone>>;
  groups: Readonly<Record<string, readonly string[]>>;
};

/**
 * The Slack users whom a page or a question mentions: people and members of groups, or everybody where nobody is named.
 * Ids from the configuration, never out of a text. Who has no Slack account there is not mentioned.
 */
export function mentionsOf(named: readonly string[] | undefined, { people, groups }: Mentionable): string[] {
  const who = named ?? Object.keys(people);
  const persons = who.flatMap((one) => groups[one] ?? [one]);
  const users = persons.flatMap((person) => people[person]?.slack?.user ?? []);
  return [...new Set(users)];
}
