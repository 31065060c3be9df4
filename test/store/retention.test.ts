import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterAll, expect, test } from 'vitest';
import { collect, collectRunFolders } from '../../activities/retention.ts';
import { listAgentRuns, runsText, showAgentRun } from '../../cli/commands/agent.ts';
import { showTicket } from '../../cli/commands/ticket.ts';
import { settingsSchema } from '../../config/schema.ts';
import { retentionSchema } from '../../config/storage.ts';
import { type ArtifactStore, createArtifactStore } from '../../store/artifacts.ts';
import { findBuild, recordBuild, useBuild } from '../../store/builds.ts';
import type { Db } from '../../store/database.ts';
import { keepSettings } from '../../store/releases.ts';
import { ticketEvents } from '../../store/tickets.ts';
import { openTriage } from '../../store/triage.ts';
import { useDatabases } from '../story/database.ts';

const COLLECT_ONCE = fileURLToPath(new URL('./collect-once.ts', import.meta.url));
const freshDatabase = useDatabases();
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const DAY_MS = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
const retention = retentionSchema.parse({});

type Ground = { db: Db; url: string; dataDir: string; artifacts: ArtifactStore & { path(sha256: string): string } };

async function ground(): Promise<Ground> {
  const { db, url } = await freshDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), 'pw-retention-'));
  folders.push(dataDir);
  return { db, url, dataDir, artifacts: createArtifactStore(join(dataDir, 'artifacts')) };
}

/** Kept so many days ago. */
async function keepOld({ artifacts }: Ground, text: string, days: number): Promise<string> {
  const { sha256 } = await artifacts.put(text);
  utimesSync(artifacts.path(sha256), ago(days), ago(days));
  return sha256;
}

type Past = { number: number; days: number; outcome: string | null };

/** A release with a build, a suite that had a failure, and their logs. */
async function pastRelease(at: Ground, { number, days, outcome }: Past): Promise<void> {
  const { db } = at;
  const release = `kafka-${number}`;
  const run = `${release}/1/fast`;
  const settings = await keepSettings(db, {});
  const ended = outcome === null ? null : ago(days);
  const [jar, log, unitLog] = [
    await keepOld(at, `jar ${number}`, days),
    await keepOld(at, `build log ${number}`, days),
    await keepOld(at, `unit log ${number}`, days),
  ];
  await sql`insert into release (id, fork, number, ref, requested_by, settings, suites, environments, started_at, ended_at, outcome)
    values (${release}, 'kafka', ${number}, 'main', 'ada', ${settings}, '[]', '[]', ${ago(days)}, ${ended},
      ${outcome === null ? null : JSON.stringify({ kind: outcome })}::jsonb)`.execute(db);
  await recordBuild(db, { ...buildOf(number, jar), log });
  await sql`update build set created_at = ${ago(days)}, used_at = ${ago(days)} where build_key = ${`key-${number}`}`.execute(
    db,
  );
  await sql`insert into candidate (release, n, commit, version, build_key, base_build_key, sandbox)
    values (${release}, 1, 'c', 'v', ${`key-${number}`}, ${`key-${number}`}, '"on"')`.execute(db);
  await sql`insert into suite_run (suite_run, release, candidate_number, fork, suite, settings, slots, units, ended_at)
    values (${run}, ${release}, 1, 'kafka', 'fast', 's', 1, 1, ${ended})`.execute(db);
  await sql`insert into suite_execution (suite_run, slot, exec, batch, item, phase, arm, unit, started_at, ended_at, log)
    values (${run}, 0, 'x', 'b', 0, 'suite', 'candidate', 'U', ${ago(days)}, ${ago(days)}, ${unitLog})`.execute(db);
  await sql`insert into test_result (suite_run, slot, exec, seq, test, unique_id, status, seconds)
    values (${run}, 0, 'x', 1, 'U#t()', '', 'failed', 1)`.execute(db);
  await sql`insert into suite_failure (suite_run, unit, test, unique_id, cluster, message, seconds, verdict)
    values (${run}, 'U', 'U#t()', '', '', '', 1, ${JSON.stringify({ kind: 'flaky', evidence: unitLog })}::jsonb)`.execute(
    db,
  );
}

