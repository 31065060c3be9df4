import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The key of the placeholders' hashes, one for a data folder, so that the same secret has the same
 * placeholder in every process and after every restart. Made on first use, readable by its owner alone;
 * of several processes that make it at once the first wins, and none sees a half-written one. It also keeps
 * what a node was started with from being guessed (`activities/deploy/start-settings.ts`).
 */
export function redactionKey(dataDir: string): Buffer {
  const file = join(dataDir, 'redaction.key');
  mkdirSync(dataDir, { recursive: true });
  const known = readKey(file);
  if (known) return known;
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, randomBytes(32).toString('hex'), { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  const key = readKey(file);
  if (!key) throw new Error(`${file} vanished while it was read`);
  return key;
}

function readKey(file: string): Buffer | undefined {
  try {
    return Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
