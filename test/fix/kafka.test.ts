import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createTopicsV7, offsetCommitV8 } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environmentTargets, laidOutDriver, ownValue } from '../../activities/fixes/environments.ts';
import { tryCase } from '../../activities/fixes/kafka-case.ts';
import { kafkaConfigKind } from '../../activities/fixes/kafka-config.ts';
import { EffectRefused } from '../../activities/fixes/kind.ts';
import { brokerAddress } from '../../activities/health/kafka.ts';
import { alterConfig, readConfigs } from '../../activities/health/kafka-config.ts';
import { withConnection } from '../../activities/health/kafka-protocol.ts';
import { createRecall } from '../../activities/memory.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { effectsOf } from '../../store/journal.ts';
import { confirmMemory } from '../../store/memory.ts';
import type { ConfigCase, ConfigChange } from '../../workflows/fix-types.ts';
import { CLIENTS_JAR, LIBRARIES } from '../environment/small-kafka.ts';
import { byRole, type Script } from '../repair/script.ts';
import { APP_TOKEN, startSlackServer } from '../servers/slack.ts';
import { startSocketMode } from '../servers/slack-events.ts';
import { TEAM, USERS } from '../support/world.ts';
import { type FixWorld, openFixWorld } from './world.ts';

/**
 * The whole loop, from a question in Slack to a real cluster: one value of one topic, asked for, planned in typed fields,
 * approved by a click, set once, read back; and taken back. Slack and the model are played.
 */
let world: FixWorld;
let slack: Awaited<ReturnType<typeof startSlackServer>>;
let socketMode: Awaited<ReturnType<typeof startSocketMode>>;
const CHANNEL = 'C0RELEASES';
const BOT = 'U0BOT';
const PATIENT = { timeout: 120_000, interval: 100 };
const account = (user: string) => `slack: { team: ${TEAM}, user: ${user} }`;
const people = () => `
people:
  ada: { name: Ada, ${account(USERS.ada)} }
  bob: { name: Bob, ${account(USERS.bob)} }
  dan: { name: Dan, user: ${userInfo().username}, ${account(USERS.dan)} }
announcements:
  slack: { channel: ${CHANNEL}, token: { env: LOOP_BOT_TOKEN }, apiUrl: '${slack.url}' }
support:
  onCall: { schedule: [{ person: ada, from: mon 00:00, to: sun 23:59 }] }
  slack: { appToken: { env: LOOP_APP_TOKEN } }
`;
let at: Parameters<ReturnType<typeof kafkaConfigKind>['undo']>[0];
const TOPIC = 'orders';

beforeAll(async () => {
  slack = await startSlackServer();
  socketMode = await startSocketMode(slack);
  slack.members.set(CHANNEL, [BOT, ...Object.values(USERS)]);
  world = await openFixWorld(
    (folder) => `
forks: {}
knowledge:
  sources:
    - { name: docs, folder: ${folder}/docs, readers: everyone }
environments:
  staging:
    system: kafka
    provision: { combined: 1 }
    library: kafka-3.6.2
    artifacts: { kafka-clients.jar: ${CLIENTS_JAR} }
    initial: library
    traffic: { recordsPerSecond: 20, trickle: 5 }
libraries: ${JSON.stringify(LIBRARIES)}
`,
    { people: people(), env: { LOOP_BOT_TOKEN: slack.token, LOOP_APP_TOKEN: APP_TOKEN } },
  );
  mkdirSync(join(world.patchwright.folder, 'docs'));
  const text = '# Large orders\nA large order is refused where it exceeds max.message.bytes of the topic.\n';
  writeFileSync(join(world.patchwright.folder, 'docs', 'orders.md'), text);
  await world.patchwright.start();
  const indexed = await world.patchwright.call('knowledge', 'rebuild');
  if (indexed.status !== 0) throw new Error(indexed.stderr);
  const up = await world.patchwright.call('env', 'up', 'staging');
  if (up.status !== 0) throw new Error(`${up.stderr}\n${world.patchwright.upLog()}`);
}, 170_000);
afterAll(async () => {
  await world?.close();
  await socketMode?.stop();
  await slack?.stop();
}, 60_000);