function buildOf(number: number, sha256: string) {
  return {
    ...{
      fork: 'kafka',
      commit: `commit ${number}`,
      version: 'v',
      digest: `digest ${number}`,
      buildKey: `key-${number}`,
    },
    ...{ artifacts: [{ name: 'a.jar', sha256, bytes: 5 }], command: ['make'], toolchain: {}, seconds: 1 },
    sandbox: 'on' as const,
  };
}

async function promoted({ db }: Ground, environment: string, number: number, days: number): Promise<void> {
  await sql`insert into rollout (id, release, candidate_number, environment, digest, version, commit, artifacts, settings, requested_by, started_at, ended_at, outcome)
    values (${`kafka-${number}/1/${environment}`}, ${`kafka-${number}`}, 1, ${environment}, ${`digest ${number}`}, 'v', 'c', '[]', 's', 'ada',
      ${ago(days)}, ${ago(days)}, '{"kind": "promoted"}')`.execute(db);
}

/** Seven releases, all old. Production never took the fourth. */
const PASTS: Past[] = [
  { number: 1, days: 900, outcome: 'released' },
  { number: 2, days: 800, outcome: 'released' },
  { number: 3, days: 700, outcome: 'held' },
  { number: 4, days: 600, outcome: 'released' },
  { number: 5, days: 500, outcome: 'held' },
  { number: 6, days: 450, outcome: 'aborted' },
  { number: 7, days: 400, outcome: null },
];
/** 2: production runs it. 4: the newest released. 5: held since. 7: it runs. */
const NEEDED = [2, 4, 5, 7];

async function pasts(): Promise<Ground> {
  const at = await ground();
  for (const past of PASTS) await pastRelease(at, past);
  for (const [number, days] of [
    [1, 890],
    [2, 790],
  ] as const)
    await promoted(at, 'production', number, days);
  await promoted(at, 'staging', 4, 590);
  // Two newer ones of production, so that the first is no longer what it would return to.
  await sql`update rollout set started_at = ${ago(1_000)} where id = 'kafka-1/1/production'`.execute(at.db);
  await sql`insert into rollout select 'kafka-2/1/again', release, 1, environment, digest, version, commit, artifacts, settings, requested_by, 1,
    ${ago(700)}, ${ago(700)}, outcome from rollout where id = 'kafka-2/1/production'`.execute(at.db);
  return at;
}

async function textsIn({ artifacts }: Ground): Promise<string[]> {
  const texts: string[] = [];
  for await (const { sha256 } of artifacts.list()) texts.push((await artifacts.read(sha256)).toString());
  return texts.sort();
}

const EXPECTED = NEEDED.flatMap((n) => [`jar ${n}`, `build log ${n}`, `unit log ${n}`]).sort();

test('what a running release, an environment, a held or the newest released candidate needs stays; the rest goes', async () => {
  const at = await pasts();
  const done = await collect({ ...at, retention });
  expect(await textsIn(at)).toEqual(EXPECTED);
  expect(done).toMatchObject({ suiteRuns: 3, builds: 3, artifacts: 9 });
  const left = await at.db.selectFrom('suite_run').select('release').orderBy('release').execute();
  expect(left.map(({ release }) => release)).toEqual(NEEDED.map((n) => `kafka-${n}`));
  expect(await at.db.selectFrom('test_result').select('exec').execute()).toHaveLength(NEEDED.length);
  // A second time there is nothing more to do.
  expect(await collect({ ...at, retention })).toMatchObject({ suiteRuns: 0, logs: 0, builds: 0, artifacts: 0 });
});

