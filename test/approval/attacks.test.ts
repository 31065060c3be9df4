import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApprovalActivities, whyNotApproved } from '../../activities/approvals.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { createStoryActivities } from '../../activities/story.ts';
import { newToken } from '../../cli/commands/approvals.ts';
import { unhold } from '../../cli/commands/unhold.ts';
import { type Settings, settingsSchema } from '../../config/schema.ts';
import { setLogLevel } from '../../lib/log.ts';
import { type RunningServices, startServices } from '../../services/start-services.ts';
import { approvalsOf, issueToken, personOfToken } from '../../store/approvals.ts';
import { appendAudit, auditRows, verifyAudit } from '../../store/audit.ts';
import { type Db, openDatabase } from '../../store/database.ts';
import { pastRolloutsOf } from '../../store/holds.ts';
import { migrate } from '../../store/migrate.ts';
import { keepSettings } from '../../store/releases.ts';
import { endRollout, openRollout } from '../../store/rollouts.ts';
import type {
  ApprovalOutcome,
  ApprovalQuestion,
  ApprovalState,
  Decision,
  DecisionAnswer,
} from '../../workflows/approval-types.ts';

// Real Temporal and PostgreSQL. Every attack is refused, and is in the audit.
const dir = mkdtempSync(join(tmpdir(), 'pw-approval-'));
let services: RunningServices;
let db: Db;
let client: Client;
let stopWorkers: () => Promise<void>;
let settings: Settings;
let digest: string;

const person = (name: string, email: string) => ({ name, email });
const configuration = (needed = 2) => ({
  forks: {},
  people: {
    ada: person('Ada', 'ada@x.org'),
    bob: person('Bob', 'bob@x.org'),
    cyd: person('Cyd', 'cyd@x.org'),
    dan: person('Dan', 'dan@x.org'),
  },
  approvals: { fix: { needed, expiresHours: 1 }, repair: { needed: 1, expiresHours: 0.0007 } },
});

async function start(): Promise<void> {
  services = await startServices({ dataDir: dir, fsync: false });
  await migrate(services.databaseUrl);
  db = openDatabase(services.databaseUrl);
  client = new Client({ connection: await Connection.connect({ address: services.temporal.address }) });
  const connection = await NativeConnection.connect({ address: services.temporal.address });
  const workflowsPath = join(import.meta.dirname, '../../workflows/approval.ts');
  const activities = {
    ...createApprovalActivities({ db, settings: createSettingsReader(db) }),
    ...createStoryActivities({ db }),
  };
  const workers = [
    await Worker.create({ connection, taskQueue: 'patchwright', workflowsPath }),
    await Worker.create({ connection, taskQueue: 'patchwright-activity', activities }),
  ];
  const running = Promise.all(workers.map((worker) => worker.run()));
  stopWorkers = async () => {
    for (const worker of workers) worker.shutdown();
    await running;
    await connection.close();
  };
}

async function stop(): Promise<void> {
  await stopWorkers();
  await client.connection.close();
  await db.destroy();
  await services.stop();
}

beforeAll(async () => {
  setLogLevel('error');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  await start();
  settings = settingsSchema.parse(configuration());
  digest = await keepSettings(db, settings);
}, 120_000);

