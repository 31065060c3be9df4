import { describe, expect, test } from 'vitest';
import { allotSlots, type SuiteHost } from '../../decisions/host-slots.ts';
import type { WorkItem } from '../../runner/protocol.ts';
import type { Db } from '../../store/database.ts';
import { batchEnd, claimBatch, phaseCounts, queueBatches } from '../../store/suite-batches.ts';
import { holdersOf, liveHosts, renewHost, revokeLeases } from '../../store/suite-hosts.ts';
import { suiteFigures } from '../../store/suite-report.ts';
import { type RecordedEvent, recordEvents } from '../../store/suite-results.ts';
import { savePlan } from '../../store/suites.ts';
import { useDatabases } from '../story/database.ts';
import { classes, GENEROUS } from './slot-world.ts';

const freshDatabase = useDatabases();
const suiteRun = 'sample-1/1/unit';

async function planned(...units: string[]): Promise<Db> {
  const { db } = await freshDatabase();
  const run = {
    suiteRun,
    release: 'sample-1',
    candidateNumber: 1,
    fork: 'sample',
    suite: 'unit',
    settings: '0',
    slots: 2,
  };
  await savePlan(
    db,
    { ...run, arms: {} },
    units.map((unit) => ({ unit, selector: `c:${unit}`, estimate: 1 })),
  );
  return db;
}

/** Takes all units that wait, or the next batch of a later phase. */
async function claim(db: Db, host: string, phase: 'suite' | 'rerun' = 'suite') {
  const claimant = { suiteRun, phase, host, number: 0, lease: `lease of ${host}` };
  const cut = { limits: GENEROUS, sizeOf: ({ estimates }: { estimates: readonly number[] }) => estimates.length };
  return claimBatch(db, claimant, cut);
}

type Claimed = NonNullable<Awaited<ReturnType<typeof claim>>>;
const at = new Date().toISOString();

const begun = ({ batch, lease }: Claimed, item: number, unit: string): RecordedEvent => ({
  ...{ type: 'unit', at, exec: `${unit}.1`, batch, lease, item, unit, arm: 'candidate' },
});
const ended = ({ batch, lease }: Claimed, item: number, unit: string): RecordedEvent[] => [
  { type: 'test', exec: `${unit}.1`, seq: 1, test: `${unit}#a()`, uniqueId: '""', status: 'passed', seconds: 1 },
  { type: 'end', at, exec: `${unit}.1`, batch, lease, item, seconds: 1, ended: 'completed', complete: true },
];

/** A host's log, brought to the store in parts. */
function logOf(db: Db, slot: number) {
  let from = 0;
  return async (...events: RecordedEvent[]) => {
    await recordEvents(db, { suiteRun, slot, from, to: from + 100, events });
    from += 100;
  };
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is nothing to claim');
  return value;
}

