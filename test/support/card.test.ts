import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createSlack } from '../../activities/slack.ts';
import { approvalsSchema } from '../../config/approvals.ts';
import { createSlackDoor } from '../../inbound/slack.ts';
import { listenToSlack } from '../../inbound/slack-http.ts';
import { connectToSlack } from '../../inbound/slack-socket.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { auditRows } from '../../store/audit.ts';
import { keepSettings } from '../../store/releases.ts';
import { adoptThread } from '../../store/thread.ts';
import type { ApprovalOutcome, ApprovalQuestion } from '../../workflows/approval-types.ts';
import { APP_TOKEN } from '../servers/slack.ts';
import { type Deliver, postSigned, SIGNING_SECRET, startSocketMode } from '../servers/slack-events.ts';
import { openSupportWorld, type SupportWorld, TEAM, USERS } from './world.ts';

// The card of a question: only a click of somebody who may decide, on exactly what was shown, counts. Slack is played.
const CHANNEL = 'C0RELEASES';
const BOT = 'U0BOT';
const PATIENT = { timeout: 90_000, interval: 50 };
let world: SupportWorld;
let http: Awaited<ReturnType<typeof listenToSlack>>;
let socketMode: Awaited<ReturnType<typeof startSocketMode>>;
let socket: ReturnType<typeof connectToSlack>;
let settings: string;
const transports = new Map<string, Deliver>();
const deliver = (body: Record<string, unknown>, name = 'HTTP') => transports.get(name)!(body);

beforeAll(async () => {
  world = await openSupportWorld();
  const { slack, db, artifacts, client } = world;
  const configured = {
    ...world.configure({ slack: { appToken: { env: 'SUPPORT_TEST_APP' } } }),
    // Long enough to be shown, and soon over.
    approvals: approvalsSchema.parse({ repair: { expiresHours: 0.002 } }),
  };
  settings = await keepSettings(db, configured);
  const connection = createSlack({ token: slack.token, apiUrl: slack.url });
  const present = async () => ({ settings: configured, digest: settings });
  const parts = { client, db, artifacts, present, slack: connection };
  const door = createSlackDoor({ ...parts, self: await connection.self(), wakeThread: world.wakeThread });
  http = await listenToSlack({ door, secret: SIGNING_SECRET, port: 0, host: '127.0.0.1' });
  socketMode = await startSocketMode(slack);
  socket = connectToSlack({ door, appToken: APP_TOKEN, apiUrl: slack.url });
  transports.set('HTTP', async (body) => (await postSigned(http.port, body)) === 200);
  transports.set('Socket Mode', socketMode.deliver);
}, 120_000);

afterAll(async () => {
  await socket?.stop();
  await socketMode?.stop();
  await http?.stop();
  await world?.stop();
}, 60_000);

let clock = 1_791_000_000;
const time = () => {
  clock += 1;
  return `${clock}.000100`;
};

type Asked = { id: string; thread: string; result: () => Promise<ApprovalOutcome> };

/** Asked by dan in a ticket's thread, unless it is a release's. */
async function ask(change: Partial<ApprovalQuestion> = {}): Promise<Asked> {
  const ts = time();
  const ticket = `${TEAM}:${CHANNEL}:${ts}`;
  const id = `${ticket}/1/1`;
  world.slack.write({ ts, text: 'it hurts', user: USERS.dan, mrkdwn: true });
  await adoptThread(world.db, { release: ticket, channel: CHANNEL, ts });
  const question: ApprovalQuestion = {
    ...{ id, kind: 'fix', settings, ticket, title: `${ticket}: may it go?`, summary: 'CANARY-4410 what and why' },
    ...{ binds: { patch: 'p' }, requester: 'dan', excluded: [], ...change },
  };
  const handle = await world.client.workflow.start<(question: ApprovalQuestion) => Promise<ApprovalOutcome>>(
    'approval',
    { workflowId: `approval:${id}`, taskQueue: 'patchwright', args: [question] },
  );
  // Not by expect.poll: a group of tests asks before its first one.
  await vi.waitFor(() => expect(cardOf(id)).toBeDefined(), PATIENT);
  return { id, thread: ts, result: () => handle.result() };
}

