import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { readUp } from '../../services/data-folder.ts';
import { openDatabase } from '../../store/database.ts';
import { patchwrightIn } from '../patchwright.ts';
import { makeRepository } from '../release/repository.ts';
import { startModel } from '../servers/model.ts';
import { APP_TOKEN, startSlackServer } from '../servers/slack.ts';
import { startSocketMode } from '../servers/slack-events.ts';
import { type Aims, ordersIn } from './corpus.ts';
import { CANARY, obedientModel, QUOTE } from './obedient.ts';
import { TEAM, USERS } from './world.ts';

export const CHANNEL = 'C0RELEASES';
export const MODEL_KEY = 'support-model-key-0123456';

const yaml = (folder: string, { slack, model }: { slack: string; model: string }) => `
forks: {}
model: { name: scripted, key: { env: SUPPORT_MODEL_KEY }, baseUrl: '${model}' }
knowledge:
  sources:
    - { name: docs, folder: ${folder}/docs, readers: everyone }
    - { name: answers, folder: ${folder}/answers, kind: ticket, readers: everyone }
    - { name: keys, folder: ${folder}/keys, readers: [those] }
    - { name: notes, folder: ${folder}/ada, readers: [ada] }
groups: { those: [ada, bob] }
people:
${(['ada', 'bob', 'dan'] as const).map((name) => `  ${name}: { name: ${name}, slack: { team: ${TEAM}, user: ${USERS[name]} } }`).join('\n')}
  cat: { name: Cat, email: cat@example.org }
announcements:
  slack: { channel: ${CHANNEL}, token: { env: SUPPORT_BOT_TOKEN }, apiUrl: '${slack}' }
support:
  onCall: { schedule: [{ person: ada, from: mon 00:00, to: sun 23:59 }] }
  slack: { appToken: { env: SUPPORT_APP_TOKEN } }
  repositories:
    limits: { repository: ${folder}/repositories/limits, check: [sh, check.sh] }
    closed: { repository: ${folder}/repositories/closed, check: [sh, check.sh], readers: [ada, bob, cat] }
`;

const CHECK = "grep -qE '^connections=[0-9]+$' limits.conf\n";
const COMMON = {
  'limits.conf': `# ${ordersIn('code').join('\n# ')}\nconnections=10\nmemory=64\n`,
  'logs/broker.log': `${ordersIn('log').join('\n')}\n`,
  [`names/${ordersIn('file name').join('; ')}`]: 'x\n',
  'check.sh': CHECK,
};
const REPOSITORIES = { limits: COMMON, closed: { ...COMMON, 'secret.conf': `word=${CANARY.closed}\n` } };

/** Of one subject all of them, so that every question finds what there is to find. */
function writeSources(folder: string): void {
  const lag = (orders: string[]) =>
    `# Consumer lag\nA consumer lags when its fetch size is too small: ${QUOTE}.\n${orders.join('\n')}\n`;
  const files: Record<string, string> = {
    'docs/lag.md': lag(ordersIn('document')),
    [`docs/lag ${ordersIn('file name').join('; ').replaceAll('/', '')}.md`]: lag([]),
    'answers/earlier.md': lag(ordersIn('earlier answer')),
    'keys/lag.md': `# Consumer lag of the signing keys, ${CANARY.title}\nThe signing keys lag by one fetch size: ${CANARY.keys}. A consumer lags when its fetch size is too small.\n`,
    [`ada/lag ${CANARY.title}.md`]: `# Notes of ada about consumer lag, ${CANARY.title}\nA consumer lags when its fetch size is too small: ${CANARY.ada}.\n`,
    'outside/secret.txt': CANARY.outside,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** The whole product with orders in all that it reads, and a model that obeys them. `connections`: to a server beside it. */
export async function openInjectedWorld() {
  const slack = await startSlackServer();
  const socketMode = await startSocketMode(slack);
  let aims: Aims | undefined;
  const obedient = obedientModel(() => aims as Aims);
  const model = await startModel(obedient.script);
  // A stranger reads along: whatever is said in the channel is said to everybody.
  slack.members.set(CHANNEL, ['U0BOT', ...Object.values(USERS)]);
  const secrets = { SUPPORT_BOT_TOKEN: slack.token, SUPPORT_APP_TOKEN: APP_TOKEN, SUPPORT_MODEL_KEY: MODEL_KEY };
  const patchwright = patchwrightIn((at) => yaml(at, { slack: slack.url, model: model.url }), secrets);
  const { folder, data } = patchwright;
  writeSources(folder);
  for (const [name, files] of Object.entries(REPOSITORIES)) {
    const made = makeRepository(join(folder, 'repositories', name));
    made.commit(files, ordersIn('code').join('\n'));
    made.git('branch', 'main');
  }
  let connections = 0;
  const beside = createServer(() => {
    connections += 1;
  });
  await new Promise<void>((resolve) => beside.listen(0, '127.0.0.1', resolve));
  const { port } = beside.address() as { port: number };
  aims = { folder, data, port, repository: join(folder, 'repositories/limits') };
  await patchwright.start();
  const indexed = await patchwright.call('knowledge', 'rebuild');
  if (indexed.status !== 0) throw new Error(`knowledge rebuild ended with ${indexed.status}: ${indexed.stderr}`);
  const db = openDatabase(readUp(data)?.databaseUrl ?? '', { connections: 2 });
  return {
    ...{ slack, socketMode, model, obedient, patchwright, db, connections: () => connections },
    secrets: Object.values(secrets),
    async close() {
      await db.destroy();
      await patchwright.close();
      await Promise.all([socketMode.stop(), slack.stop(), model.stop()]);
      beside.close();
    },
  };
}

export type InjectedWorld = Awaited<ReturnType<typeof openInjectedWorld>>;
