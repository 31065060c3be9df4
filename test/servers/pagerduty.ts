import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type PageEvent = {
  routing_key: string;
  event_action: 'trigger' | 'acknowledge' | 'resolve';
  dedup_key: string;
  payload?: { summary: string; source: string; severity: string };
};

/** A server of PagerDuty's Events API v2. `answers`: what it says next, before it takes events again. */
export async function startPagerDuty(answers: number[] = []) {
  const events: PageEvent[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const status = answers.shift() ?? 202;
    if (status === 202) events.push(JSON.parse(body) as PageEvent);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ status: String(status) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v2/enqueue`,
    events,
    answers,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