const cardOf = (id: string) =>
  world.slack.messages(CHANNEL).find(({ metadata }) => metadata?.event_payload.key === `approval/${id}/asked`);
const shown = (id: string) => JSON.stringify(cardOf(id)?.blocks ?? []);

type Button = { action_id: string; value: string };
function buttonOf(id: string, name: string): Button {
  const blocks = (cardOf(id)?.blocks ?? []) as { elements?: Button[] }[];
  const found = blocks.flatMap(({ elements = [] }) => elements).find(({ action_id }) => action_id === name);
  if (found === undefined) throw new Error(`the card of ${id} has no ${name}`);
  return found;
}

type Person = keyof typeof USERS;
function click({ id, thread }: Asked, name: string, by: Person, change: { value?: string; team?: string } = {}) {
  const { value } = change.value === undefined ? buttonOf(id, `approval.${name}`) : { value: change.value };
  return {
    ...{ type: 'block_actions', team: { id: TEAM }, trigger_id: `trigger.${by}` },
    user: { id: USERS[by], team_id: change.team ?? TEAM },
    ...{ channel: { id: CHANNEL }, message: { ts: cardOf(id)?.ts, thread_ts: thread, user: BOT } },
    actions: [{ action_id: `approval.${name}`, action_ts: time(), value }],
  };
}

/** Opens the form by a click, and sends it with these words. */
async function sendForm(
  asked: Asked,
  name: string,
  by: Person,
  words: string,
  as = by,
  change: { value?: string } = {},
) {
  const opened = world.slack.views.length;
  expect(await deliver(click(asked, name, by, change))).toBe(true);
  const { view } = world.slack.views[opened]!;
  const state = { values: { note: { note: { value: words } } } };
  const user = { id: USERS[as], team_id: TEAM };
  const body = { type: 'view_submission', team: { id: TEAM }, user, view: { ...view, id: `V${time()}`, state } };
  expect(await deliver(body)).toBe(true);
  return body;
}

const heardBy = (who: Person) => world.slack.whispers.filter(({ user }) => user === USERS[who]).map(({ text }) => text);
const decisions = async (id: string) => (await approvalsOf(world.db, { id }))[0]?.decisions ?? [];
const counted = async (id: string) => (await decisions(id)).filter(({ refused }) => refused === undefined);
const refusals = async (about: string) =>
  (await auditRows(world.db, { about })).filter(({ kind }) => kind === 'refused').map(({ entry }) => entry.refused);

describe.each(['HTTP', 'Socket Mode'])('by %s', (name) => {
  test('a click approves, once, and the card has no buttons any more', async () => {
    const asked = await ask();
    expect(cardOf(asked.id)?.thread_ts).toBe(asked.thread);
    expect(shown(asked.id)).toMatch(/Approve.*Request changes.*Reject.*Read it/);
    const approve = click(asked, 'approve', 'bob');
    expect(await Promise.all([approve, approve].map((body) => deliver(body, name)))).toEqual([true, true]);
    expect(await asked.result()).toEqual({ kind: 'approved', by: ['bob'] });
    await expect.poll(() => shown(asked.id), PATIENT).not.toContain('approval.');
    expect(shown(asked.id)).toContain('It is over: approved by bob');
    expect(heardBy('bob')).toContain('Counted: approved by bob');
    for (const body of [approve, { ...approve, actions: [{ ...approve.actions[0], action_id: 'approval.reject' }] }])
      expect(await deliver(body, name)).toBe(true);
    expect(await counted(asked.id)).toHaveLength(1);
    expect((await approvalsOf(world.db, { id: asked.id }))[0]?.outcome).toEqual({ kind: 'approved', by: ['bob'] });
  });
});

