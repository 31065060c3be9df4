import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { visible } from '../../lib/plain-text.ts';
import { parseEvents } from '../../runner/event-log.ts';
import type { SlotEvent } from '../../runner/protocol.ts';
import { forgetOffset, type RecordedEvent, recordEvents, recordedOffset } from '../../store/suite-results.ts';
import type { SuiteRunnerDeps } from './deps.ts';

const CHUNK = 1 << 20;

export type Tail = {
  /** Brings the store up to the end of the event log; how many events were new. */
  catchUp(): Promise<SlotEvent[]>;
};

type Followed = {
  suiteRun: string;
  /** The store's number of it. */
  slot: number;
  dir: string;
  /** Where the store was at a moment ago: every recording asks again. */
  offset: number;
};

/** Follows a slot's event log from where the store is. */
export function tailEvents(deps: SuiteRunnerDeps, at: Followed): Tail {
  const file = join(at.dir, 'events.jsonl');
  let offset: number | undefined = at.offset <= sizeOf(file) ? at.offset : undefined;
  return {
    async catchUp() {
      const fresh: SlotEvent[] = [];
      for (;;) {
        offset ??= await firstOffset(deps, at, file);
        const read = readLines(file, offset);
        if (read === undefined) return fresh;
        const events = await Promise.all(
          parseEvents(read.text).map((event) => withLog(deps, at.dir, printable(event))),
        );
        const taken = await recordEvents(deps.db, { ...at, from: offset, to: offset + read.bytes, events });
        if (taken) fresh.push(...events);
        // Somebody else recorded the same bytes: the store knows how far.
        offset = taken ? offset + read.bytes : undefined;
      }
    },
  };
}

async function firstOffset(
  { db }: SuiteRunnerDeps,
  { suiteRun, slot }: { suiteRun: string; slot: number },
  file: string,
): Promise<number> {
  const offset = await recordedOffset(db, suiteRun, slot);
  if (offset <= sizeOf(file)) return offset;
  await forgetOffset(db, suiteRun, slot, offset);
  return recordedOffset(db, suiteRun, slot);
}

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Whole lines from `offset`, a megabyte or so at most; nothing where there is no whole line yet. */
function readLines(file: string, offset: number): { text: string; bytes: number } | undefined {
  const size = sizeOf(file);
  if (size <= offset) return undefined;
  const buffer = Buffer.alloc(Math.min(CHUNK, size - offset));
  const descriptor = openSync(file, 'r');
  try {
    const read = readSync(descriptor, buffer, 0, buffer.length, offset);
    const end = buffer.subarray(0, read).lastIndexOf(0x0a);
    return end < 0 ? undefined : { text: buffer.subarray(0, end + 1).toString('utf8'), bytes: end + 1 };
  } finally {
    closeSync(descriptor);
  }
}

/** The log of a failed unit goes to the artifact store before its end is recorded: a verdict links it. */
async function withLog(deps: SuiteRunnerDeps, dir: string, event: SlotEvent): Promise<RecordedEvent> {
  if (event.type !== 'end' || event.log === undefined) return event;
  const file = join(dir, 'logs', event.log);
  return existsSync(file) ? { ...event, stored: await deps.artifacts.put({ file }) } : event;
}

/**
 * Test ids and messages as PostgreSQL and people can take them: a control character, a direction override or half a
 * surrogate is shown as its code, so that two ids never become one. The unique id is JSON: it must stay exact.
 */
function printable(event: SlotEvent): SlotEvent {
  if (event.type !== 'test') return event;
  const { test, uniqueId, message, trace } = event;
  return {
    ...event,
    test: visible(test),
    uniqueId: JSON.stringify(uniqueId),
    ...(message === undefined ? {} : { message: visible(message, '\n\t') }),
    ...(trace === undefined ? {} : { trace: visible(trace, '\n\t') }),
  };
}
