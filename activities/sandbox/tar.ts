import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const BLOCK = 512;
const CHUNK = 1 << 20;

export interface TarFile {
  path: string;
  /** As the archive says; `copyTo` throws where there are fewer. */
  bytes: number;
  /** Writes the content to an open file. To be called before the next one is asked for. */
  copyTo: (descriptor: number) => void;
}

/**
 * The regular files of a ustar archive, one after another. Everything else in it (links, devices, extended
 * headers) is passed over.
 *
 * @throws where it is cut short or no archive: whoever wrote it is not trusted.
 */
export function* readTar(file: string): Generator<TarFile> {
  const descriptor = openSync(file, 'r');
  try {
    for (let position = 0; ; ) {
      const header = readExactly(descriptor, position, BLOCK);
      if (header.every((byte) => byte === 0)) return;
      const { path, size, regular } = parseHeader(header);
      position += BLOCK;
      const from = position;
      if (regular) yield { path, bytes: size, copyTo: (target) => copyBytes(descriptor, from, size, target) };
      position += Math.ceil(size / BLOCK) * BLOCK;
    }
  } finally {
    closeSync(descriptor);
  }
}

function parseHeader(header: Buffer): { path: string; size: number; regular: boolean } {
  const text = (from: number, length: number) => {
    const field = header.subarray(from, from + length);
    const end = field.indexOf(0);
    return field.subarray(0, end < 0 ? length : end).toString('utf8');
  };
  const size = text(124, 12).trim();
  if (text(257, 5) !== 'ustar' || !/^[0-7]+$/.test(size)) throw new Error('this is not a tar archive of ours');
  const prefix = text(345, 155);
  const name = text(0, 100);
  const type = text(156, 1);
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    size: Number.parseInt(size, 8),
    regular: type === '0' || type === '',
  };
}

function copyBytes(descriptor: number, position: number, length: number, target: number): void {
  for (let copied = 0; copied < length; ) {
    const chunk = readExactly(descriptor, position + copied, Math.min(CHUNK, length - copied));
    for (let written = 0; written < chunk.length; ) written += writeSync(target, chunk, written);
    copied += chunk.length;
  }
}

function readExactly(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let read = 0; read < length; ) {
    const count = readSync(descriptor, bytes, read, length - read, position + read);
    if (count === 0) throw new Error('the archive is cut short');
    read += count;
  }
  return bytes;
}