test('changes are asked for by a form, whose words go with the decision; sent twice they count once', async () => {
  const asked = await ask();
  const body = await sendForm(asked, 'changes', 'ada', 'please 40, not 50');
  expect(await asked.result()).toEqual({ kind: 'changes-requested', by: ['ada'], note: 'please 40, not 50' });
  await deliver(body);
  expect(await counted(asked.id)).toHaveLength(1);
  await expect.poll(() => shown(asked.id), PATIENT).toContain('changes were asked for by ada: please 40, not 50');
});

test('a rejection needs its reason', async () => {
  const asked = await ask();
  await sendForm(asked, 'reject', 'ada', '  ');
  expect(heardBy('ada').at(-1)).toBe('Not counted: a reason is needed to say no');
  await sendForm(asked, 'reject', 'ada', 'not on a Friday');
  expect(await asked.result()).toMatchObject({ kind: 'rejected', by: ['ada'], note: 'not on a Friday' });
});

test('what others may not read stands in a form for those who may decide, never in the thread', async () => {
  const asked = await ask();
  await deliver(click(asked, 'read', 'dan'));
  expect(heardBy('dan').at(-1)).toBe('Only those who may decide it may read it.');
  const opened = world.slack.views.length;
  await deliver(click(asked, 'read', 'ada'));
  expect(JSON.stringify(world.slack.views.slice(opened))).toContain('CANARY-4410');
  expect(JSON.stringify(world.slack.messages(CHANNEL))).not.toContain('CANARY-4410');
});

/** What *Read it* has opened, page for page, as whoever clicks turns them. */
async function readAll(asked: Asked, by: Person): Promise<string[]> {
  const n = world.slack.views.length;
  await deliver(click(asked, 'read', by));
  const seen: string[] = [];
  for (;;) {
    const { view } = world.slack.views[n]!;
    seen.push(JSON.stringify(view));
    const next = JSON.stringify(view).match(/"approval.page.next","value":"(\d+)"/)?.[1];
    if (next === undefined) return seen;
    await deliver(turn(view, next, by, n));
  }
}

function turn(view: Record<string, unknown>, page: string, by: Person, n: number) {
  const actions = [{ action_id: 'approval.page.next', action_ts: time(), value: page }];
  const user = { id: USERS[by], team_id: TEAM };
  return {
    type: 'block_actions',
    team: { id: TEAM },
    user,
    trigger_id: 't',
    view: { ...view, id: `V${n + 1}` },
    actions,
  };
}

test('every line of the patch can be read from the card, page for page, by those alone who may decide', async () => {
  const lines = Array.from({ length: 2_500 }, (_, at) => `+CANARY-5519 line ${at} of the patch`);
  const details = (await world.artifacts.put(`facts\n\n${lines.join('\n')}\n`)).sha256;
  const asked = await ask({ details });
  const pages = await readAll(asked, 'ada');
  expect(pages.length).toBeGreaterThan(2);
  expect(pages[0]).toMatch(/Page 1 of \d.*patch: p/);
  for (const line of lines) expect(pages.some((page) => page.includes(`${line}\\n`))).toBe(true);
  for (const page of pages) expect(page.length).toBeLessThan(250_000);
  const { view } = world.slack.views.at(-1)!;
  await deliver(turn(view, '1', 'dan', world.slack.views.length - 1));
  expect(heardBy('dan').at(-1)).toBe('Only those who may decide it may read it.');
  expect(JSON.stringify(world.slack.messages(CHANNEL))).not.toContain('CANARY-5519');
});

test('where all of it cannot be read, that is said first', async () => {
  const asked = await ask({ details: '0'.repeat(64) });
  const [page] = await readAll(asked, 'ada');
  expect(page).toMatch(/This is NOT all of it.*npx patchwright approvals --show.*CANARY-4410/);
});

test('those who may decide are called as it is asked, and once more before it is over', async () => {
  const asked = await ask({ kind: 'repair', excluded: ['ada'] });
  expect(cardOf(asked.id)?.text).toMatch(/^<@U0BOB> <@U0GUS> ⚠️ /);
  expect(await asked.result()).toMatchObject({ kind: 'expired' });
  const again = () => world.slack.messages(CHANNEL).filter(({ text }) => /Still undecided/.test(text));
  await expect.poll(again, PATIENT).toHaveLength(1);
  expect(again()[0]).toMatchObject({ thread_ts: asked.thread, text: expect.stringMatching(/^<@U0BOB> <@U0GUS> ⚠️ /) });
});

