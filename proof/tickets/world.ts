import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createTopicsV7 } from '@platformatic/kafka';
import { stringify } from 'yaml';
import { environmentTargets } from '../../activities/fixes/environments.ts';
import { brokerAddress } from '../../activities/health/kafka.ts';
import { type ConfigValue, readConfigs } from '../../activities/health/kafka-config.ts';
import { withConnection } from '../../activities/health/kafka-protocol.ts';
import { settingsSchema } from '../../config/schema.ts';
import { readUp } from '../../services/data-folder.ts';
import { openDatabase } from '../../store/database.ts';
import { CLIENTS_JAR, LIBRARIES } from '../../test/environment/small-kafka.ts';
import { patchwrightIn } from '../../test/patchwright.ts';
import { makeRepository } from '../../test/release/repository.ts';
import { APP_TOKEN, startSlackServer } from '../../test/servers/slack.ts';
import { startSocketMode } from '../../test/servers/slack-events.ts';
import { TEAM, USERS } from '../../test/support/world.ts';
import { FORK } from './fork.ts';
import { REPOSITORIES } from './repositories.ts';
import { RUNBOOKS } from './runbooks.ts';

export const CHANNEL = 'C0RELEASES';
const LONG_MINUTES = 1_200;
/** The topic that has a limit of its own. */
export const TOPIC = { name: 'order-events', limit: 65_536 };

const ENVIRONMENT = {
  system: 'kafka',
  provision: { combined: 1 },
  library: 'kafka-3.6.2',
  artifacts: { 'kafka-clients.jar': CLIENTS_JAR },
  initial: 'library',
  traffic: { recordsPerSecond: 20, trickle: 5 },
};

/** Whoever reads takes minutes for a turn: no limit of time may end a ticket before that. */
function configuration(folder: string, { slack, model }: { slack: string; model: string }) {
  const person = (name: keyof typeof USERS) => ({ name, slack: { team: TEAM, user: USERS[name] } });
  const at = (name: string) => join(folder, 'repositories', name);
  const checked = (name: string) => ({ repository: at(name), check: ['sh', 'check.sh'] });
  return {
    model: {
      ...{ name: 'reader', key: { env: 'PROOF_MODEL_KEY' }, baseUrl: model, timeoutSeconds: 3_600 },
      budget: { turns: 60, minutes: LONG_MINUTES },
    },
    people: {
      ada: { ...person('ada'), user: userInfo().username },
      bob: person('bob'),
      dan: person('dan'),
      cat: { name: 'Cat', email: 'cat@example.org' },
    },
    announcements: { slack: { channel: CHANNEL, token: { env: 'PROOF_BOT_TOKEN' }, apiUrl: slack } },
    knowledge: {
      sources: [{ name: 'runbooks', folder: join(folder, 'runbooks'), kind: 'runbook', readers: 'everyone' }],
    },
    support: {
      onCall: { schedule: [{ person: 'ada', from: 'mon 00:00', to: 'sun 23:59' }] },
      slack: { appToken: { env: 'PROOF_APP_TOKEN' } },
      ...{ answerMinutes: LONG_MINUTES, escalationMinutes: LONG_MINUTES, fixMinutes: LONG_MINUTES },
      repositories: {
        ...Object.fromEntries(['gateway', 'jobs', 'reports', 'quotas', 'totals'].map((name) => [name, checked(name)])),
        handbook: { repository: at('handbook') },
      },
      learnTo: { repository: 'handbook', path: 'answers.md' },
    },
    forks: {
      tally: {
        ...{ repository: at('tally'), base: 'upstream', baseVersion: '1.0' },
        build: {
          command: ['sh', 'build.sh'],
          artifacts: [{ name: 'tally.jar', path: 'out/tally.jar' }],
          toolchain: [['javac', '-version']],
        },
        suites: { unit: { runner: 'junit-xml', command: ['sh', 'test.sh'], reports: ['out/reports'] } },
        release: { suites: ['unit'], environments: [] },
      },
    },
    environments: { staging: ENVIRONMENT },
    libraries: LIBRARIES,
  };
}

