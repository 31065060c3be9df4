import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import { createSandboxOf } from '../../activities/sandbox/for-fork.ts';
import { jobState, startJob } from '../../activities/sandbox/job.ts';
import { openSandbox } from '../../activities/sandbox/open.ts';
import { allowedEnvironment } from '../../config/env.ts';
import { fetchExample } from '../../examples/kafka/fetch.ts';
import { makeFork } from '../../examples/kafka/make-fork.ts';
import { checkoutFiles } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';
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

test('a clean checkout and the sandbox make the same bytes, and carry version and commit', async () => {
  const commit = execFileSync('git', [`--git-dir=${repository}`, 'rev-parse', 'main'], { encoding: 'utf8' }).trim();
  const stamp = { PATCHWRIGHT_VERSION: '3.6.2-fork.7', PATCHWRIGHT_COMMIT: commit };
  const one = await build('one', stamp);
  const two = await buildInSandbox(commit, stamp);

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

/** As a release does it: over a checkout that never changes, without a network, the caches of this machine read-only. */
async function buildInSandbox(commit: string, stamp: Record<string, string>): Promise<string> {
  const found = await openSandbox({ dataDir: join(folder, 'data'), install: true });
  const env = allowedEnvironment(['PATH', 'HOME', 'JAVA_HOME', 'MAVEN_OPTS']);
  const command = ['mvn', '-o', '-B', '-q', 'package'];
  const sandbox = createSandboxOf(found, { dataDir: join(folder, 'data'), home: homedir(), env })({
    ...{ sandbox: {}, build: { command, toolchain: [] } },
  });
  const tools = { run, environment: env };
  await ensureBase(sandbox, 'fork', (dir) => checkoutFiles(tools, repository, commit, dir));
  const dir = join(folder, 'job');
  const take = { paths: ARTIFACTS, maxBytes: 2 ** 30, maxFiles: 10 };
  await startJob(dir, { kind: 'sandboxed', sandbox, base: 'fork', command, env: { ...env, ...stamp }, take });
  let state = jobState(dir);
  for (; state.kind === 'running'; state = jobState(dir)) await sleep(50);
  const said = ['stdout', 'stderr', 'stderr.log'].map((name) => readFileSync(join(dir, name), 'utf8'));
  if (state.kind !== 'ended' || state.result.taken.length < ARTIFACTS.length) {
    throw new Error(`${JSON.stringify(state)}\n${said.join('\n').slice(-4_000)}`);
  }
  return join(dir, 'taken');
}

function digestsIn(checkout: string): string[] {
  return ARTIFACTS.map((file) =>
    createHash('sha256')
      .update(readFileSync(join(checkout, file)))
      .digest('hex'),
  );
}
