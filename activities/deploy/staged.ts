import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import type { Artifact } from '../../workflows/types.ts';
import type { ArtifactSource, TargetInfo } from './driver.ts';
import { explainFullDisk } from './files.ts';
import { type Known, nodeFiles } from './node.ts';

/** Staged artifacts kept of a target: the running, the previous and some before, so that rolling back needs no copy. */
const STAGED_KEPT = 8;

type Named = { name: string; sha256: string };

/** Where an artifact lies, verified, before it is installed. */
export const stagedFile = (dir: string, { name, sha256 }: Named) => join(nodeFiles.staged(dir), sha256, name);

export async function isStaged(dir: string, artifact: Named): Promise<boolean> {
  const file = stagedFile(dir, artifact);
  return statSync(file, { throwIfNoEntry: false }) !== undefined && (await sha256OfFile(file)) === artifact.sha256;
}

/** Brings artifacts from the store into the target's folder, verified. `placed`: those that the target takes. */
export async function stageArtifacts(
  { name: target, dir }: Pick<TargetInfo, 'name' | 'dir'>,
  placed: readonly string[],
  wanted: readonly Artifact[],
  fetchArtifact: ArtifactSource['fetch'],
): Promise<void> {
  for (const artifact of wanted) {
    const { name, sha256 } = artifact;
    if (!placed.includes(name)) {
      throw new Error(
        `no file of ${target} is replaced by the artifact ${name}; its settings place ${placed.join(', ')}`,
      );
    }
    if (await isStaged(dir, artifact)) continue;
    const file = stagedFile(dir, artifact);
    mkdirSync(join(file, '..'), { recursive: true });
    rmSync(file, { force: true });
    try {
      await fetchArtifact(sha256, file);
    } catch (error) {
      throw explainFullDisk(error, file);
    }
    const found = await sha256OfFile(file);
    if (found !== sha256) throw new Error(`${file} was staged with the digest ${found}, not ${sha256}`);
  }
  remember(dir, wanted);
  pruneStaged(dir, wanted);
}

/** Written before anything is installed: a crash in the middle leaves digests that we know as ours. */
export function remember(dir: string, artifacts: readonly Named[]): void {
  const known = readJsonFile<Known>(nodeFiles.known(dir)) ?? { digests: {} };
  for (const { name, sha256 } of artifacts) known.digests[sha256] = name;
  writeJsonFile(nodeFiles.known(dir), known);
}

function pruneStaged(dir: string, wanted: readonly Named[]): void {
  const root = nodeFiles.staged(dir);
  const age = (name: string) => statSync(join(root, name)).mtimeMs;
  const others = readdirSync(root)
    .filter((name) => !wanted.some(({ sha256 }) => sha256 === name))
    .sort((a, b) => age(b) - age(a));
  for (const name of others.slice(STAGED_KEPT)) rmSync(join(root, name), { recursive: true, force: true });
}