const said = (thread: string) =>
  slack.messages(CHANNEL).filter(({ thread_ts, user }) => thread_ts === thread && user === BOT);
const hears = (thread: string, words: RegExp) =>
  expect
    .poll(
      () =>
        said(thread)
          .map(({ text }) => text)
          .join('\n'),
      PATIENT,
    )
    .toMatch(words);

let clicks = 0;
/** On the newest message of the thread that has such a button, as it stands there. */
async function click(thread: string, action: string, user: string): Promise<void> {
  type Button = { action_id?: string; value?: string };
  const buttonsOf = (blocks: unknown) =>
    ((blocks ?? []) as { elements?: Button[] }[]).flatMap(({ elements = [] }) => elements);
  const found = () =>
    said(thread).findLast(({ blocks }) => buttonsOf(blocks).some(({ action_id }) => action_id === action));
  await expect.poll(found, PATIENT).toBeDefined();
  const card = found();
  const { value } = buttonsOf(card?.blocks).find(({ action_id }) => action_id === action) ?? {};
  clicks += 1;
  await socketMode.deliver({
    ...{ type: 'block_actions', team: { id: TEAM }, user: { id: user, team_id: TEAM }, trigger_id: `t${clicks}` },
    ...{ channel: { id: CHANNEL }, message: { ts: card?.ts, thread_ts: thread, user: BOT } },
    actions: [{ action_id: action, action_ts: `179100000${clicks}.000200`, ...(value !== undefined && { value }) }],
  });
}

/** An answer that quotes the document, word by word; agents by their script. */
function play(script: Script): void {
  world.model.play((request) => {
    const [first = '', second = ''] = request.input.map(({ content }) => String(content));
    if (!first.startsWith('You answer a question')) return byRole(script)(request);
    const chunkId = /<source id="([^"]+)"/.exec(second)?.[1];
    const quote = 'refused where it exceeds max.message.bytes';
    const answer = 'A topic refuses what is larger than its max.message.bytes.';
    return { text: JSON.stringify({ answer, citations: [{ chunkId, quote }] }) };
  });
}

const deps = () => ({
  ...{ dataDir: world.patchwright.data, hostEnv: {} },
  artifacts: {
    fetch: async () => {
      throw new Error('nothing is installed here');
    },
  },
});

async function topicValue(key: string) {
  const targets = await environmentTargets(deps())(at.settings, 'staging');
  return (await readConfigs(targets, { type: 'topic', name: TOPIC }, [key]))?.[0];
}

const LARGER = {
  ...{ is: 'value' as const, resource: { type: 'topic' as const, name: TOPIC } },
  ...{ key: 'max.message.bytes', value: '1000000' },
};

const plan = (change: object, more: object = {}): [string, unknown] => [
  'plan',
  {
    ...{ kind: 'kafka-config', target: 'staging', what: 'Let larger messages into orders' },
    why: 'The topic takes a thousand bytes, and the ticket says that larger ones are refused.',
    quotes: [{ in: 'status', of: `staging/topic/${TOPIC}`, text: 'max.message.bytes=2000 (its own)' }],
    change: { resource: { type: 'topic', name: TOPIC }, ...change },
    ...more,
  },
];

