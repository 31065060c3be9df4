import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One acknowledged record, as traffic/SegmentLog.java wrote it. */
export type Ack = { t: number; run: number; partition: number; latencyMs: number; sequence: number; offset: number };

/** One record that the consumer group read. `run` is the one that produced it. */
export type Read = { t: number; run: number; partition: number; sequence: number };

/** Where reading stopped in each file, so that a log that grows is read once. */
export type Cursors = Map<string, number>;

const HEAD = 16;
const CHUNK_RECORDS = 32_768;

type Segment = { file: string; run: number; startMs: number };
type Decode<T> = (chunk: Buffer, at: number, segment: Segment) => T;

const decodeAck: Decode<Ack> = (chunk, at, { run, startMs }) => ({
  t: startMs + chunk.readUInt32BE(at),
  run,
  partition: chunk.readUInt16BE(at + 4),
  latencyMs: chunk.readUInt16BE(at + 6),
  sequence: chunk.readUInt32BE(at + 8),
  offset: Number(chunk.readBigInt64BE(at + 12)),
});

const decodeRead: Decode<Read> = (chunk, at, { startMs }) => ({
  t: startMs + chunk.readUInt32BE(at),
  run: chunk.readUInt32BE(at + 4),
  partition: chunk.readUInt16BE(at + 8),
  sequence: chunk.readUInt32BE(at + 12),
});

/** Visits acknowledgements from `fromMs` on, in the order of each file; continues from the cursors where given. */
export function visitAcks(dir: string, fromMs: number, visit: (ack: Ack) => void, cursors?: Cursors): void {
  visitLog(dir, { kind: 'acks', bytes: 20, decode: decodeAck }, fromMs, visit, cursors);
}

/** As `visitAcks`, for what was read. */
export function visitReads(dir: string, fromMs: number, visit: (read: Read) => void, cursors?: Cursors): void {
  visitLog(dir, { kind: 'reads', bytes: 16, decode: decodeRead }, fromMs, visit, cursors);
}

function visitLog<T extends { t: number }>(
  dir: string,
  { kind, bytes, decode }: { kind: string; bytes: number; decode: Decode<T> },
  fromMs: number,
  visit: (record: T) => void,
  cursors: Cursors = new Map(),
): void {
  for (const segment of segmentsOf(dir, kind, 'bin', fromMs)) {
    const end = visitFile(segment, cursors.get(segment.file) ?? HEAD, bytes, (chunk, at) => {
      const record = decode(chunk, at, segment);
      if (record.t >= fromMs) visit(record);
    });
    cursors.set(segment.file, end);
  }
}

/** Whole records only: the tail that a kill cut off does not count. Returns where the next one will begin. */
function visitFile({ file }: Segment, from: number, bytes: number, visit: (chunk: Buffer, at: number) => void): number {
  const handle = openSync(file, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_RECORDS * bytes);
    let position = from;
    for (;;) {
      const length = readSync(handle, chunk, 0, chunk.length, position);
      const whole = length - (length % bytes);
      for (let at = 0; at < whole; at += bytes) visit(chunk, at);
      position += whole;
      if (length < chunk.length) return position;
    }
  } finally {
    closeSync(handle);
  }
}

/** The files of a kind that may hold something from `fromMs` on, oldest first. */
export function segmentsOf(dir: string, kind: string, extension: string, fromMs: number): Segment[] {
  const name = new RegExp(`^${kind}-(\\d+)-(\\d+)\\.${extension}$`);
  return readdirSync(dir)
    .flatMap((entry): Segment[] => {
      const match = name.exec(entry);
      // The traffic removes old files by itself while we look.
      const written = match ? statSync(join(dir, entry), { throwIfNoEntry: false })?.mtimeMs : undefined;
      if (!match || written === undefined || written < fromMs) return [];
      return [{ file: join(dir, entry), run: Number(match[1]), startMs: Number(match[2]) }];
    })
    .sort((a, b) => a.startMs - b.startMs);
}
