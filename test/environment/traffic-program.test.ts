import { cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { trafficClassPath } from '../../activities/traffic/program.ts';
import { withProcessor } from '../processor-jar.ts';
import { CLIENTS_JAR, smallKafkaDeps } from './small-kafka.ts';

vi.setConfig({ testTimeout: 300_000 });

const dir = mkdtempSync(join(tmpdir(), 'pw-traffic-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('nothing of a library’s jar runs when the canary traffic is compiled against it', async () => {
  const { library, hostEnv, root } = await smallKafkaDeps();
  rmSync(root, { recursive: true, force: true });
  const jars = join(dir, 'jars');
  cpSync(await library('kafka-3.6.2'), jars, { recursive: true, dereference: true });
  const witness = join(dir, 'witness');
  const evil = withProcessor(join(jars, CLIENTS_JAR), witness, join(dir, 'processor'));
  renameSync(evil, join(jars, CLIENTS_JAR));
  const [classes = '', ...rest] = (await trafficClassPath(jars, { cacheDir: join(dir, 'cache'), hostEnv })).split(':');
  expect(readdirSync(classes).some((name) => name.endsWith('.class') || !name.includes('.'))).toBe(true);
  expect(rest).toContain(join(jars, CLIENTS_JAR));
  expect(existsSync(witness)).toBe(false);
});
