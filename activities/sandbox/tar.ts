import { closeSync, openSync, readSync } from 'node:fs';

const BLOCK = 512;

/**
 * The regular files of a ustar archive, one after another. Everything else in it (links, devices, extended
 * headers) is passed over.
 *
 * @throws where it is cut short or no archive: whoever wrote it is not trusted.
 */
export function* readTar(file: string): Generator<{ path: string; content: Buffer }> {
  const descriptor = openSync(file, 'r');
  try {
    for (let position = 0; ; ) {
      const header = readExactly(descriptor, position, BLOCK);
      if (header.every((byte) => byte === 0)) return;
      const { path, size, regular } = parseHeader(header);
      position += BLOCK;
      if (regular) yield { path, content: readExactly(descriptor, position, size) };
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

function readExactly(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let read = 0; read < length; ) {
    const count = readSync(descriptor, bytes, read, length - read, position + read);
    if (count === 0) throw new Error('the archive is cut short');
    read += count;
  }
  return bytes;
}
