import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Report, ReportCandidate } from '../../report/report.ts';
import { type Patchwright, patchwrightIn } from '../patchwright.ts';
import { makeRepository, patchMessage } from './repository.ts';

// Each starts or runs a whole Patchwright, and a loaded machine takes its time.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

/**
 * What a fork's own programs can do while it is released, told by themselves: a build writes what it saw into its
 * artifact, and the checks of its patches hold only where each has a workspace of its own. One fork runs
 * in the sandbox, and the same one by another name without.
 */
const REASON = 'its licence server is on this network until the end of the year';
const reached: string[] = [];
const server: Server = createServer(() => reached.push('tcp'));
const port = () => (server.address() as { port: number }).port;
const listening = new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));

const yaml = (folder: string) => `
forks:
  walled: &fork
    repository: ${folder}/fork
    base: upstream
    build:
      fetch: [sh, -c, 'mkdir -p ~/.m2/repository && echo fetched >~/.m2/repository/dependency && echo x >left-behind']
      command: [bash, build.sh, '${folder}', '${port()}']
      artifacts: [{ name: seen.txt, path: out/seen.txt }]
    suites:
      unit: { runner: junit-xml, command: [sh, test.sh], reports: [out] }
    release: { suites: [unit] }
  bare:
    <<: *fork
    sandbox: none
    sandboxReason: ${REASON}
`;

const FILES = {
  'build.sh': `mkdir -p out real
exec >real/seen.txt
ln -s ../real/seen.txt out/seen.txt
cat ~/.m2/repository/dependency
(echo x >~/.m2/repository/other) 2>/dev/null && echo wrote the cache
(exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null && echo reached the network
ls "$1" >/dev/null 2>&1 && echo saw the data folder
env | grep -q a-secret-of-the-worker && echo saw a secret
ls left-behind 2>/dev/null
echo built >&2
exit 0
`,
  'test.sh': `mkdir -p out
printf '<testsuite name="T" tests="1"><testcase classname="T" name="t" time="0.01"/></testsuite>' >out/TEST-T.xml
`,
};

/** The same machine for all but its home folder and its cache, which has what the real one has. */
function ownHome(folder: string): Record<string, string> {
  const real = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'patchwright');
  const cache = join(folder, 'cache', 'patchwright');
  mkdirSync(cache, { recursive: true });
  // But the stamps of the fetch steps.
  for (const name of readdirSync(real).filter((name) => name !== 'fetched')) {
    symlinkSync(join(real, name), join(cache, name));
  }
  mkdirSync(join(folder, 'home'));
  return { HOME: join(folder, 'home'), XDG_CACHE_HOME: join(folder, 'cache') };
}