test('where there is no thread in Slack each of them is written to', async () => {
  const id = `cli:${time()}/1/1`;
  const question = {
    id,
    kind: 'fix',
    settings,
    ticket: id.slice(0, -4),
    title: 'at a terminal?',
    summary: 's',
    binds: {},
  };
  const args = [{ ...question, requester: 'dan', excluded: ['gus'] }];
  const handle = await world.client.workflow.start('approval', {
    workflowId: `approval:${id}`,
    taskQueue: 'patchwright',
    args,
  });
  for (const person of ['ADA', 'BOB'])
    await expect
      .poll(() => world.slack.messages(`D0${person}`).map(({ text }) => text), PATIENT)
      .toContainEqual(expect.stringMatching(/at a terminal\? It waits for 1 of ada, bob .*npx patchwright approve/));
  expect(JSON.stringify([...world.slack.messages('D0DAN'), ...world.slack.messages('D0GUS')])).not.toContain(
    'terminal?',
  );
  await handle.signal('withdrawApproval', { note: 'enough' });
  // Whoever was asked so is told that there is nothing to decide any more.
  for (const person of ['ADA', 'BOB'])
    await expect
      .poll(() => world.slack.messages(`D0${person}`).map(({ text }) => text), PATIENT)
      .toContainEqual(expect.stringContaining('at a terminal? It is over: withdrawn: enough'));
});

test('a release’s card shows all of it in its own thread', async () => {
  const asked = await ask({ release: 'kafka-9', kind: 'one-way-release', summary: 'the patch <!channel>' });
  expect(shown(asked.id)).toMatch(/the patch <!channel>.*plain_text|plain_text.*the patch <!channel>/);
  expect(shown(asked.id)).toMatch(/Digest [0-9a-f]{64}/);
  expect(shown(asked.id)).not.toContain('Read it');
  await deliver(click(asked, 'approve', 'ada'));
  expect(await asked.result()).toMatchObject({ kind: 'approved' });
});

test('where no agent stands behind it changes cannot be asked for: no button, and a click on an old one is refused', async () => {
  const asked = await ask({ release: 'kafka-9', kind: 'one-way-release' });
  expect(shown(asked.id)).toMatch(/Approve.*Reject/);
  expect(shown(asked.id)).not.toContain('Request changes');
  const { value } = buttonOf(asked.id, 'approval.approve');
  await sendForm(asked, 'changes', 'ada', 'make it smaller', 'ada', { value });
  expect(heardBy('ada').at(-1)).toMatch(/^Not counted: no agent stands behind .* approve it, or reject it/);
  await deliver(click(asked, 'approve', 'ada'));
  expect(await asked.result()).toMatchObject({ kind: 'approved' });
});