test('asked in Slack, answered with its place, escalated, handed over, proven, approved by a click, set once, verified', async () => {
  const seen: string[] = [];
  const script: Script = ({ role, turn, outputs, brief }) => {
    if (role !== 'investigate') return undefined;
    seen.push(...outputs, brief);
    if (brief.includes('nobody could write'))
      return { calls: [plan({ key: 'max.message.bytes', value: '1000000', failingCase: LARGER })] };
    if (turn === 1)
      return {
        calls: [
          ['status', { environment: 'staging', resource: { type: 'topic', name: TOPIC } }],
          ['logs', { environment: 'staging', node: 'node-1', containing: 'server started' }],
          ['logs', { environment: 'staging', node: '../node-1' }],
        ],
      };
    if (turn === 2) return { calls: [plan({ key: 'max.message.bytes', value: '1' }, { quotes: [] })] };
    // When it was asked stands in what the agent was told, and nowhere in what is told now.
    const askedAt = /staging, asked at \S+:/.exec(seen.join('\n'))?.[0] ?? 'it was not asked';
    const quotes = [
      { in: 'status', of: `staging/topic/${TOPIC}`, text: askedAt },
      { in: 'logs', of: 'staging/node-1', text: 'Kafka Server started' },
    ];
    return { calls: [plan({ key: 'min.insync.replicas', value: '2' }, { quotes })] };
  };
  play(script);
  const thread = '1791000000.000100';
  const id = `${TEAM}:${CHANNEL}:${thread}`;
  const question = 'why is a large order refused, is its max.message.bytes exceeded?';
  slack.write({ ts: thread, text: question, user: USERS.dan, mrkdwn: true });
  const event = { type: 'app_mention', channel: CHANNEL, user: USERS.dan, team: TEAM, ts: thread };
  const mention = { type: 'event_callback', team_id: TEAM, event_id: 'Ev1' };
  await socketMode.deliver({ ...mention, event: { ...event, text: `<@${BOT}> ${question}` } });
  await hears(thread, /A topic refuses what is larger[\s\S]*docs orders\.md/);
  const row = await world
    .store()
    .selectFrom('ticket')
    .select(['settings', 'id'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const settings = await createSettingsReader(world.store())(row.settings);
  at = { settings, digest: row.settings, ticket: row.id, fix: `${row.id}/1`, run: 'test' };
  const [node] = (await laidOutDriver(deps())(settings, 'staging')?.targets()) ?? [];
  await withConnection(brokerAddress(node!), (connection) => {
    const configs = [{ name: 'max.message.bytes', value: '2000' }];
    const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
    return createTopicsV7.api.async(connection, [topic], 4_000, false);
  });

  await click(thread, 'ticket.not-solved', USERS.dan);
  await hears(thread, /<@U0ADA>/);
  await click(thread, 'ticket.hand-off', USERS.ada);
  await hears(thread, /ada hands it to the agent/);
  const asked = await world.question(id);
  const all = seen.join('\n');
  expect(all).toContain('1 partitions, 1 of 1 replicas in sync');
  expect(all).toMatch(/## logs\/server\.log\n.*Kafka Server started/);
  expect(all).toContain('there is no such node; there are: node-1');
  expect(all).toContain('it quotes nothing');
  expect(all).toContain('min.insync.replicas=2 with 1 replicas: nobody could write');
  expect(asked.question.binds).toMatchObject({
    patch: 'topic orders: max.message.bytes=1000000',
    base: 'max.message.bytes=2000 (its own)',
    inverse: 'topic orders: max.message.bytes=2000',
    'failing case': 'max.message.bytes=1000000 holds for the topic orders',
  });
  expect(asked.question.summary).toContain("Kafka's own check (validateOnly) takes it");
  expect(asked.question.summary).toMatch(/failing case, which is looked at again .*: fails now: .* it is 2000/);
  // Whoever asked and whoever handed it over decide nothing: each is refused, and recorded.
  await click(thread, 'approval.approve', USERS.dan);
  await click(thread, 'approval.approve', USERS.ada);
  expect(await topicValue('max.message.bytes')).toMatchObject({ own: '2000' });
  await click(thread, 'approval.approve', USERS.bob);
  await hears(thread, /VERIFIED: /);
  const told = await world.hears(id, /VERIFIED: /);
  expect(told).toContain('VERIFIED: staging: topic orders: max.message.bytes=1000000. Read back');
  // What the case asks are the agent's words: they stand in an artifact.
  expect(told).toMatch(/; its failing case holds: artifacts\/[0-9a-f]{2}\/[0-9a-f]{64}/);
  expect(told).not.toContain('holds for the topic');
  expect(await topicValue('max.message.bytes')).toMatchObject({ own: '1000000' });
  const effects = await effectsOf(world.store(), id);
  expect(effects.filter(({ kind }) => kind === 'fix')).toMatchObject([{ state: 'done', attempts: 1 }]);
  const decisions = (await approvalsOf(world.store(), { id: asked.id }))[0]?.decisions ?? [];
  expect(decisions.map(({ person, refused }) => [person, refused === undefined])).toEqual([
    ['dan', false],
    ['ada', false],
    ['bob', true],
  ]);
  expect(await world.hears(id, /What this fix taught waits for /)).toMatch(
    /npx patchwright memory confirm m-[0-9a-f]+/,
  );
}, 300_000);

test('what it taught lapses when the value that it rests on is another, or is not told', async () => {
  const db = world.store();
  const { id, rests_on } = await db.selectFrom('memory').selectAll().executeTakeFirstOrThrow();
  const rest = { environment: 'staging', resource: { type: 'topic' as const, name: TOPIC }, key: 'max.message.bytes' };
  expect(rests_on).toContainEqual({ ...rest, value: '1000000' });
  await confirmMemory(db, { id, by: 'bob', readers: ['everyone'] });
  const within = () => Promise.reject(new Error('it rests on no file'));
  const question = { question: 'Why are large orders refused?', audience: ['dan'], ticket: 't', settings: at.settings };
  const recall = createRecall({ db, within, ownValueOf: ownValue(deps()) });
  expect((await recall(question)).map((row) => row.id)).toEqual([id]);
  const away = () => Promise.reject(new Error('no broker answers'));
  expect(await createRecall({ db, within, ownValueOf: away })(question)).toEqual([]);
  const targets = await environmentTargets(deps())(at.settings, 'staging');
  const set = (value: string) => alterConfig(targets, { ...rest, value }, { check: false });
  expect(await set('1000001')).toBeUndefined();
  await expect.poll(() => topicValue(rest.key), { timeout: 120_000 }).toMatchObject({ own: '1000001' });
  expect(await recall(question)).toEqual([]);
  expect(await set('1000000')).toBeUndefined();
  await expect.poll(() => topicValue(rest.key), { timeout: 120_000 }).toMatchObject({ own: '1000000' });
}, 300_000);

test('its inverse is done where the value is still ours and nothing was lost; Kafka’s no is an answer', async () => {
  const kind = kafkaConfigKind({
    artifacts: createArtifactStore(join(world.patchwright.data, 'artifacts')),
    targetsOf: environmentTargets(deps()),
    lookAt: async () => ({ unread: [], offline: [], underMinIsr: [] }),
    heldBy: async () => undefined,
  });
  const draw = async (key: string, value: string | null) => {
    const fields = { resource: { type: 'topic' as const, name: TOPIC }, key, value };
    const drafted = await kind.draft(at, { kind: 'kafka-config', target: 'staging', what: '', why: '' }, { fields });
    if (drafted.kind === 'refused') throw new Error(drafted.reasons.join('; '));
    return drafted.change as ConfigChange;
  };
  const change = await draw('max.message.bytes', '3000');
  await kind.apply(at, change).perform();
  expect(await kind.apply(at, change).readBack()).toMatchObject({ words: expect.stringContaining('3000') });
  expect(await kind.verify(at, change)).toMatchObject({ kind: 'read-back' });
  const undo = await kind.undo(at, change);
  if (undo.kind !== 'may') throw new Error(undo.reason);
  await undo.steps.perform();
  expect(await topicValue('max.message.bytes')).toMatchObject({ own: '1000000' });

  // Somebody else has changed it meanwhile.
  const other = await draw('max.message.bytes', '4000');
  await kind.apply(at, change).perform();
  expect(await kind.undo(at, other)).toMatchObject({ kind: 'not', reason: expect.stringContaining('no longer ours') });
  expect(await kind.moved(at, other)).toEqual([expect.stringContaining('was max.message.bytes=1000000')]);

  // A default is put back by taking the value away; a cut retention is not.
  const cut = await draw('retention.ms', '60000');
  await kind.apply(at, cut).perform();
  expect(await kind.undo(at, cut)).toMatchObject({
    kind: 'not',
    reason: expect.stringContaining('cannot be taken back'),
  });
  const back = await draw('retention.ms', null);
  await kind.apply(at, back).perform();
  expect(await topicValue('retention.ms')).toMatchObject({ own: null });
  await expect(draw('retention.ms', '60')).resolves.toBeDefined();
  await expect(draw('unclean.leader.election.enable', 'true')).rejects.toThrow('none that a fix may change');

  await casesAreTried(kind);

  // A broker's value goes to that broker alone; Kafka refuses to more than double its threads.
  const fields = { resource: { type: 'broker' as const, name: 'node-1' }, key: 'num.io.threads', value: '200' };
  const threads = await kind.draft(at, { kind: 'kafka-config', target: 'staging', what: '', why: '' }, { fields });
  if (threads.kind === 'refused') throw new Error(threads.reasons.join('; '));
  expect(await kind.prove(at, threads.change)).toMatchObject({
    proven: false,
    lines: [expect.stringContaining('Kafka would refuse it')],
  });
  // What it took when it was asked it may refuse when it is told to: an answer, and nothing is set.
  const refused = await kind
    .apply(at, threads.change)
    .perform()
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(EffectRefused);
  expect(refused).toMatchObject({
    nonRetryable: true,
    message: expect.stringMatching(/^Kafka refuses broker node-1: num\.io\.threads=200 in staging, .*: “.*threads.*”/),
  });
  expect(await kind.apply(at, threads.change).readBack()).toBeUndefined();
}, 300_000);

/** What a typed failing case says of the cluster as it is. */
async function casesAreTried(kind: ReturnType<typeof kafkaConfigKind>) {
  const targets = await environmentTargets(deps())(at.settings, 'staging');
  const staging = at.settings.environments.staging;
  const topic = staging?.system === 'kafka' ? staging.traffic.topic : '';
  const commit = (offset: bigint) =>
    withConnection(brokerAddress(targets[0]!), (connection) => {
      const partitions = [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1 }];
      return offsetCommitV8.api.async(connection, 'late', -1, '', null, [{ name: topic, partitions }]);
    });
  const lag = { is: 'lag' as const, group: 'late', topic, below: 1, withinSeconds: 1 };
  expect(await tryCase(targets, lag)).toMatchObject({
    kind: 'undecided',
    words: expect.stringContaining('nothing there'),
  });
  await commit(0n);
  expect(await tryCase(targets, lag)).toMatchObject({
    kind: 'failed',
    words: expect.stringMatching(/still lags by \d+/),
  });
  await commit(1_000_000_000n);
  expect(await tryCase(targets, lag)).toMatchObject({ kind: 'passed', words: expect.stringContaining('it lags by 0') });
  expect(await tryCase(targets, { is: 'takes-writes', topic: TOPIC })).toMatchObject({ kind: 'passed' });
  expect(await tryCase(targets, { is: 'takes-writes', topic: 'nowhere' })).toMatchObject({ kind: 'failed' });
  const silent = targets.map((target) => ({ ...target, ports: { ...target.ports, broker: 1 } }));
  expect(await tryCase(silent, lag)).toMatchObject({ kind: 'undecided', words: expect.stringContaining('failed') });

  // One that holds already shows nothing; one that does not hold afterwards is a failed verification.
  const fields = { resource: LARGER.resource, key: 'segment.ms', value: '70000' };
  const draw = async (failingCase: ConfigCase) => {
    const drafted = await kind.draft(
      at,
      { kind: 'kafka-config', target: 'staging', what: '', why: '' },
      {
        fields: { ...fields, failingCase },
      },
    );
    if (drafted.kind === 'refused') throw new Error(drafted.reasons.join('; '));
    return drafted.change;
  };
  expect(await kind.prove(at, await draw({ ...LARGER, value: '3000' }))).toMatchObject({
    proven: false,
    lines: [expect.anything(), expect.stringContaining('passes without the change: nothing is shown')],
  });
  expect(await kind.prove(at, await draw({ ...lag, group: 'nobody' }))).toMatchObject({
    proven: false,
    lines: [expect.anything(), expect.stringContaining('what this cluster does not have')],
  });
  const wrong = await draw({ ...LARGER, value: '7' });
  expect(await kind.prove(at, wrong)).toMatchObject({ proven: true });
  await kind.apply(at, wrong).perform();
  expect(await kind.verify(at, wrong)).toMatchObject({
    kind: 'failed',
    words: expect.stringContaining('its failing case does not hold: artifacts/'),
  });
  expect(await kind.verify(at, { ...wrong, failingCase: { ...lag, group: 'nobody' } })).toMatchObject({
    kind: 'inconclusive',
  });
  const undo = await kind.undo(at, wrong);
  if (undo.kind === 'may') await undo.steps.perform();
  await expect(draw({ ...LARGER, key: 'ssl.key.password' })).rejects.toThrow('the failing case reads ssl.key.password');
}