/** A PATH with everything that this machine has, but without a sandbox or a way to get one. */
function pathWithoutBubblewrap(folder: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  // Whoever is not root may have one there.
  rmSync(join(folder, 'cache', 'patchwright', 'bubblewrap'), { force: true });
  for (const from of (process.env.PATH ?? '').split(':').filter((folder) => existsSync(folder))) {
    for (const name of readdirSync(from).filter((name) => !/^(bwrap|apt-get)$/.test(name))) {
      try {
        symlinkSync(join(from, name), join(bin, name));
      } catch (error) {
        // The first on the PATH counts.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }
  return bin;
}

let patchwright: Patchwright;
afterAll(() => void server.close());

async function open(env: (folder: string) => Record<string, string>): Promise<ReturnType<typeof makeRepository>> {
  await listening;
  const more: Record<string, string> = { SOME_TOKEN: 'a-secret-of-the-worker' };
  patchwright = patchwrightIn((folder) => {
    Object.assign(more, ownHome(folder), env(folder));
    return yaml(folder);
  }, more);
  const repository = makeRepository(join(patchwright.folder, 'fork'));
  repository.commit(FILES, 'Upstream');
  repository.git('checkout', '--quiet', '-b', 'main');
  const message = (subject: string, check: string) => patchMessage(subject, `Check: ${check}\n`);
  repository.commit({ one: '1\n' }, message('One', 'test -f one && echo x >trace && ls -A | grep -q trace'));
  repository.commit({ two: '2\n' }, message('Two', 'test -f two && ! test -e trace && ! test -e .git'));
  await patchwright.start();
  return repository;
}

async function released(fork: string): Promise<{ report: Report; candidate: ReportCandidate; seen: string }> {
  const ran = await patchwright.call('release', fork);
  const report = await patchwright.json<Report>('report', 'latest');
  expect(ran.status, `${ran.stderr}\n${JSON.stringify(report.outcome)}\n${patchwright.upLog()}`).toBe(0);
  const candidate = report.candidates[0] as ReportCandidate;
  const { sha256 = '' } = candidate.artifacts[0] ?? {};
  const seen = readFileSync(join(patchwright.data, 'artifacts', sha256.slice(0, 2), sha256), 'utf8');
  return { report, candidate, seen };
}

describe('a fork in the sandbox', () => {
  let repository: ReturnType<typeof makeRepository>;
  beforeAll(async () => {
    repository = await open(() => ({}));
  });
  afterAll(() => patchwright.close());

  test('is released, and its build saw what was fetched for it and nothing else', async () => {
    const { candidate, seen } = await released('walled');
    expect(seen).toBe('fetched\n');
    expect(reached).toEqual([]);
    expect(candidate.sandbox).toBe('on');
    const log = candidate.build?.log ?? '';
    expect(readFileSync(join(patchwright.data, 'artifacts', log.slice(0, 2), log), 'utf8')).toContain('built');
  });

  test('leaves no workspace behind, once the runners of its suite have ended too', async () => {
    const workspaces = join(patchwright.data, 'sandbox', 'workspaces');
    while (readdirSync(workspaces).length > 0) await sleep(50);
  });

  test('is built anew without one, where the operator says so and why: the report shows it', async () => {
    const { candidate, seen } = await released('bare');
    expect(seen).toMatch(/^fetched\nwrote the cache\nreached the network\nsaw the data folder\n$/);
    expect(candidate.sandbox).toEqual({ off: REASON });
    expect((await patchwright.call('report', 'latest', '--md')).stdout).toContain(`sandbox off: ${REASON}`);
  });

  test('is held where a check needs the network, or what another check wrote', async () => {
    const check = `Check: bash -c '(exec 3<>/dev/tcp/127.0.0.1/${port()}) && test -f trace'\n`;
    repository.commit({ three: '3\n' }, patchMessage('Three', check));
    repository.commit({ four: '4\n' }, patchMessage('Four', 'Check: false\n'));
    reached.length = 0;
    expect((await patchwright.call('release', 'walled')).status).toBe(1);
    const { outcome, thread } = await patchwright.json<Report>('report', 'latest');
    expect(outcome).toMatchObject({ kind: 'held', at: 'checks' });
    expect(thread.map(({ text }) => text).filter((text) => text.includes('An agent'))).toEqual([
      'An agent could look into the checks of these 2 patches: no `model` is configured.',
    ]);
    expect(outcome?.reasons.join()).toMatch(/"Three" .* ended with exit 1 \(.*refused.*the whole log: artifacts\//);
    expect(reached).toEqual([]);
  });
});

describe('a machine without a sandbox', () => {
  beforeAll(() => open((folder) => ({ PATH: pathWithoutBubblewrap(folder) })));
  afterAll(() => patchwright.close());

  test('builds nothing of a fork: the release fails with the command that mends it, and up says so too', async () => {
    expect((await patchwright.call('release', 'walled')).status).toBe(4);
    const report = await patchwright.json<Report>('report', 'latest');
    expect(report.outcome).toMatchObject({ kind: 'failed', at: 'build' });
    expect(report.outcome?.reasons.join()).toMatch(/no sandbox on this machine.*there is no bwrap.*apt-get install/);
    expect(report.candidates[0]?.sandbox).toMatchObject({ off: expect.stringMatching(/^nothing ran: /) });
    expect(patchwright.upLog()).toMatch(/sandbox.*there is no bubblewrap/s);
    expect(existsSync(join(patchwright.data, 'builds'))).toBe(false);
  });

  test('is what doctor says, with exit 3', async () => {
    const { status, stdout } = await patchwright.call('doctor');
    expect(status).toBe(3);
    expect(stdout).toMatch(/✗ sandbox .*\n +there is no bwrap; get it: .*apt-get install bubblewrap/);
  });

  test('does everything else: a fork that goes without is released', async () => {
    expect((await released('bare')).candidate.sandbox).toEqual({ off: REASON });
  });
});
