import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readJsonFile } from '../../lib/json-file.ts';
import { isAlive, type ProcessIdentity } from '../../lib/process-identity.ts';
import { type ServicesOptions, startServices } from '../../services/start-services.ts';
import { scratchFolder } from './scratch.ts';

async function start(options: ServicesOptions) {
  const services = await startServices({ fsync: false, ...options });
  onTestFinished(() => services.stop());
  return services;
}

test('servers of the user’s own are used, and nothing is started in their place', async () => {
  const theirs = await start({ dataDir: join(scratchFolder(), 'theirs') });
  const dataDir = join(scratchFolder(), 'ours');
  const temporal = { address: theirs.temporal.address, namespace: 'default', tls: true, apiKey: 'key' };
  const ours = await start({ dataDir, external: { temporal, databaseUrl: theirs.databaseUrl } });
  expect(ours).toMatchObject({ temporal, databaseUrl: theirs.databaseUrl, children: [] });
  expect(existsSync(dataDir)).toBe(false);
});

test('a part that cannot start is told with its reason, and the other one is stopped again', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const first = await start({ dataDir });
  const used = Number(first.temporal.address.split(':')[1]);
  const other = join(scratchFolder(), 'other');
  await expect(start({ dataDir: other, temporalPort: used })).rejects.toThrow(`port ${used} on 127.0.0.1 is taken`);
  expect(existsSync(join(other, 'postgres/server.json'))).toBe(false);
});

test('an interrupted start leaves nothing that runs', async () => {
  const dataDir = join(scratchFolder(), 'data');
  const interrupted = AbortSignal.timeout(300);
  await expect(start({ dataDir, interrupted })).rejects.toThrow();
  for (const part of ['temporal', 'postgres']) {
    const identity = readJsonFile<ProcessIdentity>(join(dataDir, part, 'server.json'));
    expect(identity !== undefined && isAlive(identity), part).toBe(false);
  }
});
