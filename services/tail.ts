import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

/** The last lines of a log, for an error message. */
export function tailOf(path: string, lines = 8): string {
  if (!existsSync(path)) return '(there is no log)';
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, 8192));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}
