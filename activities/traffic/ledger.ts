import { type Ack, type Cursors, visitAcks, visitReads } from './segments.ts';

/** A record may be read, and that written down, some time before its acknowledgement is. */
const READ_EARLIER_MS = 60_000;

/** Which sequence numbers of one partition of one run: a bit each. */
class BitSet {
  private bits = new Uint8Array(1024);

  add(index: number): void {
    const byte = index >>> 3;
    if (byte >= this.bits.length) {
      const grown = new Uint8Array(Math.max(byte + 1, this.bits.length * 2));
      grown.set(this.bits);
      this.bits = grown;
    }
    this.bits[byte] = (this.bits[byte] ?? 0) | (1 << (index & 7));
  }

  has(index: number): boolean {
    return ((this.bits[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }
}

/**
 * The records acknowledged in a window, against those that the consumer group read: a bit a record, so
 * that a bake of hours fits in memory. `advance` reads what the logs have grown by.
 */
export function createLedger(dir: string, fromMs: number, toMs: number) {
  const read = new Map<string, BitSet>();
  const readCursors: Cursors = new Map();
  const ackCursors: Cursors = new Map();
  let unread: Ack[] = [];
  let acknowledged = 0;
  const isRead = ({ run, partition, sequence }: Ack) => read.get(`${run}/${partition}`)?.has(sequence) ?? false;
  return {
    advance(): void {
      visitReads(
        dir,
        fromMs - READ_EARLIER_MS,
        ({ run, partition, sequence }) => {
          const key = `${run}/${partition}`;
          const set = read.get(key) ?? new BitSet();
          read.set(key, set);
          set.add(sequence);
        },
        readCursors,
      );
      unread = unread.filter((ack) => !isRead(ack));
      visitAcks(
        dir,
        fromMs,
        (ack) => {
          if (ack.t > toMs) return;
          acknowledged += 1;
          if (!isRead(ack)) unread.push(ack);
        },
        ackCursors,
      );
    },
    /** How many were acknowledged in the window, by what is written down. */
    acknowledged: () => acknowledged,
    /** Those of them that the group has not read yet. */
    unread: (): readonly Ack[] => unread,
  };
}
