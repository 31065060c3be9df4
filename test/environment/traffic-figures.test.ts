import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLedger } from '../../activities/traffic/ledger.ts';
import { figuresOf, longestUnwritable, type Sample, unobserved } from '../../activities/traffic/samples.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pw-figures-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const START = Date.now() - 60_000;
const RUN = 7;

/** A log as traffic/SegmentLog.java writes it. */
function writeLog(kind: 'acks' | 'reads', records: Buffer[], startMs = START): void {
  const head = Buffer.alloc(16);
  head.write('PW01');
  head.writeUInt32BE(RUN, 4);
  head.writeBigInt64BE(BigInt(startMs), 8);
  writeFileSync(join(dir, `${kind}-${RUN}-${startMs}.bin`), Buffer.concat([head, ...records]));
}

function ack(afterMs: number, partition: number, sequence: number, latencyMs = 2): Buffer {
  const record = Buffer.alloc(20);
  record.writeUInt32BE(afterMs, 0);
  record.writeUInt16BE(partition, 4);
  record.writeUInt16BE(latencyMs, 6);
  record.writeUInt32BE(sequence, 8);
  record.writeBigInt64BE(BigInt(sequence + 1000), 12);
  return record;
}

function read(afterMs: number, partition: number, sequence: number): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt32BE(afterMs, 0);
  record.writeUInt32BE(RUN, 4);
  record.writeUInt16BE(partition, 8);
  record.writeUInt32BE(sequence, 12);
  return record;
}

const sample = (t: number, more: Partial<Sample> = {}): Sample => ({
  ...{ t, run: RUN, rate: 1, sent: 1, acked: 1, read: 1, errors: {}, timeouts: 0, skipped: 0, lag: 0, stuck: 0 },
  ...{ movedBack: 0, commitErrors: 0, unwritable: 1, unwritablePartition: 0 },
  ...more,
});

test('what was acknowledged in the window and not read is known by partition, offset and sequence', () => {
  writeLog('acks', [ack(500, 0, 0), ack(1_000, 0, 1), ack(1_100, 1, 1), ack(1_200, 0, 70_000), ack(9_000, 0, 70_001)]);
  writeLog('reads', [read(900, 0, 1), read(1_300, 1, 1)]);
  const ledger = createLedger(dir, START + 1_000, START + 8_000);
  ledger.advance();
  expect(ledger.acknowledged()).toBe(3);
  expect(ledger.unread()).toEqual([
    { t: START + 1_200, run: RUN, partition: 0, latencyMs: 2, sequence: 70_000, offset: 71_000 },
  ]);

  // The logs grow, over an hour's end too; what was read before counts once.
  writeLog('reads', [read(900, 0, 1), read(1_300, 1, 1), read(1_500, 0, 70_000)]);
  writeLog('acks', [ack(0, 2, 5)], START + 2_000);
  ledger.advance();
  expect(ledger.acknowledged()).toBe(4);
  expect(ledger.unread().map(({ partition, sequence }) => [partition, sequence])).toEqual([[2, 5]]);
});

test('the tail that a kill cut off does not count', () => {
  writeLog('acks', [ack(1_000, 0, 1), ack(1_001, 0, 2).subarray(0, 19)]);
  const ledger = createLedger(dir, START, START + 8_000);
  ledger.advance();
  expect(ledger.acknowledged()).toBe(1);
});

test('figures come from every acknowledgement and every second', () => {
  writeLog(
    'acks',
    [...Array(98).keys()].map((i) => ack(1_000 + i, 0, i, 3)).concat([ack(2_000, 0, 98, 400), ack(2_000, 0, 99, 900)]),
  );
  const lines = [
    sample(START + 2_000, { errors: { NotEnoughReplicasException: 2 }, unwritable: 5_000 }),
    sample(START + 3_000, { timeouts: 3, lag: 4, stuck: 1, movedBack: 1 }),
  ];
  writeFileSync(
    join(dir, `samples-${RUN}-${START}.jsonl`),
    `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"t":`,
  );
  expect(figuresOf(dir, START, START + 5_000)).toEqual({
    ...{ seconds: 2, acknowledged: 100, errors: 2, errorKinds: { NotEnoughReplicasException: 2 }, timeouts: 3 },
    ...{
      p50Ms: 3,
      p99Ms: 900,
      maxMs: 900,
      lag: 4,
      stuckPartitions: 1,
      offsetsMovedBack: 1,
      longestUnwritableMs: 2_000,
    },
  });
  expect(figuresOf(dir, START + 4_000, START + 5_000)).not.toHaveProperty('p50Ms');
});

test('time without a sample was not observed; what began before the window counts from its beginning', () => {
  const samples = [1_000, 2_000, 9_000, 10_000].map((t) => sample(t));
  expect(unobserved(samples, 500, 10_500)).toBe(7_000);
  expect(unobserved([], 0, 30_000)).toBe(30_000);
  expect(longestUnwritable([sample(1_000, { unwritable: 3_000 }), sample(2_000, { unwritable: 700 })], 500)).toBe(700);
});
