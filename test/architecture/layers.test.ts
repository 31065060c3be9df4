import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ourGit } from '../../activities/sandbox/our-git.ts';
import { createBlobReader } from '../../git/blobs.ts';
import { gitIn } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * What each layer may import at run time, as paths from the top or package names (design.md, *Layout*).
 * `import type` is free: it leaves no trace.
 */
const LAYERS: [files: string, mayImport: RegExp][] = [
  ['workflows/types.ts', /^$/],
  ['decisions/**/*.ts', /^(workflows\/types\.ts|decisions\/)/],
  ['workflows/**/*.ts', /^(workflows\/|decisions\/|@temporalio\/(workflow|common)$)/],
  ['activities/**/*.ts', /^(?!workflows\/(?!types\.ts)|cli\/|services\/|report\/|roles\/|worker\.ts)/],
  ['store/**/*.ts', /^(?!activities\/|workflows\/(?!types\.ts)|cli\/|services\/)/],
  ['lib/**/*.ts', /^(?!activities\/|workflows\/|decisions\/|cli\/|services\/|store\/|setup\/)/],
  // A slot runner is the parent of its sandboxes: of the activities it takes those alone.
  ['runner/**/*.ts', /^(?!workflows\/|decisions\/|cli\/|services\/|store\/|activities\/(?!sandbox\/))/],
  // They know who acts and pass it on; what follows is the workflows'.
  ['inbound/**/*.ts', /^(?!workflows\/(?!types\.ts)|cli\/|services\/|report\/|roles\/|worker\.ts)/],
  // Nothing knows the example: only the command that starts it, and the one that pushes to it.
  [
    '{activities,workflows,decisions,store,lib,git,services,setup,report,runner,config,inbound}/**/*.ts',
    /^(?!examples\/)/,
  ],
];

function runtimeImports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)'/gm)]
    .filter(([statement]) => !/^(?:import|export) \{(\s*type [^,}]+,?)+\s*\} from/.test(statement))
    .map(([, target = '']) => (target.startsWith('.') ? normalize(join(dirname(file), target)) : target));
}

describe.each(LAYERS)('%s', (files, mayImport) => {
  const found = globSync(files, { cwd: ROOT });
  test('has files', () => expect(found.length).toBeGreaterThan(0));
  test.each(found)('%s stays in its layer', (file) => {
    for (const target of runtimeImports(file)) expect(target, `imported by ${file}`).toMatch(mayImport);
  });
});

test('process.env is read in config/env.ts and before anything else runs, nowhere else', () => {
  const sources = globSync(
    '{activities,workflows,decisions,store,cli,report,lib,git,services,config,runner,inbound}/**/*.ts',
    {
      cwd: ROOT,
    },
  );
  const readers = [...sources, 'worker.ts', ...globSync('roles/*.ts', { cwd: ROOT })].filter((file) =>
    readFileSync(join(ROOT, file), 'utf8').includes('process.env'),
  );
  expect(readers.filter((file) => file !== 'config/env.ts')).toEqual([]);
});

describe('git of ours', () => {
  const sources = globSync(
    '{activities,workflows,decisions,store,cli,report,lib,git,services,setup,config,runner,examples}/**/*.ts',
    {
      cwd: ROOT,
    },
  );
  // As a program, not as a word: what names a tool of this machine, or a script that runs inside, starts none.
  const starters = [...sources, 'worker.ts', ...globSync('roles/*.ts', { cwd: ROOT })].filter((file) =>
    /(run|spawn|exec|execFile|spawnSync|execFileSync)\(\s*'git'|'git',\s*(\.\.\.|`--git-dir|'init')/.test(
      readFileSync(join(ROOT, file), 'utf8'),
    ),
  );

  test('is started in four places', () => {
    const known = ['activities/sandbox/our-git.ts', 'examples/kafka/git.ts', 'git/blobs.ts', 'git/clone.ts'];
    expect(starters.sort()).toEqual(known);
  });

  test.each(['activities/sandbox/our-git.ts', 'git/blobs.ts', 'git/clone.ts'])(
    '%s asks first whose folder it is',
    (file) => {
      const text = readFileSync(join(ROOT, file), 'utf8');
      expect(text).toMatch(/refuseWorkspaces\([^;]+;\s*(return (deps\.)?run|const child: Child = spawn)\('git'/);
      expect(text.match(/(run|spawn)\('git'/g)).toHaveLength(1);
    },
  );

  test('the example’s own works on bare repositories alone, which nobody checks out', () => {
    const text = readFileSync(join(ROOT, 'examples/kafka/git.ts'), 'utf8');
    for (const [call] of text.matchAll(/'git',[^\]]*\]/g)) expect(call).toMatch(/--git-dir|--bare/);
  });

  test('refuses a workspace, whatever its way there', async () => {
    const data = mkdtempSync(join(tmpdir(), 'patchwright-git-'));
    onTestFinished(() => rmSync(data, { recursive: true }));
    const workspace = join(data, 'sandbox', 'workspaces', 'one', 'merged');
    mkdirSync(workspace, { recursive: true });
    symlinkSync(workspace, join(data, 'innocent'));
    const tools = { run, environment: { PATH: '/usr/bin:/bin' } };
    for (const dir of [workspace, join(data, 'innocent'), join(workspace, '..', 'upper', 'gone')]) {
      await expect(gitIn(tools, dir)('status')).rejects.toThrow(/a fork's program wrote it/);
      await expect(gitIn(tools, data).tryGit(['status'], { cwd: dir })).rejects.toThrow(/a fork's program wrote it/);
      await expect(createBlobReader(tools)(dir, 'HEAD:a', 1)).rejects.toThrow(/a fork's program wrote it/);
      await expect(ourGit({ clone: dir, run, env: {} }).must('status')).rejects.toThrow(/a fork's program wrote it/);
    }
  });
});
