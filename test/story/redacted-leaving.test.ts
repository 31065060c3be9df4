import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, expect, test } from 'vitest';
import { openConnected } from '../../cli/context.ts';
import { redactingCodec } from '../../lib/payload-redaction.ts';
import { configureRedaction } from '../../lib/redact.ts';
import { redactionKey } from '../../lib/redact-key.ts';
import { startServices } from '../../services/start-services.ts';

const SECRET = 'plain-words-"nobody"-guesses';
const dir = mkdtempSync(join(tmpdir(), 'pw-leaving-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a log has no secret of its process, in words, fields or errors, on either destination', () => {
  const lib = (name: string) => fileURLToPath(new URL(`../../lib/${name}`, import.meta.url));
  const file = join(dir, 'log');
  const program = `
    const { configureRedaction } = await import(${JSON.stringify(lib('redact.ts'))});
    const { logger, logTo } = await import(${JSON.stringify(lib('log.ts'))});
    const secret = ${JSON.stringify(SECRET)};
    configureRedaction({ secrets: [secret], key: 'k' });
    const tell = () => {
      const log = logger('test', { release: 'kafka-1' });
      log.info({ url: 'https://a:' + secret + '@host/', nested: { of: [secret] } }, 'it is ' + secret);
      log.warn(new Error('failed with ' + secret));
      log.error({ error: new Error('again ' + secret), exitCode: 3 }, 'and that was all');
    };
    tell();
    logTo(${JSON.stringify(file)});
    tell();`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  for (const text of [stderr, readFileSync(file, 'utf8')]) {
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({
      name: 'test',
      release: 'kafka-1',
      msg: expect.stringMatching(/^it is \[redacted:/),
    });
    expect(lines[2]).toMatchObject({ exitCode: 3, error: { message: expect.stringMatching(/^again \[redacted:/) } });
    expect(text).not.toContain('guesses');
  }
});

test('a history has none either: not in what an activity answers, nor in summaries, nor in what a command gives it', async () => {
  configureRedaction({ secrets: [SECRET], key: 'k' });
  const services = await startServices({ dataDir: join(dir, 'services'), fsync: false });
  const dataConverter = { payloadCodecs: [redactingCodec()] };
  const connection = await NativeConnection.connect({ address: services.temporal.address });
  // As every command has it: what somebody types goes in by it.
  const temporal = { address: services.temporal.address, namespace: 'default', tls: false };
  const { client, close } = await openConnected(services.databaseUrl, temporal, dir, redactionKey(dir));
  const keepText = async () => ({ summary: `the build said ${SECRET}`, digest: 'a'.repeat(64) });
  const worker = await Worker.create({
    ...{ connection, dataConverter, taskQueue: 'leaving', activities: { keepText } },
    workflowsPath: fileURLToPath(new URL('./leaving-workflow.ts', import.meta.url)),
  });
  try {
    const answer = await worker.runUntil(
      client.workflow.execute('leaving', {
        ...{ workflowId: 'leaving', taskQueue: 'leaving', args: [SECRET] },
        ...{ staticSummary: `about ${SECRET}`, staticDetails: `more of ${SECRET}` },
      }),
    );
    expect(answer).toEqual({
      summary: expect.stringMatching(/^the build said \[redacted:known:/),
      digest: 'a'.repeat(64),
    });
    const history = JSON.stringify(await client.workflow.getHandle('leaving').fetchHistory());
    const said = [...history.matchAll(/"data":"([^"]+)"/g)].map(([, data]) =>
      Buffer.from(data!, 'base64').toString('utf8'),
    );
    for (const text of ['the build said', 'about [redacted', 'more of [redacted', 'keeps [redacted'])
      expect(said.join()).toContain(text);
    expect(history + said.join()).not.toContain('guesses');
  } finally {
    await connection.close();
    await close();
    await services.stop();
  }
}, 120_000);
