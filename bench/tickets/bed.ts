import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { settingsSchema } from '../../config/schema.ts';
import { freePort } from '../../services/ports.ts';
import { startServices } from '../../services/start-services.ts';
import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings } from '../../store/releases.ts';
import { startModel } from '../../test/servers/model.ts';
import { startSlackServer } from '../../test/servers/slack.ts';
import { postSigned, SIGNING_SECRET } from '../../test/servers/slack-events.ts';
import { workflowBundle } from '../../workflow-bundle.ts';
import { appliedIn } from './kind.ts';
import type { WorkerArguments } from './worker.ts';

export const TEAM = 'T0TEST';
const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
const ROLES = ['workflow', 'activity', 'inbound'] as const;
const AGAIN_MS = 250;

const PLAN = {
  ...{ kind: 'kafka-config', target: 'bench', what: 'Write one line' },
  why: 'The ticket asks for one line, and nothing else.',
  quotes: [{ in: 'knowledge', of: 'c1', text: 'one line' }],
  change: { resource: { type: 'topic', name: 'orders' }, key: 'retention.ms', value: '1' },
};

/** Temporal and PostgreSQL, whose every commit is synced; three workers; Slack and a model that plans at once are played. */
export async function openBed() {
  const dir = mkdtempSync(join(tmpdir(), 'patchwright-tickets-bench-'));
  const services = await startServices({ dataDir: dir });
  await migrate(services.databaseUrl);
  const db = openDatabase(services.databaseUrl);
  const [slack, model] = [await startSlackServer(), await startModel(() => ({ calls: [['plan', PLAN]] }))];
  const port = await freePort();
  const settings = await keepSettings(db, configuration(dir, { slack, modelUrl: model.url, port }));
  const applied = join(dir, 'applied');
  const { address } = services.temporal;
  const given = { address, databaseUrl: services.databaseUrl, dataDir: dir, settings, applied };
  // Here, so that the worker's memory is that of a worker which found it made.
  await workflowBundle(dir);
  const children = new Map(ROLES.map((role) => [role, spawnWorker({ ...given, role })]));
  const client = new Client({ connection: await Connection.connect({ address }) });

  /** @throws where a worker has ended: nothing would come any more. */
  function live(): void {
    for (const [role, { exitCode }] of children)
      if (exitCode !== null) throw new Error(`the ${role} worker ended with ${exitCode}`);
  }

  return {
    ...{ db, slack, client, live },
    applied: () => appliedIn(applied),
    pids: () => Object.fromEntries([...children].map(([role, { pid = 0 }]) => [role, pid])),
    /** As Slack does: again, where it was not acknowledged. Returns how often it was delivered. */
    async deliver(body: Record<string, unknown>): Promise<number> {
      for (let times = 1; ; times += 1) {
        // Refused connections are what Slack meets while nobody listens.
        const status = await postSigned(port, body).catch(() => 0);
        if (status === 200) return times;
        live();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    },
    async close() {
      for (const child of children.values()) child.kill('SIGKILL');
      await client.connection.close();
      await db.destroy();
      await Promise.all([slack.stop(), model.stop()]);
      await services.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export type Bed = Awaited<ReturnType<typeof openBed>>;

function spawnWorker(given: WorkerArguments): ChildProcess {
  return spawn(process.execPath, [WORKER, JSON.stringify(given)], { stdio: ['ignore', 'ignore', 'inherit'] });
}

type Played = { slack: { url: string; token: string; channel: string }; modelUrl: string; port: number };

function configuration(dir: string, { slack, modelUrl, port }: Played) {
  mkdirSync(join(dir, 'secrets'));
  const secret = (name: string, text: string) => {
    writeFileSync(join(dir, 'secrets', name), text, { mode: 0o600 });
    return { file: join(dir, 'secrets', name) };
  };
  const person = (name: string) => ({ name, slack: { team: TEAM, user: userOf(name) } });
  return settingsSchema.parse({
    ...{ forks: {}, people: Object.fromEntries(['ada', 'bob', 'dan'].map((name) => [name, person(name)])) },
    announcements: { slack: { channel: slack.channel, apiUrl: slack.url, token: secret('bot', slack.token) } },
    model: { name: 'instant', baseUrl: modelUrl, key: secret('model', 'a-key-of-no-use-at-all') },
    support: {
      onCall: { schedule: [{ person: 'ada', from: 'mon 00:00', to: 'sun 23:59' }] },
      // No call may come due while it is measured.
      escalationMinutes: 1_440,
      slack: { http: { signingSecret: secret('signing', SIGNING_SECRET), port } },
    },
  });
}

export const userOf = (person: string) => `U0${person.toUpperCase()}`;
