import type { SlackAccount } from '../../workflows/ticket-types.ts';
import { type Slack, SlackRefused } from '../slack.ts';

const KNOWN_MS = 10 * 60_000;

export type GuestCheck = (account: Pick<SlackAccount, 'user'>) => Promise<string | undefined>;

/** Why an account may not act, or undefined. A guest may be told apart only by Slack; what it says holds for ten minutes. */
export function createGuestCheck(slack: Slack | undefined): GuestCheck {
  const checked = new Map<string, { problem: string | undefined; until: number }>();

  async function askSlack(user: string): Promise<string | undefined> {
    try {
      return await slack?.accountProblem(user);
    } catch (error) {
      if (!(error instanceof SlackRefused)) throw error;
      // Whoever cannot be told from a guest is taken for one.
      return `Slack does not say whether this account is a guest (${error.message})`;
    }
  }

  return async ({ user }) => {
    const known = checked.get(user);
    if (known !== undefined && known.until > Date.now()) return known.problem;
    const problem = await askSlack(user);
    checked.set(user, { problem, until: Date.now() + KNOWN_MS });
    return problem;
  };
}