/** The whole product with people, repositories, a cluster and a fork; Slack is played, the model is whoever answers at `model`. */
export async function openTicketsWorld({ model, cluster }: { model: string; cluster: boolean }) {
  const slack = await startSlackServer();
  const socketMode = await startSocketMode(slack);
  slack.members.set(CHANNEL, ['U0BOT', USERS.ada, USERS.bob, USERS.dan]);
  const secrets = {
    PROOF_BOT_TOKEN: slack.token,
    PROOF_APP_TOKEN: APP_TOKEN,
    PROOF_MODEL_KEY: 'no-key-is-needed-here',
  };
  const settingsIn = (folder: string) => configuration(folder, { slack: slack.url, model });
  const patchwright = patchwrightIn((folder) => stringify(settingsIn(folder)), secrets);
  const { folder, data } = patchwright;
  mkdirSync(join(folder, 'runbooks'));
  for (const [name, text] of Object.entries(RUNBOOKS)) writeFileSync(join(folder, 'runbooks', name), text);
  const repositories = makeRepositories(folder);
  const must = async (...args: string[]) => {
    const ran = await patchwright.call(...args);
    if (ran.status !== 0) throw new Error(`${args.join(' ')} ended with ${ran.status}: ${ran.stderr}`);
    return ran.stdout;
  };
  const settings = settingsSchema.parse(settingsIn(folder));
  const targets = () =>
    environmentTargets({ dataDir: data, hostEnv: {}, artifacts: NOTHING_INSTALLED })(settings, 'staging');

  await patchwright.start();
  await must('knowledge', 'rebuild');
  if (cluster) {
    await must('env', 'up', 'staging');
    const [node] = await targets();
    if (node === undefined) throw new Error('staging has no node');
    await withConnection(brokerAddress(node), (connection) =>
      createTopicsV7.api.async(connection, TOPICS.map(newTopic), 10_000, false),
    );
  }
  const db = openDatabase(readUp(data)?.databaseUrl ?? '', { connections: 2 });
  let clock = Math.floor(Date.now() / 1_000);
  return {
    ...{ slack, socketMode, patchwright, db, repositories, folder, must },
    /** Somebody mentions the bot, or writes in a thread. Returns the message's time stamp, which names the thread. */
    async write(text: string, by: 'bob' | 'dan', thread?: string): Promise<string> {
      clock += 1;
      const ts = `${clock}.000100`;
      const at = thread === undefined ? {} : { thread_ts: thread };
      slack.write({ ts, text, user: USERS[by], mrkdwn: true, ...at }, CHANNEL);
      const type = thread === undefined ? 'app_mention' : 'message';
      const event = { type, channel: CHANNEL, user: USERS[by], team: TEAM, ts, text: `<@U0BOT> ${text}`, ...at };
      const taken = await socketMode.deliver({ type: 'event_callback', team_id: TEAM, event_id: `Ev${ts}`, event });
      if (!taken) throw new Error('the message was not acknowledged');
      return ts;
    },
    /** What holds for the topic, and for the broker. */
    async configOf(
      resource: { type: 'topic' | 'broker'; name: string },
      key: string,
    ): Promise<ConfigValue | undefined> {
      return (await readConfigs(await targets(), resource, [key]))?.[0];
    },
    async close() {
      await db.destroy();
      await patchwright.close();
      await Promise.all([socketMode.stop(), slack.stop()]);
    },
  };
}

export type TicketsWorld = Awaited<ReturnType<typeof openTicketsWorld>>;

const NOTHING_INSTALLED = {
  fetch: async () => {
    throw new Error('nothing is installed here');
  },
};
const TOPICS = [TOPIC.name, 'order-events-late', 'invoices'];
const newTopic = (name: string) => ({
  ...{ name, numPartitions: 1, replicationFactor: 1, assignments: [] },
  configs: name === TOPIC.name ? [{ name: 'max.message.bytes', value: String(TOPIC.limit) }] : [],
});

function makeRepositories(folder: string) {
  const made = new Map<string, ReturnType<typeof makeRepository>>();
  for (const [name, files] of Object.entries(REPOSITORIES)) {
    const repository = makeRepository(join(folder, 'repositories', name));
    repository.commit(files, `What ${name} has`);
    repository.git('branch', 'main');
    made.set(name, repository);
  }
  const fork = makeRepository(join(folder, 'repositories', 'tally'));
  fork.commit(FORK.base, 'Tally 1.0');
  fork.git('checkout', '--quiet', '-b', 'main');
  for (const { files, message } of FORK.stack) fork.commit(files, message);
  made.set('tally', fork);
  return (name: string) => {
    const found = made.get(name);
    if (found === undefined) throw new Error(`there is no repository ${name}`);
    return found;
  };
}
