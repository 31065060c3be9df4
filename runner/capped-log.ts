import { closeSync, openSync, rmSync, writeSync } from 'node:fs';

/** What a unit may leave on the disk: this much from its beginning and this much from its end. */
const HEAD_BYTES = 256 << 10;
const TAIL_BYTES = 256 << 10;

export type CappedLog = {
  write(chunk: Buffer | string): void;
  /** Closes the file with its tail; removes it where nobody will ask for it. */
  close(options: { keep: boolean }): void;
};

/**
 * A log of at most half a megabyte, whatever is printed: the head is on the disk at once (it outlives a killed
 * runner), the tail is held in memory until the end. The file is made with the first byte.
 */
export function openCappedLog(file: string): CappedLog {
  let descriptor: number | undefined;
  let head = 0;
  let cut = 0;
  let tail: Buffer[] = [];
  let tailBytes = 0;

  const append = (bytes: Buffer) => {
    descriptor ??= openSync(file, 'w', 0o644);
    writeSync(descriptor, bytes);
  };

  const intoTail = (bytes: Buffer) => {
    tail.push(bytes);
    tailBytes += bytes.length;
    // Trimmed at twice the size, so that a flood of small writes is not copied again and again.
    if (tailBytes > 2 * TAIL_BYTES) {
      const whole = Buffer.concat(tail);
      const rest = Buffer.from(whole.subarray(whole.length - TAIL_BYTES));
      cut += whole.length - rest.length;
      tail = [rest];
      tailBytes = rest.length;
    }
  };

  return {
    write(chunk) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      const room = HEAD_BYTES - head;
      if (room > 0 && bytes.length > 0) append(bytes.subarray(0, room));
      head += Math.min(room, bytes.length);
      if (bytes.length > room) intoTail(bytes.subarray(room));
    },
    close({ keep }) {
      if (keep && tailBytes > 0) {
        const whole = Buffer.concat(tail);
        const rest = whole.subarray(Math.max(0, whole.length - TAIL_BYTES));
        cut += whole.length - rest.length;
        if (cut > 0) append(Buffer.from(`\n[… ${cut} bytes were cut here …]\n`));
        append(rest);
      }
      if (descriptor === undefined) return;
      closeSync(descriptor);
      if (!keep) rmSync(file, { force: true });
    },
  };
}
