import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ForkSettings } from '../../config/schema.ts';
import { type GitTools, gitIn } from '../../git/clone.ts';
import { hiddenWords } from '../../lib/hidden-characters.ts';
import { ensureBase } from '../sandbox/bases.ts';
import type { SandboxOf } from '../sandbox/for-fork.ts';
import { checkoutAlone, ourGit } from '../sandbox/our-git.ts';
import { takePatch, vetPatch } from '../sandbox/patch.ts';
import { runInSandbox } from '../sandbox/run.ts';
import type { SandboxEnd } from '../sandbox/types.ts';
import { withWorkspace } from '../sandbox/workspaces.ts';

export type WorkspaceDeps = GitTools & {
  dataDir: string;
  sandboxOf: SandboxOf;
  allowedEnvironment: (names: readonly string[]) => Record<string, string>;
};

/** The commit that a repair began with, and what its files are now: a tree in our clone. */
export type Files = { fork: string; candidate: string; tree: string };

/** What an agent may use of the machine for one command; the fork's own limits hold where they are lower. */
const LIMITS = { seconds: 900, keptOutputMb: 1, outputMb: 64 };

/**
 * An agent's files are a tree in our own clone, and nothing else: every call begins with it and ends in another one, on
 * whichever host, whoever was killed meanwhile. What a command leaves that git ignores is gone with its sandbox.
 */
