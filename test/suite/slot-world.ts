import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Sandbox } from '../../activities/sandbox/types.ts';
import { startDetached, stopDetached } from '../../lib/detached.ts';
import { writeJsonFile } from '../../lib/json-file.ts';
import { parseEvents } from '../../runner/event-log.ts';
import type { Batch, Limits, RunnerSpec, SlotEvent, WorkItem } from '../../runner/protocol.ts';
import { ENV } from './sample.ts';

const SLOT = fileURLToPath(new URL('../../runner/slot.ts', import.meta.url));

export const GENEROUS: Limits = { methodSeconds: 60, unitSeconds: 120, silenceSeconds: 60 };

export const javaSpec = (classpath: string[], jvm: string[] = []): RunnerSpec => ({
  kind: 'junit-platform',
  java: 'java',
  jvm: ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...jvm],
  env: ENV,
  arms: { candidate: { classpath } },
});

/** Whole classes of the sample as items of a batch. */
export const classes = (...names: (string | Partial<WorkItem>)[]): WorkItem[] =>
  names.map((name, item) => {
    const given = typeof name === 'string' ? { unit: `sample.${name}` } : name;
    return { item, arm: 'candidate', unit: '', selector: `c:${given.unit}`, limits: GENEROUS, ...given };
  });

/** A real slot runner in a folder of the test's own. */
export function slotRunner(sandbox: Sandbox) {
  const dir = mkdtempSync(join(tmpdir(), 'pw-slot-'));
  mkdirSync(join(dir, 'inbox'), { recursive: true });
  onTestFinished(async () => {
    await stopDetached(dir, { graceMs: 5_000 });
    rmSync(dir, { recursive: true, force: true });
  });
  let batches = 0;
  const events = (): SlotEvent[] =>
    existsSync(join(dir, 'events.jsonl')) ? parseEvents(readFileSync(join(dir, 'events.jsonl'), 'utf8')) : [];
  const until = async (found: (events: SlotEvent[]) => boolean): Promise<SlotEvent[]> => {
    for (;;) {
      const seen = events();
      if (found(seen)) return seen;
      await sleep(30);
    }
  };
  return {
    dir,
    events,
    until,
    start: () => {
      writeFileSync(join(dir, 'lease'), '');
      return startDetached({ dir, command: process.execPath, args: [SLOT, dir], env: {}, cwd: dir });
    },
    hand: (runner: RunnerSpec, items: WorkItem[]): string => {
      batches += 1;
      const batch: Batch = { batch: `b${batches}`, lease: 'lease', runner, sandbox, items };
      writeJsonFile(join(dir, 'inbox', `${String(batches).padStart(8, '0')}.json`), batch);
      return batch.batch;
    },
    ended: (batch: string) =>
      until((seen) => seen.some((event) => event.type === 'batch-end' && event.batch === batch)),
    logOf: (log: string) => readFileSync(join(dir, 'logs', log), 'utf8'),
  };
}

/** "status test" of everything that one unit recorded, in order. */
export function resultsOf(events: readonly SlotEvent[], unit: string): string[] {
  const execs = new Set(events.flatMap((event) => (event.type === 'unit' && event.unit === unit ? [event.exec] : [])));
  return events.flatMap((event) =>
    event.type === 'test' && execs.has(event.exec) ? [`${event.status} ${event.test}`] : [],
  );
}

export function endOf(events: readonly SlotEvent[], unit: string) {
  const exec = events.find((event) => event.type === 'unit' && event.unit === unit);
  const end = events.find((event) => event.type === 'end' && exec?.type === 'unit' && event.exec === exec.exec);
  return end?.type === 'end' ? end : undefined;
}
