import type { Report } from '../../report/report.ts';
import type { SlackServer } from '../../test/servers/slack.ts';

/** What Slack itself holds of a release: every message once, in the order of the story, all in one thread, ended. */
export function proveThread(slack: SlackServer, report: Report): string[] {
  const { release } = report;
  const messages = slack
    .messages()
    .map((message) => ({ ...message, key: String(message.metadata?.event_payload.key ?? '') }))
    .filter(({ key }) => key === release || key.startsWith(`${release}/`));
  const problems: string[] = [];
  const wanted = report.thread.map(({ key }) => key);
  const found = messages.map(({ key }) => key);
  for (const key of wanted) {
    const times = found.filter((one) => one === key).length;
    if (times !== 1) problems.push(`Slack has ${key} ${times} times`);
  }
  const strange = found.filter((key) => !wanted.includes(key));
  if (strange.length > 0) problems.push(`Slack has messages that were never told: ${strange.join(', ')}`);
  if (problems.length === 0 && found.join() !== wanted.join())
    problems.push(`Slack has another order: ${found.join()}`);
  const [parent, ...replies] = messages;
  if (!parent) return [`Slack has nothing of ${release}`];
  if (parent.thread_ts !== undefined) problems.push('the first message is not the head of a thread');
  if (replies.some(({ thread_ts }) => thread_ts !== parent.ts)) problems.push('the messages are not in one thread');
  if (!parent.edited) problems.push('the first message does not say how it ended');
  return problems;
}
