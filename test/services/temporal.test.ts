import { createServer } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { expect, onTestFinished, test } from 'vitest';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { freePort } from '../../services/ports.ts';
import { startTemporal } from '../../services/temporal.ts';
import { thisMachine } from '../../setup/machine.ts';
import { silent } from '../../setup/progress.ts';
import { ensureTemporal } from '../../setup/temporal.ts';
import { scratchFolder, until } from './scratch.ts';

async function start(dir: string, more: { port?: number; searchAttributes?: Record<string, string> } = {}) {
  const { path, version } = await ensureTemporal(thisMachine(), silent);
  const logFile = join(dir, '../temporal.log');
  const running = await startTemporal({ dir, logFile, binary: path, version, onEvent: () => undefined, ...more });
  onTestFinished(() => running.child.stop());
  return running;
}

async function describeNamespace(address: string) {
  const connection = await Connection.connect({ address });
  try {
    return await connection.workflowService.describeNamespace({ namespace: 'default' });
  } finally {
    await connection.close();
  }
}

async function takePort(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen({ port, host: '127.0.0.1' }, listening));
  onTestFinished(() => new Promise<void>((closed) => server.close(() => closed())));
}

test('it serves, remembers ended workflows for 30 days, and has the search attributes', async () => {
  const dir = join(scratchFolder(), 'temporal');
  const { address, child } = await start(dir, { searchAttributes: { PatchwrightFork: 'Keyword' } });
  const { config } = await describeNamespace(address);
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 3600);
  await child.stop();
  // The stamp is lost: to make what is there already must not be an error.
  const stamp = readJsonFile<{ temporal: string; port: number }>(join(dir, 'version.json'));
  writeJsonFile(join(dir, 'version.json'), { temporal: stamp?.temporal, port: stamp?.port });
  const again = await start(dir, { searchAttributes: { PatchwrightFork: 'Keyword' } });
  expect(again.address).toBe(address);
});

test('killed, it comes back on the same port', async () => {
  const { child, address } = await start(join(scratchFolder(), 'temporal'));
  const killed = child.identity()?.pid ?? 0;
  process.kill(killed, 'SIGKILL');
  await until(() => child.identity() !== undefined && child.identity()?.pid !== killed);
  await until(() =>
    describeNamespace(address).then(
      () => true,
      () => false,
    ),
  );
});

test('a file of another version is refused with what to do', async () => {
  const dir = join(scratchFolder(), 'temporal');
  const { child } = await start(dir);
  await child.stop();
  writeJsonFile(join(dir, 'version.json'), { temporal: '1.7.0', port: 1 });
  await expect(start(dir)).rejects.toThrow(/written by 1\.7\.0.*does not upgrade.*move .* away/s);
});

test('a kept port that somebody else took is replaced; one that was asked for is an error', async () => {
  const dir = join(scratchFolder(), 'temporal');
  const { child, address } = await start(dir);
  await child.stop();
  await takePort(Number(address.split(':')[1]));
  expect((await start(dir)).address).not.toBe(address);
  const taken = await freePort();
  await takePort(taken);
  const other = join(scratchFolder(), 'temporal');
  await expect(start(other, { port: taken })).rejects.toThrow(`port ${taken} on 127.0.0.1 is taken`);
});