describe('a lease that was taken back', () => {
  test('gives what had not finished to another host, and nothing that it brings late is recorded', async () => {
    const db = await planned('A', 'B', 'C');
    const lost = must(await claim(db, 'lost'));
    const bring = logOf(db, lost.slot);
    await bring(begun(lost, 0, 'A'), ...ended(lost, 0, 'A'), begun(lost, 1, 'B'));
    expect(await holdersOf(db, suiteRun)).toEqual(['lost']);
    expect(await phaseCounts(db, suiteRun, 'suite')).toEqual({ left: 0, open: 1 });
    expect(await revokeLeases(db, suiteRun, 'lost')).toBe(1);
    expect(await revokeLeases(db, suiteRun, 'lost')).toBe(0);
    expect(await batchEnd(db, lost.batch)).toEqual({ kind: 'revoked' });
    expect(await phaseCounts(db, suiteRun, 'suite')).toEqual({ left: 2, open: 0 });
    // Half of B was known before, and the rest comes now: under a lease that nobody holds.
    await bring(...ended(lost, 1, 'B'), begun(lost, 2, 'C'), ...ended(lost, 2, 'C'));
    await bring({ type: 'batch-end', at, batch: lost.batch, lease: lost.lease });
    expect(await suiteFigures(db, suiteRun)).toMatchObject({ unitsFinished: 1, tests: { passed: 1 } });

    const other = must(await claim(db, 'other'));
    expect(other.items.map(({ unit }) => unit)).toEqual(['B', 'C']);
    const record = logOf(db, other.slot);
    await record(...['B', 'C'].flatMap((unit, item) => [begun(other, item, unit), ...ended(other, item, unit)]));
    await record({ type: 'batch-end', at, batch: other.batch, lease: other.lease });
    expect(await suiteFigures(db, suiteRun)).toMatchObject({
      unitsFinished: 3,
      executions: 4,
      repeated: 0,
      tests: { passed: 3 },
    });
    expect(await phaseCounts(db, suiteRun, 'suite')).toEqual({ left: 0, open: 0 });
  });

  test('is not the lease of the batch that the same host takes next', async () => {
    const db = await planned('A');
    const first = must(await claim(db, 'host'));
    await revokeLeases(db, suiteRun, 'host');
    const second = must(await claim(db, 'host'));
    expect(second.batch).not.toBe(first.batch);
    expect(second.slot).toBe(first.slot);
    const bring = logOf(db, second.slot);
    await bring(begun(first, 0, 'A'), ...ended(first, 0, 'A'));
    expect(await suiteFigures(db, suiteRun)).toMatchObject({ executions: 0, unitsFinished: 0 });
    await bring(begun(second, 0, 'A'), ...ended(second, 0, 'A'));
    expect(await suiteFigures(db, suiteRun)).toMatchObject({ executions: 1, unitsFinished: 1 });
  });

  test('of reruns gives back those that had not ended', async () => {
    const db = await planned('A');
    const items: WorkItem[] = classes({ unit: 'A', test: 'A#a()' }, { unit: 'A', test: 'A#b()' });
    await db.transaction().execute((tx) => queueBatches(tx, suiteRun, 'rerun', [items]));
    const lost = must(await claim(db, 'lost', 'rerun'));
    await logOf(db, lost.slot)({ ...begun(lost, 0, 'A'), test: 'A#a()' } as RecordedEvent, ...ended(lost, 0, 'A'));
    await revokeLeases(db, suiteRun, 'lost');
    expect(must(await claim(db, 'other', 'rerun')).items.map(({ test: name }) => name)).toEqual(['A#b()']);
  });

  test('cannot be told from one that a wrong token names', async () => {
    const db = await planned('A');
    const claimed = must(await claim(db, 'host'));
    const forged = { ...claimed, lease: 'another' };
    await logOf(db, claimed.slot)(begun(forged, 0, 'A'), ...ended(forged, 0, 'A'));
    expect(await suiteFigures(db, suiteRun)).toMatchObject({ executions: 0, unitsFinished: 0 });
  });
});

test('a host is there while it says so', async () => {
  const { db } = await freshDatabase();
  await renewHost(db, { host: 'a', queue: 'suite-a', slots: 2 });
  await renewHost(db, { host: 'a', queue: 'suite-a', slots: 4 });
  expect(await liveHosts(db, 60)).toEqual([{ host: 'a', queue: 'suite-a', slots: 4 }]);
  expect(await liveHosts(db, 0)).toEqual([]);
});

describe('slots of a suite that may not have all', () => {
  const hosts = (...slots: number[]): SuiteHost[] =>
    slots.map((count, n) => ({ host: `h${n}`, queue: `suite-h${n}`, slots: count }));
  const [h0, h1] = hosts(4, 4);

  test.each([
    ['without a limit: all', hosts(2, 8), [], undefined, [2, 8]],
    ['with one: the first host first', hosts(4, 4), [], 6, [4, 2]],
    ['what a host has it keeps when another joins', [h1, h0], [{ ...h0, slots: 3 }], 4, [1, 3]],
    [
      'what a lost host had goes to the others',
      [h1],
      [
        { ...h0, slots: 4 },
        { ...h1, slots: 2 },
      ],
      6,
      [4],
    ],
    ['a host for which nothing is left is listed all the same', hosts(4, 4), [], 4, [4, 0]],
    ['a host that has come back with fewer keeps what it was given', [{ ...h0, slots: 1 }], [h0], undefined, [4]],
  ] as [string, SuiteHost[], SuiteHost[], number | undefined, number[]][])('%s', (_, live, given, limit, wanted) => {
    expect(allotSlots(live, given, limit).map(({ slots }) => slots)).toEqual(wanted);
  });
});