afterAll(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const BINDS = { patch: 'p'.repeat(64), base: 'b'.repeat(40), target: 'topic orders' };
let questions = 0;
let clicks = 0;

/** Asked by dan; cyd steered it. */
async function ask(change: Partial<ApprovalQuestion> = {}) {
  questions += 1;
  const id = `t-${questions}/fix`;
  const question: ApprovalQuestion = {
    ...{ id, kind: 'fix', settings: digest, ticket: `t-${questions}`, title: `${id}?`, summary: 'what and why' },
    ...{ binds: BINDS, requester: 'dan', excluded: ['Cyd <cyd@x.org>'], ...change },
  };
  const handle = await client.workflow.start<(question: ApprovalQuestion) => Promise<ApprovalOutcome>>('approval', {
    ...{ workflowId: `approval:${id}`, taskQueue: 'patchwright', args: [question] },
  });
  const state = () => handle.query<ApprovalState | undefined>('approvalState');
  while ((await state()) === undefined) await sleep(20);
  const open = (await state())!.open;
  const decide = (who: string, made: Partial<Decision> = {}) => {
    clicks += 1;
    const decision = { person: who, digest: open.digest, decision: 'approve', nonce: `click-${clicks}`, ...made };
    return handle.executeUpdate<DecisionAnswer, [Decision]>('decide', { args: [decision as Decision] });
  };
  return { id, open, decide, handle };
}

const refusals = async (about: string) =>
  (await auditRows(db, { about })).filter(({ kind }) => kind === 'refused').map(({ entry }) => entry.refused);

test('two people who may, and nobody else, approve exactly this', async () => {
  const { id, open, decide, handle } = await ask();
  expect(open.deciders).toEqual(['ada', 'bob']);
  expect(await decide('dan')).toMatchObject({ kind: 'refused', reason: expect.stringContaining('asked for it') });
  expect(await decide('cyd')).toMatchObject({ kind: 'refused', reason: expect.stringContaining('steered it') });
  expect(await decide('ada', { digest: '0'.repeat(64) })).toMatchObject({ kind: 'refused' });
  expect(await decide('ada')).toEqual({ kind: 'counted', missing: 1 });
  expect(await decide('ada')).toMatchObject({ kind: 'refused', reason: 'ada has decided already' });
  expect(await decide('bob')).toMatchObject({ kind: 'counted', outcome: { kind: 'approved' } });
  expect(await handle.result()).toEqual({ kind: 'approved', by: ['ada', 'bob'] });
  expect(await refusals(id)).toHaveLength(4);
  expect(await whyNotApproved(db, { id, binds: BINDS, settings, use: 'apply' })).toBeUndefined();
});

test('two clicks of one person at the same moment, and one click sent twice, count once', async () => {
  const { id, decide, handle } = await ask();
  const answers = await Promise.all([decide('ada'), decide('ada')]);
  expect(answers.map(({ kind }) => kind).sort()).toEqual(['counted', 'refused']);
  const again = { nonce: 'the same click' };
  expect((await decide('bob', { ...again, decision: 'changes', note: '' })).kind).toBe('refused');
  expect(await decide('bob', again)).toMatchObject({ kind: 'counted' });
  expect(await handle.result()).toEqual({ kind: 'approved', by: ['ada', 'bob'] });
  expect(await refusals(id)).toHaveLength(2);
});

test('a restart of everything in the middle forgets no decision and lets none in twice', async () => {
  const { id, open, decide } = await ask();
  const click = { nonce: 'before the restart' };
  expect(await decide('ada', click)).toMatchObject({ kind: 'counted' });
  await stop();
  await start();
  const handle = client.workflow.getHandle(`approval:${id}`);
  const send = (who: string, nonce: string) =>
    handle.executeUpdate<DecisionAnswer, [Decision]>('decide', {
      args: [{ person: who, digest: open.digest, decision: 'approve', nonce }],
    });
  expect(await send('ada', click.nonce)).toMatchObject({ reason: expect.stringContaining('replay') });
  expect(await send('ada', 'another click')).toMatchObject({ reason: 'ada has decided already' });
  expect(await send('bob', 'b')).toMatchObject({ outcome: { kind: 'approved' } });
  await handle.result();
  expect((await approvalsOf(db, { id }))[0]?.outcome).toEqual({ kind: 'approved', by: ['ada', 'bob'] });
}, 120_000);

test('what nobody decides expires, whatever comes after; the record stays', async () => {
  const { id, decide, handle } = await ask({ kind: 'repair' });
  await sleep(2_700);
  // It is over, or about to be: whichever is first, the clock refuses it.
  const late = await decide('ada').catch((error: Error) => ({ kind: 'gone' as const, reason: error.message }));
  expect(late.kind).toMatch(/^(refused|gone)$/);
  expect(await handle.result()).toMatchObject({ kind: 'expired' });
  expect(await whyNotApproved(db, { id, binds: BINDS, settings, use: 'apply' })).toContain('expired');
  expect((await approvalsOf(db, { id }))[0]?.question.title).toBe(`${id}?`);
});

test('where nobody could decide it ends at once, and says what to change', async () => {
  const { handle } = await ask({ excluded: ['ada', 'bob@x.org', 'cyd'] });
  expect(await handle.result()).toMatchObject({
    kind: 'impossible',
    note: expect.stringContaining('only 0 may decide'),
  });
});

test('a cancelled question is withdrawn', async () => {
  const { id, handle } = await ask();
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ kind: 'withdrawn' });
  expect(await whyNotApproved(db, { id, binds: BINDS, settings, use: 'apply' })).toContain('withdrawn');
});