test('what is young stays, needed or not; an old file to which nothing refers goes', async () => {
  const at = await ground();
  await at.artifacts.put('a log that is about to be recorded');
  await keepOld(at, 'nobody knows what this was', 3);
  await collect({ ...at, retention });
  expect(await textsIn(at)).toEqual(['a log that is about to be recorded']);
});

test('logs go before results, results before builds, each by its own days', async () => {
  const at = await ground();
  await pastRelease(at, { number: 1, days: 70, outcome: 'released' });
  await pastRelease(at, { number: 2, days: 1, outcome: 'released' });
  await collect({ ...at, retention });
  const second = ['build log 2', 'jar 2', 'unit log 2'];
  expect(await textsIn(at)).toEqual([...second, 'jar 1'].sort());
  expect(await at.db.selectFrom('suite_run').select('suite_run').execute()).toHaveLength(2);
});

test('what lies on a node stays, also where no release is known of it', async () => {
  const at = await ground();
  const sha256 = await keepOld(at, 'installed by hand', 900);
  const staged = await keepOld(at, 'staged', 900);
  const node = join(at.dataDir, 'env', 'staging', 'nodes', 'one');
  mkdirSync(join(node, 'staged', staged), { recursive: true });
  writeFileSync(join(node, 'laid-out.json'), JSON.stringify({ libs: { 'a.jar': sha256 } }));
  await collect({ ...at, retention });
  expect(await textsIn(at)).toEqual(['installed by hand', 'staged']);
});

test('a build whose bytes were collected is built anew, and known again', async () => {
  const at = await pasts();
  await collect({ ...at, retention });
  expect(await useBuild(at.db, 'key-1')).toBeUndefined();
  const { sha256 } = await at.artifacts.put('jar 1, another time');
  await recordBuild(at.db, { ...buildOf(1, sha256), log: sha256 });
  expect((await useBuild(at.db, 'key-1'))?.artifacts).toEqual([{ name: 'a.jar', sha256, bytes: 5 }]);
  // The report of the old release still names what it was.
  expect((await findBuild(at.db, 'key-3'))?.artifacts).toHaveLength(1);
});

/** A run of an agent with one turn, that ended so many days ago; with null it goes on. */
async function pastAgent({ db }: Ground, run: string, release: string, days: number | null): Promise<void> {
  const ended = days === null ? null : ago(days);
  await sql`insert into agent_run (run, release, role, brief, started_at, ended_at)
    values (${run}, ${release}, 'diagnose', 'b', ${ago(days ?? 1)}, ${ended})`.execute(db);
  await sql`insert into agent_turn (run, turn, outcome, results) values (${run}, 1, '{}', '{}')`.execute(db);
}

test('agents’ runs go by their own days, but for those of a release that is needed or a ticket that is open', async () => {
  const at = await pasts();
  for (const { number, days, outcome } of PASTS)
    await pastAgent(at, `kafka-${number}/1/diagnose`, `kafka-${number}`, outcome === null ? null : days);
  await pastTicket(at, { id: 'cli:open', days: null });
  await pastTicket(at, { id: 'cli:closed', days: 1 });
  for (const ticket of ['open', 'closed', 'gone']) await pastAgent(at, `cli:${ticket}/1`, `cli:${ticket}`, 400);
  await pastAgent(at, 'kafka-3/1/repair', 'kafka-3', 300);
  expect(await collect({ ...at, retention })).toMatchObject({ agentRuns: 5 });
  const kept = [...NEEDED.map((n) => `kafka-${n}/1/diagnose`), 'cli:open/1', 'kafka-3/1/repair'].sort();
  const runsIn = async (table: 'agent_run' | 'agent_turn') =>
    (await at.db.selectFrom(table).select('run').execute()).map(({ run }) => run).sort();
  expect(await runsIn('agent_run')).toEqual(kept);
  expect(await runsIn('agent_turn')).toEqual(kept);
  const settings = settingsSchema.parse({ forks: {} });
  await expect(showAgentRun({ ...at, settings }, 'kafka-1/1/diagnose')).rejects.toThrow(
    /so old that it was removed \(retention.agents\)/,
  );
  expect(runsText('kafka-1', await listAgentRuns(at.db, () => settings, 'kafka-1'))).toMatch(
    /no agent's run of kafka-1 is kept/,
  );
});

