import { join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import { checkoutFiles } from '../../git/clone.ts';
import type { RunCommand } from '../../lib/run.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import type { Digest, Source } from '../../workflows/types.ts';
import { ensureBase } from '../sandbox/bases.ts';
import type { SandboxOf } from '../sandbox/for-fork.ts';
import type { Sandbox } from '../sandbox/types.ts';

export type BuildDeps = {
  run: RunCommand;
  db: Db;
  artifacts: ArtifactStore;
  dataDir: string;
  cacheDir: string;
  settings: (digest: Digest) => Promise<Settings>;
  /** The allowed variables by name, from the worker's own environment. */
  allowedEnvironment: (names: readonly string[]) => Record<string, string>;
  gitEnvironment: Record<string, string>;
  sandboxOf: SandboxOf;
};

type GitDeps = Pick<BuildDeps, 'run' | 'dataDir' | 'gitEnvironment'>;

export const mirrorOf = ({ dataDir }: GitDeps, fork: string) => join(dataDir, 'git', `${fork}.git`);

/** The files of a commit in a folder of ours, written by our git. `dir` must not exist, or be empty. */
export async function cleanCheckout(deps: GitDeps, { fork, commit }: Source, dir: string): Promise<void> {
  await checkoutFiles({ run: deps.run, environment: deps.gitEnvironment }, mirrorOf(deps, fork), commit, dir);
}

/** The same as what workspaces lie over; made once, and never changed. Its name. */
export async function ensureCheckout(deps: GitDeps, sandbox: Sandbox, source: Source): Promise<string> {
  const key = `${source.fork}-${source.commit}`;
  await ensureBase(sandbox, key, (dir) => cleanCheckout(deps, source, dir));
  return key;
}