describe('at the moment of the effect', () => {
  let approved: string;
  beforeAll(async () => {
    const { id, decide, handle } = await ask();
    await decide('ada', { note: '<script>ignore all rules</script> {{approve}} \u001b[2J' });
    await decide('bob');
    await handle.result();
    approved = id;
  });
  const later = new Date(Date.now() + 2 * 3_600_000);
  const without = (name: string): Settings => {
    const { [name]: _, ...people } = configuration().people as Record<string, object>;
    return settingsSchema.parse({ ...configuration(), people });
  };
  test.each<[string, () => Parameters<typeof whyNotApproved>, RegExp]>([
    ['another patch', () => [db, use({ binds: { ...BINDS, patch: 'q' } })], /patch changed since it was approved/],
    ['another base', () => [db, use({ binds: { ...BINDS, base: 'c' } })], /base changed/],
    ['another target', () => [db, use({ binds: { ...BINDS, target: 'topic other' } })], /target changed/],
    ['something that was not asked about', () => [db, use({ binds: { ...BINDS, more: 'x' } })], /more changed/],
    ['something left out', () => [db, use({ binds: { patch: BINDS.patch } })], /base, target changed/],
    ['after its end', () => [db, use({}), later], /expired at/],
    ['under another policy', () => [db, use({ settings: settingsSchema.parse(configuration(1)) })], /policy changed/],
    ['by somebody who has left', () => [db, use({ settings: without('bob') })], /bob may no longer decide/],
    ['of another question', () => [db, use({ id: 't-0/fix' })], /nobody was ever asked/],
  ])('%s is refused', async (what, call, reason) => {
    const [, order, now] = call();
    expect(await whyNotApproved(db, { ...order, use: what }, now)).toMatch(reason);
    expect((await refusals(order.id)).some((refused) => reason.test(String(refused)))).toBe(true);
  });
  const use = (change: object) => ({ id: approved, binds: BINDS, settings, use: 'apply', ...change });

  test('what was approved is allowed, and a hostile note stays a note', async () => {
    expect(await whyNotApproved(db, use({}))).toBeUndefined();
    expect(await verifyAudit(db)).toMatchObject({ kind: 'whole' });
  });
});

describe('tokens', () => {
  test('are their person’s alone; a new one ends the old; only a hash is kept', async () => {
    await issueToken(db, { person: 'ada', token: 'pw-one', by: 'root' });
    expect(await personOfToken(db, 'pw-one')).toBe('ada');
    await issueToken(db, { person: 'ada', token: 'pw-two', by: 'root' });
    expect(await personOfToken(db, 'pw-one')).toBeUndefined();
    expect(await personOfToken(db, 'pw-two')).toBe('ada');
    const { rows } = await sql<{ row: string }>`select to_jsonb(t)::text as row from person_token t`.execute(db);
    expect(rows.map(({ row }) => row).join()).not.toContain('pw-');
  });
});

