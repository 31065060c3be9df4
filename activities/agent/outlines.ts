import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Declaration, outlineOf } from '../../decisions/code-outline.ts';
import { isSource, isTestPath } from '../../decisions/proposal/types.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { openCandidates } from '../../store/agent-context.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import type { Digest } from '../../workflows/types.ts';
import { type ChangedFile, createSources, type SourceTools } from './sources.ts';

/** The code that a candidate changes, as it is there. `unread`: changed sources beyond the most that are read. */
export type CodeOutline = {
  changed: ChangedFile[];
  files: { path: string; declarations: Declaration[] }[];
  unread: number;
};

export type OutlineDeps = SourceTools & { db: Db; dataDir: string; artifacts: ArtifactStore };

const MOST_FILES = 100;
/** An outline that another version wrote is made anew. */
const FORM = 1;

/**
 * Outlines, made once for a candidate on its base and kept in the artifact store. Where they lie is noted in the data
 * folder: what is lost of either is made again.
 */
export function createOutlines(deps: Omit<OutlineDeps, 'db'>) {
  const mirrorOf = (fork: string) => join(deps.dataDir, 'git', `${fork}.git`);

  async function make(fork: string, base: string, candidate: string): Promise<CodeOutline> {
    const sources = createSources(deps, mirrorOf(fork));
    const changed = await sources.changed(base, candidate);
    // The product's code first: it is what the tests are about.
    const readable = changed.filter(({ path }) => isSource(path));
    readable.sort((a, b) => Number(isTestPath(a.path)) - Number(isTestPath(b.path)));
    const files: CodeOutline['files'] = [];
    for (const { path } of readable.slice(0, MOST_FILES)) {
      const text = await sources.read(candidate, path);
      if (text !== undefined) files.push({ path, declarations: outlineOf(path, text) });
    }
    return { changed, files, unread: Math.max(0, readable.length - MOST_FILES) };
  }

  return {
    /** Safe to repeat: the same commits have the same outline. */
    async of(fork: string, base: string, candidate: string): Promise<CodeOutline> {
      const note = join(deps.dataDir, 'outlines', fork, `${FORM}-${base}-${candidate}.json`);
      const kept = readJsonFile<{ sha256: Digest }>(note)?.sha256;
      if (kept !== undefined && (await deps.artifacts.has(kept))) {
        return JSON.parse((await deps.artifacts.read(kept)).toString('utf8')) as CodeOutline;
      }
      const outline = await make(fork, base, candidate);
      const { sha256 } = await deps.artifacts.put(JSON.stringify(outline));
      writeJsonFile(note, { sha256 });
      return outline;
    },
  };
}

/** Ahead of time, for every candidate whose release goes on: a suite takes longer than this. Returns how many. */
export async function outlineOpenCandidates(deps: OutlineDeps): Promise<number> {
  const outlines = createOutlines(deps);
  const open = (await openCandidates(deps.db)).filter(({ fork }) =>
    existsSync(join(deps.dataDir, 'git', `${fork}.git`)),
  );
  for (const { fork, base, candidate } of open) await outlines.of(fork, base, candidate);
  return open.length;
}
