import { setTimeout as sleep } from 'node:timers/promises';
import type { JvmEvent, JvmHandlers } from './jvm.ts';

/** An event with all its escapes is far shorter; what is longer was not written by the runner. */
const MAX_LINE = 1 << 20;

/** Takes events out of the JVM's standard output; everything else there (a thread dump, native code) is output. */
export function createLineReader() {
  let buffer = '';
  let prefix: string | undefined;
  let handlers: JvmHandlers | undefined;
  let finished: (() => void) | undefined;
  let lastChunk = 0;
  const take = (line: string) => {
    if (line === '') return;
    if (prefix === undefined || !line.startsWith(prefix)) {
      handlers?.onOutput(Buffer.from(`${line}\n`, 'latin1'));
      return;
    }
    const event = readEvent(line.slice(prefix.length));
    if (event === undefined) {
      // Somebody else wrote into the middle of it. A test whose end is lost so is not one that passed.
      handlers?.onOutput(Buffer.from(`${line.replaceAll(prefix, '')}\n`, 'latin1'));
    } else if (event.e === 'done') {
      prefix = undefined;
      finished?.();
    } else {
      handlers?.onEvent(event);
    }
  };
  return {
    feed(chunk: Buffer) {
      lastChunk = Date.now();
      const parts = (buffer + chunk.toString('latin1')).split('\n');
      buffer = parts.pop() ?? '';
      for (const part of parts) take(part);
      if (buffer.length > MAX_LINE) {
        take(buffer);
        buffer = '';
      }
    },
    begin(newPrefix: string, newHandlers: JvmHandlers): Promise<undefined> {
      prefix = newPrefix;
      handlers = newHandlers;
      return new Promise((resolve) => {
        finished = () => resolve(undefined);
      });
    },
    /** Resolves once something came and then nothing for a while. */
    async quiet(forMs: number, atMostMs: number) {
      const begun = Date.now();
      while (Date.now() - begun < atMostMs && (lastChunk < begun || Date.now() - lastChunk < forMs)) await sleep(50);
    },
  };
}

function readEvent(text: string): JvmEvent | undefined {
  try {
    return JSON.parse(text) as JvmEvent;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Passes output on until the line that says that it belongs to the next unit. */
export function createMarkerReader() {
  let held: Buffer = Buffer.alloc(0);
  let marker: Buffer | undefined;
  let output: (chunk: Buffer) => void = () => {};
  let found: (() => void) | undefined;
  return {
    begin(text: string, onOutput: (chunk: Buffer) => void): Promise<void> {
      marker = Buffer.from(text);
      output = onOutput;
      return new Promise((resolve) => {
        found = resolve;
      });
    },
    feed(chunk: Buffer) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const at = marker === undefined ? -1 : held.indexOf(marker);
      if (marker !== undefined && at >= 0) {
        output(held.subarray(0, at));
        held = held.subarray(at + marker.length);
        marker = undefined;
        found?.();
      } else if (marker !== undefined) {
        // The marker may be cut between two chunks: its length stays here.
        const passed = Math.max(0, held.length - marker.length);
        output(held.subarray(0, passed));
        held = held.subarray(passed);
      }
      // Between units (a thread that a test left behind) nothing is kept but what fits.
      if (marker === undefined && held.length > MAX_LINE) held = Buffer.from(held.subarray(held.length - MAX_LINE));
    },
    /** The rest of a unit whose marker never came. */
    flush() {
      if (marker === undefined) return;
      output(held);
      held = Buffer.alloc(0);
      marker = undefined;
    },
  };
}