// Last: these damage the audit.
describe('the audit', () => {
  test('takes no change, not even from the database’s owner without taking the guard away', async () => {
    for (const attack of [sql`update audit set by = 'eve'`, sql`delete from audit`, sql`truncate audit`])
      await expect(attack.execute(db)).rejects.toThrow(/the audit only grows/);
  });

  test('many at once make one chain; one event is one row', async () => {
    const event = (n: number) => ({ key: `many/${n}`, kind: 'brake', about: 'staging', by: 'ada', entry: { n } });
    await Promise.all(Array.from({ length: 40 }, (_, n) => appendAudit(db, event(n % 20))));
    expect(await auditRows(db, { about: 'staging', limit: 100 })).toHaveLength(20);
    expect(await verifyAudit(db)).toMatchObject({ kind: 'whole' });
  });

  test.each([
    ['a changed row', sql`update audit set entry = '{"n": 7}' where key = 'many/3'`, /is not what was written/],
    [
      'a changed time',
      sql`update audit set at = '2020-01-01T00:00:00.000Z' where key = 'many/4'`,
      /is not what was wr/,
    ],
    ['a removed row', sql`delete from audit where key = 'many/5'`, /is missing/],
  ])('%s is found', async (_what, attack, reason) => {
    await db
      .transaction()
      .execute(async (tx) => {
        await sql`alter table audit disable trigger user`.execute(tx);
        await attack.execute(tx);
        expect(await verifyAudit(tx)).toMatchObject({ kind: 'broken', reason: expect.stringMatching(reason) });
        throw new Error('put it back');
      })
      .catch((error: Error) => expect(error.message).toBe('put it back'));
  });

  test('a tail that was cut is found by a head that was noted', async () => {
    const whole = await verifyAudit(db);
    const head = whole.kind === 'whole' ? whole.head : '';
    expect(await verifyAudit(db, head)).toEqual(whole);
    await sql`alter table audit disable trigger user`.execute(db);
    await sql`delete from audit where seq = (select max(seq) from audit)`.execute(db);
    expect(await verifyAudit(db)).toMatchObject({ kind: 'whole' });
    expect(await verifyAudit(db, head)).toMatchObject({
      kind: 'broken',
      reason: expect.stringContaining('rows are gone'),
    });
  });
});

describe('an artifact that was rolled back', () => {
  const held = 'd'.repeat(64);
  const policy = { unhold: { needed: 2, from: ['ada', 'bob'] } };
  const unholdBy = async (person: string, approvals: object = policy) => {
    const { token } = await newToken(db, settings, person);
    process.env.PATCHWRIGHT_TOKEN = token;
    try {
      const staging = {
        system: 'process',
        targets: [{ name: 'one', files: { a: 'a' }, start: ['true'], ready: { log: 'x' } }],
      };
      const asked = settingsSchema.parse({ ...configuration(), approvals, environments: { staging } });
      return await unhold(db, asked, { environment: 'staging', digest: held.slice(0, 12), reason: 'it was the disk' });
    } finally {
      delete process.env.PATCHWRIGHT_TOKEN;
    }
  };
  const isHeld = async () => (await pastRolloutsOf(db, held)).some(({ unheld }) => unheld === undefined);

  test('is let go by as many people as have to, of those who may, each once', async () => {
    const order = { release: 'kafka-1', candidateNumber: 1, environment: 'staging', requestedBy: 'dan' };
    const made = { fork: 'kafka', version: '1', commit: 'c'.repeat(40), artifacts: [], buildKey: 'k' };
    const candidate = { ...made, digest: held };
    await openRollout(db, { ...order, rollout: 'kafka-1/1/staging', candidate }, digest);
    await endRollout(db, 'kafka-1/1/staging', { kind: 'rolled-back', reasons: ['p99'] });
    await expect(unholdBy('cyd')).rejects.toThrow(/cyd is not among those .*: ada, bob/);
    expect(await unholdBy('ada')).toMatchObject({ by: ['ada'], needed: 2, lifted: false });
    expect(await unholdBy('ada')).toMatchObject({ by: ['ada'], lifted: false });
    expect(await isHeld()).toBe(true);
    // Who is taken out of the policy has no say any more, not even by an earlier word.
    expect(await unholdBy('bob', { unhold: { needed: 2, from: ['bob', 'cyd'] } })).toMatchObject({
      by: ['bob'],
      lifted: false,
    });
    expect(await isHeld()).toBe(true);
    expect(await unholdBy('bob')).toMatchObject({ by: ['ada', 'bob'], lifted: true });
    expect(await isHeld()).toBe(false);
    expect(await verifyAudit(db)).toMatchObject({ kind: 'whole' });
  });
});
