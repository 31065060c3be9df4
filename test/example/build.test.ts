import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allowedEnvironment } from '../../config/env.ts';
import { fetchExample } from '../../examples/kafka/fetch.ts';
import { makeFork } from '../../examples/kafka/make-fork.ts';
import { silent } from '../../setup/progress.ts';

const ARTIFACTS = [
  'clients/target/kafka-clients.jar',
  'clients/target/kafka-clients-tests.jar',
  'server-common/target/kafka-server-common.jar',
  'server-common/target/kafka-server-common-tests.jar',
];

const folder = mkdtempSync(join(tmpdir(), 'patchwright-example-build-'));
const repository = join(folder, 'fork.git');

beforeAll(async () => {
  await fetchExample({ progress: silent });
  await makeFork({ dir: repository, progress: silent });
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('two clean checkouts in different folders make the same bytes, and carry version and commit', async () => {
  const commit = execFileSync('git', [`--git-dir=${repository}`, 'rev-parse', 'main'], { encoding: 'utf8' }).trim();
  const stamp = { PATCHWRIGHT_VERSION: '3.6.2-fork.7', PATCHWRIGHT_COMMIT: commit };
  const one = await build('one', stamp);
  const two = await build('another/folder', stamp);

  expect(digestsIn(two)).toEqual(digestsIn(one));
  for (const jar of ['clients/target/kafka-clients.jar', 'server-common/target/kafka-server-common.jar']) {
    execFileSync('jar', ['xf', join(one, jar), 'kafka/kafka-version.properties'], { cwd: one });
    expect(readFileSync(join(one, 'kafka/kafka-version.properties'), 'utf8')).toBe(
      `version=3.6.2-fork.7\ncommitId=${commit}\n`,
    );
  }
  const tests = execFileSync('jar', ['tf', join(one, 'clients/target/kafka-clients-tests.jar')], { encoding: 'utf8' });
  expect(tests).toContain('FenceProducersDuringTransactionTest.class');
}, 300_000);

async function build(name: string, stamp: Record<string, string>): Promise<string> {
  const checkout = join(folder, name);
  execFileSync('git', ['clone', '--quiet', '--branch', 'main', repository, checkout]);
  const env = { ...allowedEnvironment(['PATH', 'HOME', 'JAVA_HOME', 'MAVEN_OPTS']), ...stamp };
  await promisify(execFile)('mvn', ['-o', '-B', '-q', 'package'], { cwd: checkout, env });
  return checkout;
}

function digestsIn(checkout: string): string[] {
  return ARTIFACTS.map((file) =>
    createHash('sha256')
      .update(readFileSync(join(checkout, file)))
      .digest('hex'),
  );
}
