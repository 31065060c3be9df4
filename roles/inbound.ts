import { Client } from '@temporalio/client';
import { serveInbound } from '../inbound/serve.ts';
import { dataConverter, type Parts, type Serving, slackOf, wakeThread } from './parts.ts';

/** What people ask comes in here; no other role listens to anybody. */
export function createInbound({ settings, present, db, connection, temporal, artifacts }: Parts): Serving {
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());
  const { slack } = slackOf(settings);
  return {
    run: () =>
      serveInbound({ client, db, artifacts, settings, present, slack, wakeThread: wakeThread(client) }, stop.signal),
  };
}
