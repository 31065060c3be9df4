import { join } from 'node:path';
import { BATCH_SECONDS, type BatchClock, startBatchClock } from './batch-clock.ts';
import { openCappedLog } from './capped-log.ts';
import { type EventLog, type History, itemKey } from './event-log.ts';
import { type Batch, BrokenRunner, type Executor, type OpenUnit, type WorkItem } from './protocol.ts';
import { dumpThreads } from './thread-dump.ts';

const now = () => new Date().toISOString();

/** Where the items of a batch leave what happens. */
export type Items = {
  /** The slot's state folder. */
  dir: string;
  batch: Batch;
  executor: Executor;
  events: EventLog;
  history: History;
  nextExec(): string;
  /** Hears all that is printed, by units and by what starts them, while threads are asked for. */
  ear: Ear;
};

export type Ear = { hears?: ((chunk: Buffer | string) => void) | undefined };

/**
 * Runs what is left of a batch. @throws BrokenRunner where nothing can be run, or what starts the units hangs: then
 * the executor is at it still, to be ended, and what had not ended has no end in the event log and runs again.
 */
export async function runItems(items: Items): Promise<void> {
  const { batch, history } = items;
  const due = batch.items.filter(({ item }) => !history.finishedItems.has(itemKey(batch.batch, item)));
  const seconds = Math.min(...batch.items.map(({ limits }) => limits.batchSeconds ?? BATCH_SECONDS));
  const clock = startBatchClock(seconds);
  const state = { over: false };
  const work = runDue(items, due, clock, state);
  try {
    const hangs = await Promise.race([work, clock.exceeded]);
    if (hangs === undefined) return;
    // What ends because we end it is no result.
    state.over = true;
    const log = await keepThreads(items);
    // Whoever catches this ends the executor; how the work fails then is no news.
    work.catch(() => {});
    throw new BrokenRunner(`${hangs}; its threads are in logs/${log}`);
  } finally {
    clock.stop();
  }
}

async function runDue(
  items: Items,
  due: readonly WorkItem[],
  clock: BatchClock,
  state: { over: boolean },
): Promise<undefined> {
  const { executor } = items;
  for (let at = 0; at < due.length && !state.over; ) {
    const rest = due.slice(at);
    const [item] = rest;
    const size = executor.runGroup ? Math.max(1, executor.together?.(rest) ?? 1) : 1;
    const begins = () => clock.unitBegins(item?.limits.unitSeconds ?? 0);
    const open = (one: WorkItem): OpenUnit => {
      const unit = openUnit(items, one, state);
      const end: OpenUnit['end'] = (how) => {
        unit.end(how);
        // Of several that run together the next one has begun.
        if (size > 1) begins();
      };
      return { ...unit, end };
    };
    if (size > 1 && executor.runGroup) await executor.runGroup(rest.slice(0, size), { begins, open });
    else if (item) await runOne(executor, item, open(item), begins);
    clock.unitEnded();
    at += size;
  }
  return undefined;
}

async function runOne(executor: Executor, item: WorkItem, unit: OpenUnit & { fail?(): void }, begins: () => void) {
  try {
    unit.end(await executor.run(item, { ...unit, begins }));
  } catch (error) {
    unit.fail?.();
    throw error;
  }
}

/** One execution: its lines in the event log, and what it printed. */
function openUnit({ dir, batch, events, history, nextExec, ear }: Items, item: WorkItem, state: { over: boolean }) {
  const exec = nextExec();
  const logName = `${exec}.log`;
  const log = openCappedLog(join(dir, 'logs', logName));
  const begun = performance.now();
  let seq = 0;
  let failed = false;
  let printed = false;
  const { item: number, unit, arm, test } = item;
  const named = { exec, batch: batch.batch, lease: batch.lease, item: number };
  events.append({ type: 'unit', at: now(), ...named, unit, arm, ...(test === undefined ? {} : { test }) });
  return {
    test(result: Parameters<OpenUnit['test']>[0]) {
      if (state.over) return;
      failed ||= result.status === 'failed';
      seq += 1;
      events.append({ type: 'test', exec, seq, ...result });
    },
    output(chunk: Buffer | string) {
      printed ||= chunk.length > 0;
      log.write(chunk);
      ear.hears?.(chunk);
    },
    end(how: Parameters<OpenUnit['end']>[0]) {
      // The log is whole before the line that names it.
      const keep = failed || item.keepLog === true;
      log.close({ keep: keep || state.over });
      if (state.over) return;
      const seconds = (performance.now() - begun) / 1000;
      const kept = keep && printed ? { log: logName } : {};
      events.append({ type: 'end', at: now(), ...named, seconds, ...how, ...kept });
      history.finishedItems.add(itemKey(batch.batch, number));
    },
    /** Nothing ran: no end is told, and what was printed may say why. */
    fail: () => log.close({ keep: true }),
  };
}

/** Of every JVM that this runner has started, whoever reads what it prints. Returns the name of the log. */
async function keepThreads({ dir, nextExec, ear }: Items): Promise<string> {
  const name = `around-${nextExec()}.log`;
  const log = openCappedLog(join(dir, 'logs', name));
  let lastSign = 0;
  ear.hears = (chunk) => {
    lastSign = Date.now();
    log.write(chunk);
  };
  await dumpThreads(process.pid, { output: (chunk) => log.write(chunk), lastSign: () => lastSign });
  ear.hears = undefined;
  log.close({ keep: true });
  return name;
}
