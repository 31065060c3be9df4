import { closeSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** What a stream said: the file holds head and tail, with a line between them that says what was left out. */
export interface KeptOutput {
  file: string;
  bytes: number;
  omittedBytes: number;
}

/**
 * Keeps a stream in a file of at most `keepBytes`: half from the head, on the disk at once, half from the
 * tail. Resolves when the stream has ended.
 */
export function keepOutput(
  stream: Readable,
  { file, keepBytes }: { file: string; keepBytes: number },
): Promise<KeptOutput> {
  const descriptor = openSync(file, 'wx', 0o644);
  const half = Math.floor(keepBytes / 2);
  let head = 0;
  let bytes = 0;
  const tail = createTail(half);
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      const room = Math.max(0, half - head);
      if (room > 0) {
        writeSync(descriptor, chunk.subarray(0, room));
        head += Math.min(room, chunk.length);
      }
      if (chunk.length > room) tail.take(chunk.subarray(room));
    });
    stream.once('error', (error) => {
      closeSync(descriptor);
      reject(error);
    });
    stream.once('close', () => {
      const rest = tail.end();
      const omittedBytes = bytes - head - rest.length;
      if (omittedBytes > 0) writeSync(descriptor, `\n[… ${omittedBytes} bytes left out …]\n`);
      writeSync(descriptor, rest);
      closeSync(descriptor);
      resolve({ file, bytes, omittedBytes });
    });
  });
}

/** The last `size` bytes of a stream. Copied only when twice as many are held: a flood of small chunks stays cheap. */
function createTail(size: number) {
  let chunks: Buffer[] = [];
  let held = 0;
  const trim = () => {
    const whole = Buffer.concat(chunks);
    const rest = Buffer.from(whole.subarray(Math.max(0, whole.length - size)));
    chunks = [rest];
    held = rest.length;
  };
  return {
    take(chunk: Buffer) {
      chunks.push(chunk);
      held += chunk.length;
      if (held > 2 * size + 65_536) trim();
    },
    end(): Buffer {
      trim();
      return chunks[0] ?? Buffer.alloc(0);
    },
  };
}
