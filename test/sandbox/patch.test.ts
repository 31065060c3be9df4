import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import { checkoutAlone } from '../../activities/sandbox/our-git.ts';
import { applyPatch, type TakenPatch, takePatch, vetPatch } from '../../activities/sandbox/patch.ts';
import { DEFAULT_PATCH_POLICY, type PatchPolicy } from '../../activities/sandbox/patch-vetting.ts';
import { withWorkspace } from '../../activities/sandbox/workspaces.ts';
import { run } from '../../lib/run.ts';
import { type Bench, openBench } from './harness.ts';

let bench: Bench;
let clone: string;
let baseCommit: string;
const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent' };
const AUTHOR = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };
const sh = (script: string, cwd: string) =>
  execFileSync('sh', ['-ec', script], { cwd, encoding: 'utf8', env: { ...env, ...AUTHOR } });

beforeAll(async () => {
  bench = await openBench();
  clone = join(bench.dir, 'clone');
  mkdirSync(clone);
  sh(
    'git init -q .; mkdir src; printf "one\\ntwo\\nthree\\n" >src/a.txt; printf "caf\\351\\n" >latin.txt; echo "#!/bin/sh" >run.sh; echo x >gone.txt',
    clone,
  );
  chmodSync(join(clone, 'run.sh'), 0o755);
  baseCommit = sh('git add -A; git commit -qm base; git rev-parse HEAD', clone).trim();
  await ensureBase(bench.sandbox, baseCommit, (dir) => checkoutAlone({ clone, run, env, commit: baseCommit, dir }));
});
afterAll(() => bench.close());

let count = 0;
const options = () => {
  count += 1;
  return { baseCommit, clone, run, env, outputDir: join(bench.dir, `patch-${count}`) };
};

/** What a script in the workspace makes of the repository, as a patch. */
function patchOf(script: string, policy?: Partial<PatchPolicy>): Promise<TakenPatch> {
  return withWorkspace(bench.sandbox, { base: baseCommit }, async (workspace) => {
    const said = await bench.run(workspace, ['sh', '-ec', script], { env: { ...AUTHOR } });
    expect(said.stderr).toBe('');
    expect(said.code).toBe(0);
    return takePatch(bench.sandbox, workspace, { ...options(), ...(policy && { policy }) });
  });
}

describe('the patch of record', () => {
  test('is what was changed, made by our git, and makes the same tree in a clean clone', async () => {
    const taken = await patchOf(
      'sed -i s/two/TWO/ src/a.txt; printf "caf\\351 au lait\\n" >latin.txt; rm gone.txt; echo new >"src/b c.txt"; chmod +x src/a.txt',
    );
    if (taken.kind !== 'patch') throw new Error(JSON.stringify(taken));
    const { record } = taken;
    expect(record.changes.map(({ status, path, newMode }) => [status, path, newMode])).toEqual([
      ['D', 'gone.txt', '000000'],
      ['M', 'latin.txt', '100644'],
      ['M', 'src/a.txt', '100755'],
      ['A', 'src/b c.txt', '100644'],
    ]);
    expect(record.patch.includes(Buffer.from([0x63, 0x61, 0x66, 0xe9]))).toBe(true);
    const clean = join(bench.dir, 'clean');
    await applyPatch(record, clean, { clone, run, env });
    expect(readFileSync(join(clean, 'src/a.txt'), 'utf8')).toBe('one\nTWO\nthree\n');
    expect(existsSync(join(clean, 'gone.txt'))).toBe(false);
    await expect(
      applyPatch({ ...record, treeSha: baseCommit }, join(bench.dir, 'other'), { clone, run, env }),
    ).rejects.toThrow(/makes the tree/);
  });

  test('is the same when the work was committed inside', async () => {
    const plain = await patchOf('echo four >>src/a.txt');
    const committed = await patchOf('echo four >>src/a.txt; git commit -qam done; git tag base2');
    if (plain.kind !== 'patch' || committed.kind !== 'patch') throw new Error('no patch');
    expect(committed.record.sha256).toBe(plain.record.sha256);
  });

  test('is none where nothing changed', async () => {
    expect(await patchOf('echo x >x; rm x')).toEqual({ kind: 'none' });
  });

  test('leaves our clone as it was', async () => {
    const state = () => sh('git status --porcelain; git rev-parse HEAD; git for-each-ref; cat .git/config', clone);
    const before = state();
    await patchOf('echo five >>src/a.txt; git config core.fsmonitor /tmp/x');
    expect(state()).toBe(before);
  });
});

