import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Digest } from '../../workflows/types.ts';

/** What a command said, as one artifact. Both are capped already, head and tail kept. */
export async function storeLog(artifacts: ArtifactStore, outputDir: string): Promise<Digest> {
  const parts = ['stdout', 'stderr'].map((name) => {
    const file = join(outputDir, name);
    return existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  });
  const [stdout = Buffer.alloc(0), stderr = Buffer.alloc(0)] = parts;
  if (stderr.length === 0) return (await artifacts.put(stdout)).sha256;
  const between = Buffer.from('\n[standard error]\n');
  return (await artifacts.put(Buffer.concat([stdout, between, stderr]))).sha256;
}

/** Where a person finds it, for a reason: below the data folder, whose path is nobody's business. */
export const logWords = (sha256: Digest) => `the whole log: artifacts/${sha256.slice(0, 2)}/${sha256}`;

/** The last bytes of both outputs. */
export function lastWords(outputDir: string, bytes: number): string {
  return ['stdout', 'stderr'].map((name) => endOf(join(outputDir, name), bytes)).join('\n');
}

export function endOf(file: string, bytes: number): string {
  if (!existsSync(file)) return '';
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, size - buffer.length)).toString('utf8');
  } finally {
    closeSync(descriptor);
  }
}
