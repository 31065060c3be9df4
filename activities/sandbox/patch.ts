import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunCommand } from '../../lib/run.ts';
import { checkoutAlone, type OurGit, ourGit } from './our-git.ts';
import {
  changesProblems,
  DEFAULT_PATCH_POLICY,
  type PatchChange,
  type PatchPolicy,
  parseRawDiff,
  patchProblems,
} from './patch-vetting.ts';
import { runInSandbox } from './run.ts';
import type { Sandbox, Workspace } from './types.ts';

/** What was vetted and stands in our own clone: the only form in which a patch leaves a sandbox. */
export interface PatchOfRecord {
  /** Written by our git from our index; the sandbox's own bytes are thrown away. */
  patch: Buffer;
  sha256: string;
  baseCommit: string;
  /** The tree that base and patch make. */
  treeSha: string;
  changes: PatchChange[];
}

export type TakenPatch =
  | { kind: 'patch'; record: PatchOfRecord }
  | { kind: 'none' }
  | { kind: 'refused'; reasons: string[] };

export interface TakeOptions {
  /** The commit that the workspace's base was checked out at. */
  baseCommit: string;
  /** A clone of ours, bare or not, that has this commit and that no sandboxed code has written to. */
  clone: string;
  run: RunCommand;
  /** PATH and HOME for our git. */
  env: Readonly<Record<string, string>>;
  policy?: Partial<PatchPolicy>;
  /** Where the inner command's output goes, and our index for the while. */
  outputDir: string;
}

// Of git's own ways to run something else, none is asked for; what it runs all the same runs inside.
const INSIDE_DIFF = [
  'diff',
  '--cached',
  '--binary',
  '--full-index',
  '--no-ext-diff',
  '--no-textconv',
  '--no-renames',
  '--no-color',
];
const OUTSIDE_DIFF = ['diff-index', '--cached', '--full-index', '--no-ext-diff', '--no-textconv', '--no-renames'];

/**
 * Takes what was changed in a workspace. git runs inside, on what the sandbox wrote; what comes out is vetted and put on
 * the base in an index of ours, without a file of it touching the disk; the patch of record is what
 * our git then says that the change is.
 */
export async function takePatch(sandbox: Sandbox, workspace: Workspace, options: TakeOptions): Promise<TakenPatch> {
  const policy = { ...DEFAULT_PATCH_POLICY, ...options.policy };
  const taken = await diffInside(sandbox, workspace, options, policy);
  if (!Buffer.isBuffer(taken)) return { kind: 'refused', reasons: taken };
  if (taken.length === 0) return { kind: 'none' };
  return vetPatch(taken, options, policy);
}

async function diffInside(
  sandbox: Sandbox,
  workspace: Workspace,
  { baseCommit, outputDir }: TakeOptions,
  policy: PatchPolicy,
): Promise<Buffer | string[]> {
  if (!/^[0-9a-f]{40,64}$/.test(baseCommit)) throw new Error(`"${baseCommit}" is not a commit`);
  const script = `git add -A && exec git ${INSIDE_DIFF.join(' ')} ${baseCommit} --`;
  const keptOutputMb = Math.ceil((2 * policy.maxBytes) / 2 ** 20) + 1;
  const { end, stdout, stderr } = await runInSandbox(
    sandbox,
    { command: ['sh', '-c', script], workspace, limits: { seconds: 300, keptOutputMb, outputMb: 4 * keptOutputMb } },
    { outputDir },
  );
  if (end.kind === 'not-started') throw new Error(`the patch cannot be taken: ${end.reason}`);
  if (end.kind === 'ended-by') return [`the patch cannot be taken: ${end.detail}`];
  if (stdout.bytes > policy.maxBytes) return [`the patch has ${stdout.bytes} bytes, more than ${policy.maxBytes}`];
  if (end.exitCode !== 0) {
    return [`git in the sandbox ended with ${end.exitCode}: ${readFileSync(stderr.file, 'utf8').trim().slice(-500)}`];
  }
  return readFileSync(stdout.file);
}

