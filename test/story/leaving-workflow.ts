import { executeChild, proxyActivities } from '@temporalio/workflow';

const { keepText } = proxyActivities<{ keepText: (text: string) => Promise<unknown> }>({
  startToCloseTimeout: '10 seconds',
});

/** As if it had come about in here: what a client or an activity brings is clean before. */
const SECRET = ['plain-words-', '"nobody"', '-guesses'].join('');

/** Gives what it was given to an activity, by a child with a summary, and back what that answered. */
export async function leaving(text: string): Promise<unknown> {
  return executeChild(keeping, { args: [text], staticSummary: `keeps ${SECRET}` });
}

export async function keeping(text: string): Promise<unknown> {
  return keepText(text);
}
