import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { databaseUrlFor, makeDatabase, refuseOtherVersion, startPostgres } from '../../services/postgres.ts';
import { requirePostgres } from '../../setup/postgres.ts';
import { scratchFolder, until } from './scratch.ts';

async function start(dir: string, { fsync = false } = {}) {
  const logFile = join(dir, '../postgres.log');
  const running = await startPostgres({ dir, logFile, binaries: requirePostgres(), fsync, onEvent: () => undefined });
  onTestFinished(() => running.child.stop());
  return running;
}

async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const answers = (databaseUrl: string) =>
  query(databaseUrl, 'select 1').then(
    () => true,
    () => false,
  );

test('a production database syncs, and keeps what it acknowledged when it is killed', async () => {
  const dir = join(scratchFolder(), 'postgres');
  const { child, databaseUrl } = await start(dir, { fsync: true });
  expect(await query(databaseUrl, 'show fsync')).toEqual([{ fsync: 'on' }]);
  expect(await query(databaseUrl, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
  await query(databaseUrl, 'create table kept (id int)');
  await query(databaseUrl, 'insert into kept values (7)');
  const killed = child.identity()?.pid ?? 0;
  process.kill(killed, 'SIGKILL');
  await until(() => child.identity() !== undefined && child.identity()?.pid !== killed);
  await until(() => answers(databaseUrl));
  expect(await query(databaseUrl, 'select id from kept')).toEqual([{ id: 7 }]);
});

test('it starts again on the same files, over what a killed one left behind', async () => {
  const dir = join(scratchFolder(), 'postgres');
  const first = await start(dir);
  await query(first.databaseUrl, 'create table kept (id int)');
  await first.child.stop();
  // A stale process id that by now is somebody else's: ours.
  writeFileSync(join(dir, 'data/postmaster.pid'), `${process.pid}\n${dir}/data\n1\n5432\n\n\n\n`);
  const second = await start(dir);
  expect(second.databaseUrl).toBe(first.databaseUrl);
  expect(await query(second.databaseUrl, 'select * from kept')).toEqual([]);
});

test('a data folder with a path too long for a socket works all the same', async () => {
  const dir = join(scratchFolder(), 'a-long-name-'.repeat(9), 'postgres');
  const { databaseUrl } = await start(dir);
  expect(await answers(databaseUrl)).toBe(true);
  expect(new URL(databaseUrl).searchParams.get('host')).not.toContain('a-long-name');
});

test('a database is made from a template, with what is in it', async () => {
  const { databaseUrl } = await start(join(scratchFolder(), 'postgres'));
  const admin = databaseUrlFor(databaseUrl, 'postgres');
  await makeDatabase(admin, 'template_of_tests');
  await query(databaseUrlFor(databaseUrl, 'template_of_tests'), 'create table schema_of_tests (id int)');
  await makeDatabase(admin, 'test_1', 'template_of_tests');
  expect(await query(databaseUrlFor(databaseUrl, 'test_1'), 'select * from schema_of_tests')).toEqual([]);
  await expect(makeDatabase(admin, 'x"; drop database test_1; --')).rejects.toThrow('not a name');
});

test('files of another major version are refused with what to do', () => {
  const dir = scratchFolder();
  mkdirSync(join(dir, 'data'));
  writeFileSync(join(dir, 'data/PG_VERSION'), '17\n');
  expect(() => refuseOtherVersion(dir, '18.4')).toThrow(/made by PostgreSQL 17.*pg_dump.*move .* away/s);
  writeFileSync(join(dir, 'data/PG_VERSION'), '18\n');
  expect(() => refuseOtherVersion(dir, '18.9')).not.toThrow();
});

test('a start that fails shows the end of the log, and leaves nothing that runs', async () => {
  const dir = join(scratchFolder(), 'postgres');
  const { child } = await start(dir);
  await child.stop();
  const conf = join(dir, 'data/postgresql.conf');
  writeFileSync(conf, `${readFileSync(conf, 'utf8')}\nno_such_setting = 1\n`);
  await expect(start(dir)).rejects.toThrow(/PostgreSQL does not start.*no_such_setting/s);
});
