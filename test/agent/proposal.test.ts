import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkProposal } from '../../activities/agent/proposal-check.ts';
import { secretFindings } from '../../activities/agent/secret-scan.ts';
import { createSources } from '../../activities/agent/sources.ts';
import { testUsersIn } from '../../activities/agent/test-sources.ts';
import { forkAgentSchema } from '../../config/agent.ts';
import { parseGitDiff } from '../../decisions/git-diff.ts';
import { findingText } from '../../decisions/proposal-gates.ts';
import { gitIn } from '../../git/clone.ts';
import { pickUntilConflict } from '../../git/fix-stack.ts';
import { run } from '../../lib/run.ts';
import { newFile } from '../decisions/diff-text.ts';
import { makeRepository } from '../release/repository.ts';

const dir = mkdtempSync(join(tmpdir(), 'pw-proposal-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs1', format: 'pem' })
  .toString();
const HEADER = '/*\n * Licensed to the Apache Software Foundation\n */\n';
const TEST = 'src/test/java/SumTest.java';
const fork = makeRepository(join(dir, 'fork'));
const base = fork.commit(
  {
    'src/main/java/sum/Sum.java': `${HEADER}class Sum {\r\n  int of(int a, int b) { return a + b + b; }\r\n}\r\n`,
    'src/main/java/sum/ünlaut name.java': `${HEADER}class X {}\n`,
    [TEST]: `${HEADER}class SumTest {\n  @Test\n  void adds() {\n    assertEquals(4711, new Sum().of(4700, 11));\n  }\n}\n`,
    'pom.xml': '<project>\n  <dependencies>\n  </dependencies>\n</project>\n',
  },
  'Base',
);
const tools = { run, environment: { PATH: process.env.PATH ?? '', HOME: dir } };
const mirror = join(fork.dir, '.git');
const DIFF = ['diff', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-color'];

/** What a proposal of these files is, as git says it. */
async function propose(files: Record<string, string>, more: (at: string) => void = () => {}, flags: string[] = []) {
  fork.git('checkout', '--quiet', '--force', '--detach', base);
  fork.git('clean', '-fdq');
  more(fork.dir);
  const commit = fork.commit(files, 'Proposal');
  const { stdout } = await gitIn(tools, mirror).tryGit([...DIFF, ...flags, base, commit]);
  return stdout;
}

const check = async (diff: string) => {
  const findings = await checkProposal({
    ...{ sources: createSources(tools, mirror), base, diff, failingTests: [TEST] },
    policy: forkAgentSchema.parse({}).proposals,
  });
  return findings.map((found) => `${found.kind}: ${findingText(found)}`);
};

test('an honest repair of a file with carriage returns passes every gate', async () => {
  const diff = await propose({
    'src/main/java/sum/Sum.java': `${HEADER}class Sum {\r\n  int of(int a, int b) { return a + b; }\r\n}\r\n`,
  });
  expect(await check(diff)).toEqual([]);
});

test('a proposal that cheats in every way has each way said', async () => {
  const diff = await propose(
    {
      'src/main/java/sum/Sum.java': `${HEADER}class Sum {\r\n  int of(int a, int b) { if (a == 4700) return 4711; return a + b + b; }\r\n}\r\n`,
      'src/main/java/sum/deep/New.java': 'class New {}\n',
      [TEST]: `${HEADER}class SumTest {\n  @Test\n  @Disabled\n  void adds() {\n  }\n}\n`,
      'pom.xml': '<project>\n  <dependencies>\n    <artifactId>evil</artifactId>\n  </dependencies>\n</project>\n',
      '.github/workflows/ci.yml': 'on: push\n',
      'key.txt': KEY,
    },
    (at) => {
      symlinkSync('/etc/passwd', join(at, 'link'));
      writeFileSync(join(at, 'x.bin'), Buffer.from([0, 1, 2, 0, 255]));
    },
  );
  const said = (await check(diff)).join('\n');
  for (const words of [
    /refuse: secrets key\.txt:1: a secret is added/,
    /refuse: protected-paths \.github\/workflows\/ci\.yml/,
    /refuse: kind-of-file link: it is a symbolic link/,
    /refuse: generated x\.bin: it is binary/,
    /refuse: dependencies pom\.xml:3: "artifactId evil" is new/,
    /refuse: licence src\/main\/java\/sum\/deep\/New\.java/,
    /refuse: weakened-tests .*SumTest\.java:6: a test is switched off/,
    /refuse: weakened-tests .*1 assertions are removed, 0 come/,
    /point-out: special-cased .*Sum\.java:5: suspicious: 4700/,
  ]) {
    expect(said).toMatch(words);
  }
  expect(said).not.toContain(KEY.split('\n')[1]);
});

test('names that git quotes and moved files are read as git means them', async () => {
  const diff = await propose({}, () => {
    fork.git('mv', 'src/main/java/sum/ünlaut name.java', 'src/main/java/sum/tab\tand "quote".java');
    fork.git('update-index', '--chmod=+x', 'pom.xml');
  }, ['--find-renames']);
  const parsed = parseGitDiff(diff);
  if (parsed.kind === 'unreadable') throw new Error(parsed.problem);
  expect(parsed.files.map(({ path, from, status }) => [path, from, status])).toEqual([
    ['src/main/java/sum/tab\tand "quote".java', 'src/main/java/sum/ünlaut name.java', 'renamed'],
  ]);
});

test('what uses a touched file of tests is read as git has it, and what is too large is not guessed', async () => {
  fork.git('checkout', '--quiet', '--force', '--detach', base);
  const helper = 'src/test/java/Helper.java';
  const made = fork.commit({ [helper]: 'class Helper {}\n', 'src/test/java/BTest.java': 'Helper h;\n' }, 'A helper');
  const usersOf = (treeish: string) => testUsersIn(tools, mirror, { treeish, before: base, touched: [helper] });
  expect(await usersOf(`${made}^{tree}`)).toEqual({ users: ['src/test/java/BTest.java'], names: ['Helper'] });
  const data = { touched: [helper, 'src/test/resources/cases.txt'] };
  const named = fork.commit(
    { [helper]: 'cases.txt', 'src/test/resources/cases.txt': '' },
    'Data that a touched file names',
  );
  const readBy = async (before: string) =>
    (await testUsersIn(tools, mirror, { ...data, treeish: named, before })).users;
  expect(await readBy(named)).toEqual(['src/test/java/BTest.java', 'src/test/java/SumTest.java']);
  expect(await readBy(made)).toEqual(['src/test/java/BTest.java']);
  const large = fork.commit({ 'src/test/java/BTest.java': 'x'.repeat(2_000_001) }, 'Data');
  expect(await usersOf(large)).toMatchObject({ untold: '"src/test/java/BTest.java" is too large to be read' });
});

describe('secrets', () => {
  // In two parts, so that no scanner of this repository takes them for real.
  const secrets: [string, string][] = [
    ['an AWS key', `aws_secret_access_key = ${'wJalrXUtnFEMI/K7MDENG'}/bPxRfiCYzzQ8hsKd92`],
    ['a GitHub token', `token = "${'ghp_'}${'wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx'}"`],
    ['a Slack token', `x = '${'xoxb'}-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx'`],
    ['a password in a URL', `url = "https://user:${'s3cr3tPassw0rd'}@example.org/x"`],
  ];
  test.each(secrets)('%s is found, with its line, and not repeated', async (_, line) => {
    const [found, ...rest] = await secretFindings(newFile('conf.properties', ['first', line]));
    expect(found).toMatchObject({ gate: 'secrets', kind: 'refuse', file: 'conf.properties', line: 2 });
    expect(rest).toEqual([]);
    expect(JSON.stringify(found)).not.toContain(line.slice(-12, -2));
  });

  test('a comment that orders the scanner to look away changes nothing', async () => {
    const line = secrets[1]?.[1] ?? '';
    for (const order of ['/* secretlint-disable */', '// secretlint-disable-next-line', '# SECRETLINT-DISABLE']) {
      expect(await secretFindings(newFile('a.js', [order, line, `${line} // secretlint-disable-line`]))).toHaveLength(
        2,
      );
    }
  });

  test('a removed secret is not a new one, and an enormous line takes no time', async () => {
    expect(
      await secretFindings('diff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n@@ -1 +0,0 @@\n-x\n'),
    ).toEqual([]);
    expect(await secretFindings(newFile('a.js', ['ab12'.repeat(400_000)]))).toEqual([]);
  });
});

test('a conflict in a test is judged by what both sides say, as git has them, and not by the file full of marks', async () => {
  const method = (name: string, ...lines: string[]) =>
    `  @Test\n  void ${name}() {\n    ${lines.join('\n    ')}\n  }\n`;
  const file = (...methods: string[]) => ({ [TEST]: `${HEADER}class SumTest {\n${methods.join('')}}\n` });
  const adds = method('adds', 'assertEquals(4711, new Sum().of(4700, 11));');
  const old = method('old', 'assertEquals(1, new Sum().of(0, 1));', 'assertEquals(2, new Sum().of(1, 1));');
  const mine = method('mine', 'assertEquals(3, new Sum().of(1, 2));');
  const on = (start: string, files: Record<string, string>, message: string) => {
    fork.git('checkout', '--quiet', '--force', '--detach', start);
    return fork.commit(files, message);
  };
  const before = on(base, file(adds, old), 'Two tests');
  const upstream = on(before, file(adds), 'Upstream drops the old one');
  const patched = on(before, file(adds, `${old}${mine}`.replace('assertEquals(2,', 'assertEquals(02,')), 'Add mine');
  const git = gitIn(tools, mirror);
  const picking = { onto: upstream, patches: [{ commit: patched, subject: 'Add mine' }], scratch: join(dir, 'pick') };
  const picked = await pickUntilConflict(git, picking);
  if (picked.kind !== 'conflict') throw new Error(`${TEST} does not conflict`);
  const resolvedAs = async (files: Record<string, string>) => {
    const resolved = on(picked.commit, files, 'Resolved');
    const { stdout: diff } = await git.tryGit([...DIFF, picked.commit, resolved]);
    const resolvedTree = await git('rev-parse', `${resolved}^{tree}`);
    const found = await checkProposal({
      ...{ sources: createSources(tools, mirror), base: picked.commit, diff },
      ...{ policy: forkAgentSchema.parse({}).proposals },
      sides: { old: before, base: upstream, patched, resolved: resolvedTree },
    });
    return found.map((one) => `${one.kind}: ${findingText(one)}`).join('\n');
  };
  expect(await resolvedAs(file(adds, mine))).not.toContain('refuse');
  expect(await resolvedAs(file(adds))).toMatch(/refuse: .*that one side wrote .*«mine»/);
  expect(await resolvedAs(file(mine))).toMatch(/refuse: .*a test is lost that stands in upstream's version .*«adds»/);
});