type PastTicket = { id: string; days: number | null };

/** A ticket with what was said to it and by it, and a call to a person; with null it is open. */
async function pastTicket({ db }: Ground, { id, days }: PastTicket): Promise<void> {
  const at = ago(days ?? 900);
  const settings = await keepSettings(db, {});
  await sql`insert into ticket (id, room, settings, asker, text, question, state, asked_at, closed_at, fix)
    values (${id}, 'cli', ${settings}, 'ada', 'why?', 'q', ${days === null ? 'asked' : 'closed'}, ${at},
      ${days === null ? null : at}, ${`${id}/1`})`.execute(db);
  for (const text of ['why?', 'hand-off a hint with a name', 'hand-off: as ada said'])
    await pastEvent(db, id, text, at);
  await pastThread(db, id, at);
  for (const one of ['calls', 'direct']) await pastThread(db, `${id}/${one}/ben`, at);
}

const pastEvent = (db: Db, ticket: string, text: string, at: Date) =>
  sql`insert into ticket_event (ticket, key, nonce, kind, text, sent, at)
    values (${ticket}, ${text}, 'n', 'message', ${text}, '1', ${at})`.execute(db);

async function pastThread(db: Db, release: string, at: Date): Promise<void> {
  await sql`insert into thread (release, messages, opened_at) values (${release}, 1, ${at})`.execute(db);
  await sql`insert into thread_message (release, seq, key, text, at) values (${release}, 1, ${release}, 'said', ${at})`.execute(
    db,
  );
  await sql`insert into effect (key, kind, release, state, ended_at)
    values (${`${release}/work/slack-now/7`}, 'slack-update', ${release}, 'done', ${at})`.execute(db);
}

test('closed tickets go with all that was said in them; open ones, those that people are asked of, and releases’ threads stay', async () => {
  const at = await ground();
  const { db } = at;
  const tickets: PastTicket[] = [
    { id: 'T1:C1:1.5', days: 400 },
    { id: 'cli:old', days: 400 },
    { id: 'cli:asked-of', days: 400 },
    { id: 'cli:young', days: 300 },
    { id: 'cli:open', days: null },
  ];
  for (const ticket of tickets) await pastTicket(at, ticket);
  await sql`insert into approval (id, kind, ticket, question, digest, open, expires_at)
    values ('a', 'fix', 'cli:asked-of', '{}', 'd', '{}', now())`.execute(db);
  await pastThread(db, 'kafka-1', ago(900));
  // Said by somebody who may not ask: there was never a ticket.
  await pastEvent(db, 'T1:C1:9.9', '', ago(400));
  await pastThread(db, 'T1:C1:9.9', ago(400));
  expect(await collect({ ...at, retention })).toMatchObject({ tickets: 2 });
  const kept = ['cli:asked-of', 'cli:open', 'cli:young'];
  expect((await db.selectFrom('ticket').select('id').orderBy('id').execute()).map(({ id }) => id)).toEqual(kept);
  const threads = await db.selectFrom('thread').select('release').orderBy('release').execute();
  const withCalls = kept.flatMap((id) => [id, `${id}/calls/ben`, `${id}/direct/ben`]);
  expect(threads.map(({ release }) => release).sort()).toEqual([...withCalls, 'kafka-1'].sort());
  expect(await db.selectFrom('thread_message').select('seq').execute()).toHaveLength(threads.length);
  expect(await db.selectFrom('effect').select('key').execute()).toHaveLength(threads.length);
  // Fixes are numbered by it: opened again, the next one of `cli:old` is its third, and not the first once more.
  const handedOff = (await ticketEvents(db, 'cli:old')).map(({ text }) => text);
  expect(handedOff).toEqual(['hand-off', 'hand-off']);
  expect(await ticketEvents(db, 'cli:open')).toHaveLength(3);
  expect(await ticketEvents(db, 'T1:C1:9.9')).toHaveLength(0);
  await expect(showTicket(db, 'cli:old')).rejects.toThrow(
    /closed so long ago that it was removed \(retention.tickets\)/,
  );
  expect(await collect({ ...at, retention })).toMatchObject({ tickets: 0 });
});

