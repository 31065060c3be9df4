import { findPerson } from '../activities/ticket/people.ts';
import type { Settings } from '../config/schema.ts';
import type { SlackSelf } from '../decisions/slack-event.ts';
import type { SlackAccount } from '../workflows/ticket-types.ts';

/** A person of the configuration, or why not, in words for whoever it is. */
export function whoIs(
  { settings, self }: { settings: Settings; self: SlackSelf },
  account: SlackAccount,
): { person: string; refused?: undefined } | { person?: undefined; refused: string } {
  const person = findPerson(settings, account);
  if (account.team !== self.team) return { refused: 'Sorry, I may help people of this workspace only.' };
  if (person !== undefined) return { person };
  const entry = `slack: { team: ${account.team}, user: ${account.user} }`;
  return { refused: `Sorry, I do not know you yet. Whoever runs me can add you under people: ${entry}` };
}