/** Any patch from outside, vetted the same way: read by our git into an index of ours, judged there. */
export async function vetPatch(
  patch: Buffer,
  options: Omit<TakeOptions, 'policy'>,
  policy: PatchPolicy = DEFAULT_PATCH_POLICY,
): Promise<TakenPatch> {
  const early = patchProblems(patch, policy);
  if (early.length > 0) return { kind: 'refused', reasons: early };
  mkdirSync(options.outputDir, { recursive: true });
  const names = {
    index: join(options.outputDir, `index.${randomUUID()}`),
    patch: join(options.outputDir, 'taken.patch'),
  };
  writeFileSync(names.patch, patch);
  const git = ourGit(options, names.index);
  try {
    await git.must('read-tree', options.baseCommit);
    // Only into the index: a link or a strange path is judged before it could be a file.
    const applied = await git.run('apply', '--cached', '--whitespace=nowarn', names.patch);
    if (applied.exitCode !== 0) {
      return {
        kind: 'refused',
        reasons: [`it does not apply to ${options.baseCommit}: ${applied.stderr.trim().slice(-500)}`],
      };
    }
    const changes = await readChanges(git, options.baseCommit);
    const reasons = changesProblems(changes, policy);
    if (reasons.length > 0) return { kind: 'refused', reasons };
    return {
      kind: 'patch',
      record: await recordOf(git, options.baseCommit, changes, join(options.outputDir, 'record.patch')),
    };
  } finally {
    rmSync(names.index, { force: true });
    rmSync(`${names.index}.lock`, { force: true });
  }
}

/**
 * Checks the base out of our clone into a new folder and applies the patch of record there: what tests in a
 * clean room run on.
 *
 * @throws where the result is not the tree that was recorded.
 */
export async function applyPatch(
  record: PatchOfRecord,
  dir: string,
  options: Pick<TakeOptions, 'clone' | 'run' | 'env'>,
): Promise<void> {
  await checkoutAlone({ ...options, commit: record.baseCommit, dir });
  const git = ourGit({ ...options, clone: dir });
  const file = join(dir, '.git', 'patch-of-record');
  writeFileSync(file, record.patch);
  await git.must('apply', '--index', '--whitespace=nowarn', file);
  const tree = await git.must('write-tree');
  if (tree !== record.treeSha) throw new Error(`the patch makes the tree ${tree}, and ${record.treeSha} was recorded`);
}

async function readChanges(git: OurGit, baseCommit: string): Promise<PatchChange[]> {
  const raw = parseRawDiff(await git.must(...OUTSIDE_DIFF, '--raw', '-z', '--no-abbrev', baseCommit));
  const counts = await git.must(...OUTSIDE_DIFF, '--numstat', '-z', baseCommit);
  const binary = new Set(counts.split('\0').flatMap((line) => /^-\t-\t(.+)$/s.exec(line)?.[1] ?? []));
  const changes: PatchChange[] = [];
  for (const { blob, ...change } of raw) {
    const bytes = blob === undefined ? 0 : Number(await git.must('cat-file', '-s', blob));
    changes.push({ ...change, bytes, binary: binary.has(change.path) });
  }
  return changes;
}

/** Through a file: bytes that are not UTF-8 would not survive a text. */
async function recordOf(git: OurGit, baseCommit: string, changes: PatchChange[], file: string): Promise<PatchOfRecord> {
  const treeSha = await git.must('write-tree');
  const options = [
    '-p',
    '--binary',
    '--full-index',
    '--no-ext-diff',
    '--no-textconv',
    '--no-renames',
    `--output=${file}`,
  ];
  await git.must('diff-tree', ...options, baseCommit, treeSha);
  const patch = readFileSync(file);
  const sha256 = createHash('sha256').update(patch).digest('hex');
  return { patch, sha256, baseCommit, treeSha, changes };
}
