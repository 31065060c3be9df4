import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The key of the placeholders' hashes, one for a data folder, so that the same secret has the same
 * placeholder in every process and after every restart. Made on first use, readable by its owner alone;
 * of two processes that make it at once the first wins.
 */
export function redactionKey(dataDir: string): Buffer {
  const file = join(dataDir, 'redaction.key');
  mkdirSync(dataDir, { recursive: true });
  try {
    writeFileSync(file, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
}