export function createWorkspaces(deps: WorkspaceDeps, mirror: string) {
  const place = { clone: mirror, run: deps.run, env: deps.environment };

  /** What was changed since the candidate, as our git says it. */
  async function patchOf({ candidate, tree }: Pick<Files, 'candidate' | 'tree'>): Promise<Buffer> {
    const file = join(deps.dataDir, 'git', `patch-${randomUUID()}`);
    try {
      const options = ['-p', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-renames'];
      await ourGit(place).must('diff-tree', ...options, `--output=${file}`, candidate, tree);
      return readFileSync(file);
    } finally {
      await rm(file, { force: true });
    }
  }

  return {
    patchOf,

    /** The files may have been made on another host: then they are made of their change again. */
    async ensure(candidate: string, { tree }: { tree: string }, patch: () => Promise<Buffer>): Promise<void> {
      if ((await gitIn(deps, mirror).tryGit(['cat-file', '-e', `${tree}^{tree}`])).exitCode === 0) return;
      const outputDir = join(deps.dataDir, 'agents', randomUUID());
      try {
        const made = await vetPatch(await patch(), { ...place, baseCommit: candidate, outputDir });
        if (made.kind !== 'patch' || made.record.treeSha !== tree)
          throw new Error(`the files of ${tree} cannot be made of their change`);
      } finally {
        await rm(outputDir, { recursive: true, force: true });
      }
    },

    /** One passage of one file becomes another. Says what is wrong with the wish, or gives the tree that it makes. */
    async edit(files: Files, change: { path: string; old: string; new: string }): Promise<{ tree: string } | string> {
      const git = gitIn(deps, mirror);
      const entry = await git.tryGit(['--literal-pathspecs', 'ls-tree', files.tree, '--', change.path]);
      const [, mode, blob] = /^(\d{6}) blob ([0-9a-f]+)\t/.exec(entry.stdout) ?? [];
      if (blob === undefined && change.old !== '')
        return `${change.path} does not exist; \`old\` is empty for a new file`;
      if (blob !== undefined && mode !== '100644' && mode !== '100755') return `${change.path} is no ordinary file`;
      const before = blob === undefined ? '' : (await git.tryGit(['cat-file', 'blob', blob])).stdout;
      const found = change.old === '' ? 1 : before.split(change.old).length - 1;
      if (blob !== undefined && change.old === '')
        return `${change.path} exists: give the passage that changes as \`old\``;
      if (before.includes('\uFFFD')) return `${change.path} is not UTF-8 text: change it with a command`;
      if (found !== 1)
        return `\`old\` stands ${found} times in ${change.path}; it has to be there once, exactly${hiddenIn(before)}`;
      const at = before.indexOf(change.old);
      const after = before.slice(0, at) + change.new + before.slice(at + change.old.length);
      return putFile(deps, mirror, { files, path: change.path, mode: mode ?? '100644', text: after });
    },

    /** Runs a command over the files, in the sandbox. What it changed is taken, vetted, by our git. */
    async shell(files: Files, fork: ForkSettings, command: string, signal?: AbortSignal) {
      const sandbox = deps.sandboxOf(fork);
      const key = `${files.fork}-${files.candidate}-git`;
      await ensureBase(sandbox, key, (dir) => checkoutAlone({ ...place, commit: files.candidate, dir }));
      const outputDir = join(deps.dataDir, 'agents', randomUUID());
      const patch = await patchOf(files);
      const applied = patch.length === 0 ? '' : 'git apply --whitespace=nowarn - && ';
      const spec = {
        command: ['sh', '-c', `${applied}exec sh -c "$0" 2>&1 </dev/null`, command],
        ...(patch.length > 0 && { stdin: patch }),
        env: deps.allowedEnvironment(fork.build.environment),
        limits: { ...LIMITS, seconds: Math.min(LIMITS.seconds, fork.build.timeoutMinutes * 60) },
      };
      try {
        return await withWorkspace(sandbox, { base: key }, async (workspace) => {
          const { end, stdout, stderr } = await runInSandbox(
            sandbox,
            { ...spec, workspace },
            { outputDir, ...(signal && { signal }) },
          );
          if (end.kind === 'not-started') throw new Error(`the command could not be started: ${end.reason}`);
          // The command writes its errors to where its output goes: this is the sandbox's own word.
          const own = /^bwrap: .*/m.exec(readFileSync(stderr.file, 'utf8'))?.[0];
          if (own !== undefined && end.kind === 'exited' && end.exitCode !== 0)
            return { said: own, ended: NOT_RUN, tree: files.tree };
          const said = [stdout, stderr].map(({ file }) => readFileSync(file, 'utf8')).join('');
          const taken = await takePatch(sandbox, workspace, {
            ...{ baseCommit: files.candidate, clone: mirror, run: deps.run, env: deps.environment },
            outputDir: join(outputDir, 'patch'),
          });
          return { said, ended: endWords(end), ...(await afterwards(taken, files)) };
        });
      } finally {
        await rm(outputDir, { recursive: true, force: true });
      }
    },

    /** The patch of record of what is there now; refused where nothing changed, or not so as a patch may. */
    async record(files: Files) {
      const patch = await patchOf(files);
      const outputDir = join(deps.dataDir, 'agents', randomUUID());
      try {
        if (patch.length === 0) return { kind: 'none' as const };
        return await vetPatch(patch, { ...place, baseCommit: files.candidate, outputDir });
      } finally {
        await rm(outputDir, { recursive: true, force: true });
      }
    },
  };

  async function afterwards(taken: Awaited<ReturnType<typeof takePatch>>, files: Files) {
    if (taken.kind === 'patch') return { tree: taken.record.treeSha };
    if (taken.kind === 'refused') return { lost: taken.reasons };
    return { tree: await ourGit(place).must('rev-parse', `${files.candidate}^{tree}`) };
  }
}

const NOT_RUN =
  'THE SANDBOX FAILED; that is not the fault of your command, which may not have run. Your files are as they were before. Run it again.';

/** What was shown of a file is not all of it: \`old\` has to have what was not. */
function hiddenIn(text: string): string {
  const hidden = hiddenWords(text);
  return hidden === '' ? '' : `. Of that file ${hidden}: \`old\` and \`new\` are taken as they are`;
}

export type Workspaces = ReturnType<typeof createWorkspaces>;

function endWords(end: Exclude<SandboxEnd, { kind: 'not-started' }>): string {
  if (end.kind === 'exited') return `exit ${end.exitCode}`;
  return `ended by the limit of ${end.limit}: ${end.detail}`;
}

/** In an index of ours: no file touches the disk but the new text, on its way into the object store. */
async function putFile(
  deps: GitTools & { dataDir: string },
  mirror: string,
  { files, path, mode, text }: { files: Files; path: string; mode: string; text: string },
): Promise<{ tree: string } | string> {
  const index = join(deps.dataDir, 'git', `index-${randomUUID()}`);
  const git = gitIn(deps, mirror);
  const env = { GIT_INDEX_FILE: index };
  writeFileSync(`${index}.text`, text);
  try {
    const blob = await git('hash-object', '-w', '--no-filters', `${index}.text`);
    const steps = [
      ['read-tree', files.tree],
      ['update-index', '--add', '--cacheinfo', `${mode},${blob},${path}`],
    ];
    for (const args of steps) {
      const { exitCode, stderr } = await git.tryGit(args, { env });
      if (exitCode !== 0) return `${path} cannot be written: ${stderr.trim().slice(0, 200)}`;
    }
    return { tree: (await git.tryGit(['write-tree'], { env })).stdout.trim() };
  } finally {
    await Promise.all([index, `${index}.text`, `${index}.lock`].map((one) => rm(one, { force: true })));
  }
}