describe('refused', () => {
  test.each<[string, string, RegExp, Partial<PatchPolicy>?]>([
    ['a link', 'ln -s /etc/passwd src/link', /"src\/link" is a symbolic link/],
    ['a file that becomes a link', 'rm run.sh; ln -s /bin/sh run.sh', /symbolic link/],
    [
      'another repository',
      'git init -q sub; cd sub; echo x >x; git add x; git commit -qm x 2>/dev/null',
      /"sub" is another repository/,
    ],
    [
      'modules',
      'printf "[submodule \\"x\\"]\\n path = x\\n url = ext::sh\\n" >.gitmodules',
      /names other repositories/,
    ],
    ['a binary file', 'head -c 100 /dev/urandom >blob; printf "\\000" >>blob', /"blob" is binary/],
    [
      'a protected path',
      'mkdir -p .github/workflows; echo x >.github/workflows/ci.yml',
      /is protected \(\.github\/\)/,
      { protectedPaths: ['.github/'] },
    ],
    ['too large a file', 'yes | head -c 5000000 >big', /bytes, more than/],
    ['a large patch', 'yes | head -c 100000 >big', /the patch has \d+ bytes, more than 5000/, { maxBytes: 5_000 }],
    ['too many files', 'for i in 1 2 3 4; do echo $i >f$i; done', /touches 4 files, more than 3/, { maxFiles: 3 }],
    ['a control character in a name', 'echo x >"$(printf "a\\033[31mb")"', /control characters/],
    ['a backslash in a name', 'echo x >"a\\\\b"', /backslash/],
  ])('%s', async (_what, script, reason, policy) => {
    const taken = await patchOf(script, policy);
    if (taken.kind !== 'refused') throw new Error(`it was ${taken.kind}`);
    expect(taken.reasons.join('\n')).toMatch(reason);
  });

  const header = (path: string, mode = '100644') =>
    `diff --git a/${path} b/${path}\nnew file mode ${mode}\nindex 0000000..0000001\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+x\n`;
  test.each([
    ['a path out of the repository', header('../outside')],
    ['an absolute path', header('/tmp/outside')],
    ['git’s own folder', header('.git/hooks/pre-commit', '100755')],
    ['git’s own folder, as another file system reads it', header('.GIT/config')],
    ['git’s short name', header('git~1/config')],
    ['a link by its mode', header('link', '120000')],
    ['no patch at all', 'hello\n'],
    ['a patch of something else', '--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1 +1 @@\n-nine\n+ten\n'],
  ])('%s, written by hand', async (_what, patch) => {
    const taken = await vetPatch(Buffer.from(patch), options(), DEFAULT_PATCH_POLICY);
    expect(taken.kind).toBe('refused');
    expect(existsSync(join(bench.dir, 'outside'))).toBe(false);
    expect(existsSync('/tmp/outside')).toBe(false);
  });

  test('a set-uid mode is not: our git makes an ordinary program of it', async () => {
    const taken = await vetPatch(Buffer.from(header('tool', '104755')), options());
    expect(taken.kind === 'patch' && taken.record.changes[0]?.newMode).toBe('100755');
    expect(taken.kind === 'patch' && taken.record.patch.toString()).not.toContain('104755');
  });

  test('a file behind a link that the same patch makes', async () => {
    const patch = `diff --git a/out b/out\nnew file mode 120000\nindex 0000000..0000001\n--- /dev/null\n+++ b/out\n@@ -0,0 +1 @@\n+${bench.dir}\n\\ No newline at end of file\n${header('out/escaped')}`;
    expect((await vetPatch(Buffer.from(patch), options())).kind).toBe('refused');
    expect(existsSync(join(bench.dir, 'escaped'))).toBe(false);
  });
});

