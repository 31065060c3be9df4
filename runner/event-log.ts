import { closeSync, existsSync, fdatasync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { logger } from '../lib/log.ts';
import type { SlotEvent } from './protocol.ts';

/** Results are synced together, at most this late: a power loss can cost no more, a killed process costs nothing. */
const SYNC_MS = 100;

/** What an earlier runner of this folder has already done. */
export type History = { finishedItems: Set<string>; endedBatches: Set<string> };

export const itemKey = (batch: string, item: number) => `${batch} ${item}`;

/**
 * Reads the event log once, when a runner is started again in a folder that has one. In parts: a long suite's log is
 * larger than what one string may hold.
 */
export function readHistory(file: string): History {
  const history: History = { finishedItems: new Set(), endedBatches: new Set() };
  if (!existsSync(file)) return history;
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(1 << 20);
    let rest = Buffer.alloc(0);
    for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer)) {
      const bytes = Buffer.concat([rest, buffer.subarray(0, read)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      remember(history, bytes.subarray(0, end).toString('utf8'));
      rest = bytes.subarray(end);
    }
  } finally {
    closeSync(descriptor);
  }
  return history;
}

function remember(history: History, lines: string): void {
  for (const event of parseEvents(lines)) {
    if (event.type === 'end') history.finishedItems.add(itemKey(event.batch, event.item));
    if (event.type === 'batch-end') history.endedBatches.add(event.batch);
  }
}

/** Whole lines as events. A line that a crash tore is told and left out: what it said was never acknowledged. */
export function parseEvents(text: string): SlotEvent[] {
  const events: SlotEvent[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      events.push(JSON.parse(line) as SlotEvent);
    } catch (error) {
      logger('slot-events').warn(
        { line: line.slice(0, 200), err: (error as Error).message },
        'a torn line was left out',
      );
    }
  }
  return events;
}

export type EventLog = { append(event: SlotEvent): void; mute(): void; close(): void };

/** Appends events: in the kernel's hands when `append` returns, synced soon after. */
export function openEventLog(file: string, onError: (error: Error) => void): EventLog {
  const descriptor = openSync(file, 'a', 0o644);
  let timer: NodeJS.Timeout | undefined;
  let muted = false;
  // Ends a line that a killed predecessor left open; an empty line means nothing.
  writeSync(descriptor, '\n');
  const sync = () => {
    timer = undefined;
    fdatasync(descriptor, (error) => {
      if (error && error.code !== 'EBADF') onError(error);
    });
  };
  return {
    append(event) {
      if (muted) return;
      writeAll(descriptor, Buffer.from(`${JSON.stringify(event)}\n`));
      timer ??= setTimeout(sync, SYNC_MS);
    },
    /** Nothing that happens from now on is told. */
    mute() {
      muted = true;
    },
    close() {
      clearTimeout(timer);
      fdatasyncSync(descriptor);
      closeSync(descriptor);
    },
  };
}

/** A nearly full disk writes less than it was given, and says so only by the count. */
function writeAll(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}