test('a triage goes once its results have gone; the newest of a fork stays, since it numbers the next one', async () => {
  const at = await ground();
  const settings = await keepSettings(at.db, {});
  const found = [{ test: 'T', message: 'm', trace: 't', seconds: 1 }];
  const open = (fork: string) => openTriage(at.db, { fork, requestedBy: 'ada', settings, found });
  for (const fork of ['kafka', 'kafka', 'kafka', 'other']) await open(fork);
  await sql`update triage set started_at = ${ago(400)}`.execute(at.db);
  await sql`insert into suite_run (suite_run, release, candidate_number, fork, suite, settings, slots, units)
    values ('kafka-triage-2/1/fast', 'kafka-triage-2', 1, 'kafka', 'fast', 's', 1, 1)`.execute(at.db);
  expect(await collect({ ...at, retention })).toMatchObject({ triages: 1 });
  const kept = ['kafka-triage-2', 'kafka-triage-3', 'other-triage-1'];
  expect((await at.db.selectFrom('triage').select('id').orderBy('id').execute()).map(({ id }) => id)).toEqual(kept);
  expect(await at.db.selectFrom('triage_failure').select('test').execute()).toHaveLength(3);
  expect(await open('kafka')).toBe('kafka-triage-4');
});

test('kill -9 in the middle: nothing that is needed is missing, and the next one finishes', async () => {
  const at = await pasts();
  const orphans = Array.from({ length: 3_000 }, (_, n) => `orphan ${n}`);
  for (const text of orphans) {
    const file = at.artifacts.path(createHash('sha256').update(text).digest('hex'));
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
    utimesSync(file, ago(3), ago(3));
  }
  const count = () => globSync(join(at.dataDir, 'artifacts', '??', '*')).length;
  const before = count();
  const child = spawn(process.execPath, [COLLECT_ONCE, at.url, at.dataDir], { stdio: 'inherit' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (count() === before && child.exitCode === null) await turn();
  child.kill('SIGKILL');
  await ended;
  expect(await textsIn(at)).toEqual(expect.arrayContaining(EXPECTED));
  expect(await collect({ ...at, retention })).toBeDefined();
  expect(await textsIn(at)).toEqual(EXPECTED);
}, 120_000);

test('folders of suite runs that ended long ago go; those of one that runs stay', async () => {
  const at = await ground();
  await pastRelease(at, { number: 1, days: 30, outcome: 'released' });
  await pastRelease(at, { number: 2, days: 30, outcome: null });
  for (const release of ['kafka-1', 'kafka-2']) {
    const folder = join(at.dataDir, 'runs', release, '1', 'fast');
    mkdirSync(join(folder, 'slot-0'), { recursive: true });
    writeFileSync(join(folder, 'slot-0', 'events.jsonl'), '{}\n');
    utimesSync(folder, ago(30), ago(30));
  }
  expect(await collectRunFolders({ ...at, retention })).toBe(1);
  expect(existsSync(join(at.dataDir, 'runs', 'kafka-1', '1', 'fast'))).toBe(false);
  expect(existsSync(join(at.dataDir, 'runs', 'kafka-2', '1', 'fast', 'slot-0', 'events.jsonl'))).toBe(true);
});
