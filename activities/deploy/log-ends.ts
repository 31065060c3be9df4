import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { openBelow } from '../sandbox/files.ts';

/** Of one file: how it was begun, and what came last. */
const HEAD = 24 << 10;
const TAIL = 160 << 10;

/**
 * Beginning and end of logs in a node's folder, with their names. The program writes there: no part of the way is a
 * link, what is read is a regular file, and it may grow meanwhile.
 */
export function logEnds(dir: string, files: readonly string[]): string {
  const texts = [...new Set(files)].flatMap((file) => {
    const text = endsOf(dir, file);
    return text === undefined ? [] : [`## ${file}\n${text}`];
  });
  return texts.join('\n');
}

function endsOf(dir: string, file: string): string | undefined {
  const descriptor = openBelow(dir, file, constants.O_RDONLY);
  if (descriptor === undefined) return undefined;
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.size === 0) return undefined;
    if (stat.size <= HEAD + TAIL) return part(descriptor, 0, stat.size);
    const left = stat.size - HEAD - TAIL;
    return `${part(descriptor, 0, HEAD)}\n… ${left} bytes left out …\n${part(descriptor, stat.size - TAIL, TAIL)}`;
  } finally {
    closeSync(descriptor);
  }
}

function part(descriptor: number, from: number, bytes: number): string {
  const buffer = Buffer.alloc(bytes);
  const read = readSync(descriptor, buffer, 0, bytes, from);
  return buffer.subarray(0, read).toString('utf8').toWellFormed();
}
