import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readUp } from '../../services/data-folder.ts';
import { openAgentRun } from '../../store/agents.ts';
import { keepApproval } from '../../store/approvals.ts';
import { openDatabase } from '../../store/database.ts';
import { type Patchwright, patchwrightIn } from '../patchwright.ts';
import { APP_TOKEN, startSlackServer } from '../servers/slack.ts';
import { SLACK_WAITS_MS, startSocketMode } from '../servers/slack-events.ts';
import { TEAM, USERS } from './world.ts';

// The whole product in its own processes: `up` with the role `inbound`, by Socket Mode.
const CHANNEL = 'C0RELEASES';
const PATIENT = { timeout: 120_000, interval: 100 };
let slack: Awaited<ReturnType<typeof startSlackServer>>;
let socketMode: Awaited<ReturnType<typeof startSocketMode>>;
let patchwright: Patchwright;

beforeAll(async () => {
  slack = await startSlackServer();
  socketMode = await startSocketMode(slack);
  slack.members.set(CHANNEL, Object.values(USERS));
  const yaml = (folder: string) => `
forks: {}
knowledge:
  sources:
    - { name: docs, folder: ${folder}/docs, readers: everyone }
    - { name: keys, folder: ${folder}/keys, readers: [those] }
groups: { those: [ada] }
people:
  ada: { name: Ada, slack: { team: ${TEAM}, user: ${USERS.ada} } }
  dan: { name: Dan, user: ${userInfo().username}, slack: { team: ${TEAM}, user: ${USERS.dan} } }
announcements:
  slack: { channel: ${CHANNEL}, token: { env: SUPPORT_BOT_TOKEN }, apiUrl: '${slack.url}' }
support:
  onCall: { schedule: [{ person: ada, from: mon 00:00, to: sun 23:59 }] }
  slack: { appToken: { env: SUPPORT_APP_TOKEN } }
`;
  patchwright = patchwrightIn(yaml, { SUPPORT_BOT_TOKEN: slack.token, SUPPORT_APP_TOKEN: APP_TOKEN });
  write('docs', 'lag.md', '# Consumer lag\nA consumer lags when its fetch size is too small: raise fetch.min.bytes.\n');
  write('keys', 'lag.md', '# Lag of the signing keys\nCANARY-5519: the signing keys lag by one fetch size.\n');
  await patchwright.start();
  const indexed = await patchwright.call('knowledge', 'rebuild');
  if (indexed.status !== 0) throw new Error(`knowledge rebuild ended with ${indexed.status}: ${indexed.stderr}`);
}, 180_000);

afterAll(async () => {
  await patchwright?.close();
  await socketMode?.stop();
  await slack?.stop();
}, 60_000);

function write(source: string, file: string, text: string): void {
  mkdirSync(join(patchwright.folder, source), { recursive: true });
  writeFileSync(join(patchwright.folder, source, file), text);
}

function mention(text: string, ts: string, user = USERS.dan) {
  slack.write({ ts, text, user, mrkdwn: true });
  const event = { type: 'app_mention', channel: CHANNEL, user, team: TEAM, ts, text: `<@U0BOT> ${text}` };
  return { type: 'event_callback', team_id: TEAM, event_id: `Ev${ts}`, event };
}
const heard = (ts: string) =>
  slack
    .messages(CHANNEL)
    .filter(({ thread_ts, user }) => thread_ts === ts && user === 'U0BOT')
    .map(({ text }) => text);

test('a mention is answered from what everybody in the channel may read, with the place', async () => {
  const ts = '1790000000.000100';
  expect(await socketMode.deliver(mention('why does my consumer lag, is its fetch size too small?', ts))).toBe(true);
  await expect.poll(() => heard(ts).join(), PATIENT).toMatch(/Consumer lag \(docs lag\.md:1-\d+\)/);
  expect(JSON.stringify(slack.messages(CHANNEL))).not.toContain('CANARY');
});

test('a mention comes to whoever is on call, and the same ticket is at the terminal', async () => {
  const ts = '1790000001.000100';
  expect(await socketMode.deliver(mention('where is lunch?', ts))).toBe(true);
  await expect.poll(() => heard(ts).join(), PATIENT).toMatch(/<@U0ADA> .*ada is on call\. Not enough was found/);
  const solved = await patchwright.call('ticket', 'solved', `${TEAM}:${CHANNEL}:${ts}`);
  expect(solved.stdout).toMatch(/closed: dan says that it is solved/);
  await expect.poll(() => heard(ts).join(), PATIENT).toContain('Closed, solved');
});

test('a ticket of a channel in which somebody is not is not shown to him at the terminal', async () => {
  const ts = '1790000001.200000';
  const text = 'where is the secret supper?';
  slack.members.set('C0OTHER', ['U0BOT', USERS.ada]);
  slack.write({ ts, text, user: USERS.ada, mrkdwn: true }, 'C0OTHER');
  const event = { type: 'app_mention', channel: 'C0OTHER', user: USERS.ada, team: TEAM, ts, text: `<@U0BOT> ${text}` };
  expect(await socketMode.deliver({ type: 'event_callback', team_id: TEAM, event_id: `Ev${ts}`, event })).toBe(true);
  const told = () => JSON.stringify(slack.messages('C0OTHER').map((one) => one.text));
  await expect.poll(told, PATIENT).toMatch(/ada is on call/);
  expect(await patchwright.call('ticket', 'show', `${TEAM}:C0OTHER:${ts}`)).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/is for who asked, .*support\.responders\); you are dan/),
  });
  const listed = (await patchwright.call('tickets')).stdout;
  expect(listed).toContain('1 more are for others to read');
  expect(listed).not.toContain('secret supper');
  expect((await patchwright.json<{ text: string }>('ticket', 'show', 'latest')).text).not.toContain('supper');
  await whatBelongsToIt(`${TEAM}:C0OTHER:${ts}`);
});

