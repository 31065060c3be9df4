import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { diagnose, diagnosisLines, diagnosisStatus } from '../../setup/doctor.ts';
import { downloadTemporal } from '../../setup/download-temporal.ts';
import type { Machine } from '../../setup/machine.ts';
import { allParts } from '../../setup/parts.ts';
import { silent } from '../../setup/progress.ts';
import { runToEnd } from '../../setup/run.ts';
import { cachedBinary, ensureTemporal } from '../../setup/temporal.ts';
import { isOlder } from '../../setup/tools.ts';
import { scratchFolder } from './scratch.ts';

/** A machine on which only the given programs exist; each says what it is told to. */
function machineWith(programs: Record<string, string>): Machine {
  const root = scratchFolder();
  const bin = join(root, 'bin');
  mkdirSync(bin);
  for (const [name, says] of Object.entries(programs)) writeProgram(join(bin, name), says);
  return { env: { PATH: bin }, cacheDir: join(root, 'cache') };
}

function writeProgram(path: string, says: string): void {
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
}

const WHOLE = {
  git: 'git version 2.39.5',
  java: 'openjdk version "17.0.15" 2025-04-15',
  javac: 'javac 17',
  mvn: 'Apache Maven 3.8.7',
  temporal: 'temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)',
  // Fetches the sandbox on the first start.
  'apt-get': '',
  'dpkg-deb': '',
};

test('doctor finds what is there, with version and place', async () => {
  const machine = machineWith(WHOLE);
  const diagnosis = await diagnose(allParts(machine), silent);
  expect(diagnosisStatus(diagnosis)).toBe(0);
  const found = Object.fromEntries(diagnosis.parts.map((part) => [part.name, part.kind === 'found' && part.version]));
  expect(found).toMatchObject({ git: '2.39.5', JDK: '17.0.15', Maven: '3.8.7', 'Temporal server': '1.8.2' });
  expect(found.PostgreSQL).toMatch(/^18\./);
  expect(found.Go).toBe(false);
});

test('doctor names what is missing or too old, what needs it and what to type, and exits with 3', async () => {
  const machine = machineWith({ java: 'openjdk version "11.0.2"', temporal: 'temporal version 1.7.0' });
  const diagnosis = await diagnose(allParts(machine), silent);
  expect(diagnosisStatus(diagnosis)).toBe(3);
  const text = diagnosisLines(diagnosis).join('\n');
  expect(text).toMatch(/✗ git .*missing .*patch stacks\n.*not found; get it: .*install git/);
  expect(text).toMatch(/✗ JDK .*\n.*is 11\.0\.2, older than 17; get it: .*17/);
  expect(text).toMatch(/✗ Maven/);
  // Fetched by itself: told, and no reason to stop.
  expect(text).toMatch(/– Temporal server .*on first start/);
});

test('a server of one’s own needs nothing here', async () => {
  const external = { temporalAddress: 'temporal.example:7233', databaseUrl: 'postgresql://me:secret@db.example/x' };
  const diagnosis = await diagnose(allParts(machineWith(WHOLE), external), silent);
  const text = diagnosisLines(diagnosis).join('\n');
  expect(text).toContain('temporal.example:7233');
  expect(text).not.toContain('secret');
});

test.each([
  ['17.0.15', [17], false],
  ['11.0.2', [17], true],
  ['3.10.1', [3, 6], false],
  ['2.4', [2, 30], true],
] as const)('%s against %j', (version, lowest, older) => {
  expect(isOlder(version, lowest)).toBe(older);
});

test('the pinned temporal on the PATH is taken, another version is not', async () => {
  const machine = machineWith({ temporal: WHOLE.temporal });
  expect(await ensureTemporal(machine, silent)).toMatchObject({ from: 'path', version: '1.8.2' });
});

test('no way to a Temporal server is one error that names all five', async () => {
  const machine = machineWith({ temporal: 'temporal version 1.7.0' });
  const attempt = ensureTemporal(machine, silent, { source: 'http://no-such-host.invalid' });
  await expect(attempt).rejects.toMatchObject({ exitStatus: 3 });
  await expect(attempt).rejects.toThrow(
    /1\. TEMPORAL_ADDRESS: .*\n.*2\. .*PATH: .*is 1\.7\.0\n.*3\. the cache: .*\n.*4\. Temporal's download: ENOTFOUND\n.*5\. go build .*no go/s,
  );
  expect(readdirSync(join(machine.cacheDir, 'temporal'))).toEqual([]);
});

/** A server of Temporal's archive. */
async function serveArchive(says: string): Promise<{ source: string; sha256: string }> {
  const folder = scratchFolder();
  writeProgram(join(folder, 'temporal'), says);
  const archive = join(folder, 'archive.tar.gz');
  const tar = ['-czf', archive, '-C', folder, 'temporal'];
  await runToEnd('tar', tar, { cwd: folder, env: process.env, what: 'pack' });
  const bytes = readFileSync(archive);
  const server = createServer((_request, response) => response.end(bytes));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => new Promise<void>((closed) => server.close(() => closed())));
  const { port } = server.address() as AddressInfo;
  return { source: `http://127.0.0.1:${port}`, sha256: createHash('sha256').update(bytes).digest('hex') };
}

const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;

test('the download is taken when its checksum is the pinned one', async () => {
  const { source, sha256 } = await serveArchive(WHOLE.temporal);
  const machine = machineWith({ tar: '' });
  const found = await ensureTemporal({ ...machine, env: {} }, silent, { source, checksums: { [platform]: sha256 } });
  expect(found).toEqual({ path: cachedBinary(machine), version: '1.8.2', from: 'cache' });
  // The second time it is there.
  expect(await ensureTemporal(machine, silent, { source: 'http://no-such-host.invalid' })).toEqual(found);
});

test('bytes with another checksum are not used', async () => {
  const { source } = await serveArchive(WHOLE.temporal);
  const checksums = { [platform]: '0'.repeat(64) };
  const folder = scratchFolder();
  await expect(downloadTemporal(folder, '1.8.2', () => undefined, { source, checksums })).rejects.toThrow('not used');
  expect(existsSync(join(folder, 'temporal'))).toBe(false);
});