describe('refused, with the reason, to whoever clicked alone', () => {
  let asked: Asked;
  beforeAll(async () => {
    asked = await ask({ excluded: ['ada'] });
  });
  const stranger = { value: `${'0'.repeat(64)} nothing/1/1` };

  test.each<[string, Person, () => Record<string, unknown>, RegExp, RegExp]>([
    ['whoever asked for it', 'dan', () => click(asked, 'approve', 'dan'), /dan asked for it/, /dan asked for it/],
    ['whoever steered it', 'ada', () => click(asked, 'approve', 'ada'), /ada wrote or steered it/, /steered it/],
    ['a stranger', 'eve', () => click(asked, 'approve', 'eve'), /I do not know you yet/, /do not know you/],
    ['a guest', 'gus', () => click(asked, 'approve', 'gus'), /this account is a guest/, /guest/],
    [
      'a guest from another workspace',
      'bob',
      () => click(asked, 'approve', 'bob', { team: 'T9OTHER' }),
      /people of this workspace only/,
      /this workspace only/,
    ],
    [
      'another digest',
      'bob',
      () => click(asked, 'approve', 'bob', { value: `${'0'.repeat(64)} ${asked.id}` }),
      /it names 000000000000, and the question is/,
      /it names 000000000000/,
    ],
  ])('%s', async (_what, by, attack, said, audited) => {
    expect(await deliver(attack())).toBe(true);
    await expect.poll(() => heardBy(by).at(-1), PATIENT).toMatch(said);
    expect((await refusals(asked.id)).some((reason) => audited.test(String(reason)))).toBe(true);
    expect(await counted(asked.id)).toEqual([]);
  });

  test('a form that somebody else sends is of whoever sends it', async () => {
    await sendForm(asked, 'reject', 'bob', 'no', 'dan');
    expect(heardBy('dan').at(-1)).toMatch(/dan asked for it/);
    expect(await counted(asked.id)).toEqual([]);
  });

  test('a question that nobody asked, a button without a digest, a message that is not ours', async () => {
    await deliver(click(asked, 'approve', 'bob', stranger));
    expect(heardBy('bob').at(-1)).toBe('Not counted: there is no question nothing/1/1');
    const heard = heardBy('bob').length;
    await deliver(click(asked, 'approve', 'bob', { value: asked.id }));
    const made = click(asked, 'approve', 'bob');
    await deliver({ ...made, message: { ...made.message, user: USERS.eve } });
    expect(heardBy('bob')).toHaveLength(heard);
    expect(await counted(asked.id)).toEqual([]);
  });

  test('a click of another workspace, which is in the audit', async () => {
    await deliver({ ...click(asked, 'approve', 'bob'), team: { id: 'T9OTHER' } });
    const rows = await auditRows(world.db, { about: 'slack' });
    expect(rows.map(({ entry }) => entry)).toContainEqual({ what: 'block_actions', reason: 'another workspace' });
    expect(await counted(asked.id)).toEqual([]);
  });

  test('“approved” as text decides nothing', async () => {
    const { thread } = asked;
    for (const [type, text] of [
      ['message', 'approved'],
      ['app_mention', `<@${BOT}> approve ${asked.id}`],
    ] as const) {
      const ts = time();
      const event = { type, channel: CHANNEL, user: USERS.bob, team: TEAM, ts, text, thread_ts: thread };
      await deliver({ type: 'event_callback', team_id: TEAM, event_id: `Ev${ts}`, event });
    }
    expect(await decisions(asked.id)).not.toContainEqual(
      expect.objectContaining({ person: 'bob', decision: 'approve', refused: undefined }),
    );
    expect(await counted(asked.id)).toEqual([]);
  });

  test('after all of that bob’s own click counts, and one after the end does not', async () => {
    const late = click(asked, 'approve', 'ada');
    const reject = click(asked, 'reject', 'bob');
    await deliver(click(asked, 'approve', 'bob'));
    expect(await asked.result()).toEqual({ kind: 'approved', by: ['bob'] });
    await deliver(late);
    await expect.poll(() => heardBy('ada').at(-1), PATIENT).toBe('Not counted: it is over: approved by bob');
    const opened = world.slack.views.length;
    await deliver(reject);
    const state = { values: { note: { note: { value: 'no' } } } };
    const user = { id: USERS.bob, team_id: TEAM };
    const { view } = world.slack.views[opened]!;
    await deliver({ type: 'view_submission', team: { id: TEAM }, user, view: { ...view, id: 'V9', state } });
    expect(heardBy('bob').at(-1)).toBe('Not counted: it is over: approved by bob');
    expect(await counted(asked.id)).toHaveLength(1);
  });
});

test('Slack away while it is decided: the card loses its buttons when Slack is back', async () => {
  const asked = await ask();
  await deliver(click(asked, 'read', 'bob'));
  const approve = click(asked, 'approve', 'bob');
  world.slack.setDown({ kind: 'drop' });
  expect(await deliver(approve)).toBe(true);
  expect(await asked.result()).toMatchObject({ kind: 'approved' });
  world.slack.setDown(undefined);
  await expect.poll(() => shown(asked.id), { timeout: 120_000, interval: 100 }).not.toContain('approval.');
}, 240_000);
