import { proxyActivities } from '@temporalio/workflow';

const { keepText } = proxyActivities<{ keepText: (text: string) => Promise<unknown> }>({
  startToCloseTimeout: '10 seconds',
});

/** Gives what it was given to an activity, and back what that answered. */
export async function leaving(text: string): Promise<unknown> {
  return keepText(text);
}