describe('git that runs the inside’s programs', () => {
  // Each program leaves its name where this machine would see it, and inside where we see that it ran at all.
  const mark = (name: string) =>
    `#!/bin/sh\\necho ${name} >>/tmp/ran\\necho ${name} >>/work/ran.log\\ntouch MARKER/${name}\\ncat\\n`;
  test.each([
    [
      'hooks',
      'for h in pre-commit post-index-change pre-applypatch post-checkout; do P >.git/hooks/$h; chmod +x .git/hooks/$h; done',
      'hook',
    ],
    ['fsmonitor', 'P >/work/tool; chmod +x tool; git config core.fsmonitor /work/tool', 'fsmonitor'],
    [
      'a clean filter',
      'P >/work/tool; chmod +x tool; echo "*.txt filter=x" >.gitattributes; git config filter.x.clean /work/tool; git config filter.x.smudge /work/tool',
      'filter',
    ],
    [
      'a textconv',
      'P >/work/tool; chmod +x tool; echo "*.txt diff=x" >.gitattributes; git config diff.x.textconv /work/tool; git config diff.x.command /work/tool',
      'textconv',
    ],
    ['an external diff', 'P >/work/tool; chmod +x tool; git config diff.external /work/tool', 'external'],
    [
      'a replaced .git',
      'mkdir real; mv .git real/git; echo "gitdir: /work/real/git" >.git; P >tool; chmod +x tool; git config core.fsmonitor /work/tool',
      'replaced',
    ],
    [
      'a nested repository',
      'git init -q sub; cd sub; P >/work/sub/tool; chmod +x tool; git config filter.x.clean /work/sub/tool; echo "* filter=x" >.gitattributes; echo y >f',
      'nested',
    ],
    [
      'an included configuration',
      'P >/work/tool; chmod +x tool; printf "[core]\\n fsmonitor = /work/tool\\n pager = /work/tool\\n" >extra; git config include.path /work/extra',
      'include',
    ],
    ['a work tree elsewhere', 'git config core.worktree /etc', 'worktree'],
  ])('does so inside only: %s', async (_what, script, name) => {
    const marker = join(bench.dir, 'marker');
    mkdirSync(marker, { recursive: true });
    chmodSync(marker, 0o777);
    const program = `printf '${mark(name).replaceAll('MARKER', marker)}'`;
    await withWorkspace(bench.sandbox, { base: baseCommit }, async (workspace) => {
      await bench.run(workspace, ['sh', '-c', `echo changed >>src/a.txt; ${script.replaceAll(/\bP\b/g, program)}`]);
      // Whatever comes of it, it comes without an error of ours, and nothing has run out here.
      const taken = await takePatch(bench.sandbox, workspace, options());
      if (taken.kind === 'patch') {
        await applyPatch(taken.record, join(bench.dir, `clean-${name}`), { clone, run, env });
      }
    });
    expect(existsSync(join(marker, name))).toBe(false);
    expect(existsSync('/tmp/ran')).toBe(false);
  });

  test('and would have run it outside: the attacks are real', async () => {
    const victim = join(bench.dir, 'victim');
    sh(`git clone -q ${clone} ${victim}`, bench.dir);
    writeFileSync(join(victim, 'tool'), `#!/bin/sh\ntouch ${bench.dir}/victim-ran\ncat\n`, { mode: 0o755 });
    sh(
      'git config core.fsmonitor "$PWD/tool"; echo "*.txt filter=x" >.gitattributes; git config filter.x.clean "$PWD/tool"; echo y >>src/a.txt; git add -A',
      victim,
    );
    expect(existsSync(join(bench.dir, 'victim-ran'))).toBe(true);
  });
});