/** What agents did for a ticket and what is asked of its fix speak of it: they are for its readers and for who decides. */
async function whatBelongsToIt(ticket: string) {
  const db = openDatabase(readUp(patchwright.data)?.databaseUrl ?? '', { connections: 1 });
  const run = `${ticket}/1/look`;
  await openAgentRun(db, { run, release: ticket, role: 'investigate', brief: '0'.repeat(64) });
  const digest = '1'.repeat(64);
  const ask = (id: string, deciders: string[]) =>
    keepApproval(
      db,
      {
        ...{ id, kind: 'fix', settings: digest, ticket, title: `supper ${id}`, summary: 'supper', binds: {} },
        ...{ requester: 'ada', excluded: [] },
      },
      { digest, expiresAt: '2099-01-01T00:00:00.000Z', needed: 1, deciders, barred: {} },
    );
  await ask('ada-decides', ['ada']);
  const refused = { status: 1, stdout: '', stderr: expect.stringMatching(/is for who asked, .*; you are dan/) };
  expect(await patchwright.call('agent', 'runs', ticket)).toMatchObject(refused);
  expect(await patchwright.call('agent', 'show', run)).toMatchObject(refused);
  expect((await patchwright.call('approvals')).stdout).toBe('none of yours\n1 more are for others to read\n');
  await ask('dan-decides', ['dan']);
  const listed = (await patchwright.call('approvals')).stdout;
  expect(listed).toMatch(/supper dan-decides[\s\S]*\n1 more are for others to read\n$/);
  expect(listed).not.toContain('ada-decides');
  await db.destroy();
}

test('whoever is new in the configuration is known at once, and is called; a mistake in it changes nothing', async () => {
  const open = '1790000001.500000';
  await socketMode.deliver(mention('where is breakfast?', open));
  await expect.poll(() => heard(open).join(), PATIENT).toMatch(/ada is on call/);
  const before = '1790000002.000100';
  await socketMode.deliver(mention('why does my consumer lag?', before, USERS.eve));
  await expect.poll(() => heard(before).join(), PATIENT).toContain('I do not know you yet');

  const file = join(patchwright.folder, 'patchwright.yaml');
  const eve = `people:\n  eve: { name: Eve, slack: { team: ${TEAM}, user: ${USERS.eve} } }`;
  const changed = readFileSync(file, 'utf8').replace('people:', eve).replace('{ person: ada,', '{ person: eve,');
  writeFileSync(file, changed);
  const after = '1790000003.000100';
  await socketMode.deliver(mention('is a fetch size that is too small why my consumer lags?', after, USERS.eve));
  await expect.poll(() => heard(after).join(), PATIENT).toMatch(/Consumer lag \(docs/);
  // In a ticket of before, too; ada, who is called no more, may take it no more.
  const click = (user: string, second: number) => ({
    ...{ type: 'block_actions', team: { id: TEAM }, user: { id: user, team_id: TEAM }, trigger_id: 't' },
    ...{ channel: { id: CHANNEL }, message: { ts: open, thread_ts: open, user: 'U0BOT' } },
    actions: [{ action_id: 'ticket.take', action_ts: `179000000${second}.000200` }],
  });
  await socketMode.deliver(click(USERS.ada, 4));
  await expect.poll(() => heard(open).join(), PATIENT).toContain('that is for whoever may be on call (eve)');
  await socketMode.deliver(click(USERS.eve, 5));
  await expect.poll(() => heard(open).join(), PATIENT).toContain('eve has it.');
  writeFileSync(file, `${changed}\nnonsense: true\n`);
  const broken = '1790000004.000100';
  await socketMode.deliver(mention('where is lunch, again?', broken));
  await expect.poll(() => heard(broken).join(), PATIENT).toMatch(/<@U0EVE> .*eve is on call/);
  writeFileSync(file, changed.replace('{ person: eve,', '{ person: ada,'));
}, 120_000);

test('every worker is killed in the middle: nothing is lost, nothing is said twice', async () => {
  const times = ['1790000011.000100', '1790000012.000100', '1790000013.000100'];
  for (const ts of times) {
    const { roles } = readUp(join(patchwright.folder, 'data')) ?? { roles: [] };
    const body = mention(`where is my topic, ${ts}?`, ts);
    const asked = socketMode.deliver(body, SLACK_WAITS_MS);
    for (const { pid } of roles) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    // As Slack does with what was not acknowledged.
    for (let acknowledged = await asked; !acknowledged; ) acknowledged = await socketMode.deliver(body, SLACK_WAITS_MS);
  }
  for (const ts of times) await expect.poll(() => heard(ts).join(), PATIENT).toContain('ada is on call');
  for (const ts of times) expect(heard(ts)).toHaveLength(2);
}, 240_000);
