import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { EffectBusy, effectsOf, runEffect } from '../../store/journal.ts';
import { useDatabases } from './database.ts';

const freshDatabase = useDatabases();
const order = { key: 'kafka-1/tag/v1', kind: 'tag', release: 'kafka-1', intent: { tag: 'v1' } };
const nothingThere = async () => undefined;

/** An outside world of one thing: how often it was done, and what a reader finds. */
function world() {
  const done: string[] = [];
  return {
    done,
    perform: async () => {
      done.push('done');
      return { n: done.length };
    },
    readBack: async () => (done.length > 0 ? { n: done.length } : undefined),
  };
}

describe('the journal', () => {
  test('writes the intent before the effect, and performs a fresh one without reading back', async () => {
    const { db } = await freshDatabase();
    const result = await runEffect(db, order, {
      readBack: async () => {
        throw new Error('nobody can have done it');
      },
      perform: async () => {
        expect(await effectsOf(db, 'kafka-1')).toMatchObject([{ key: order.key, state: 'intent' }]);
        return { ok: 1 };
      },
    });
    expect(result).toEqual({ ok: 1 });
    expect(await effectsOf(db, 'kafka-1')).toMatchObject([
      { key: order.key, kind: 'tag', state: 'done', found: false, attempts: 1 },
    ]);
  });

  test('gives a done effect its stored result and does nothing', async () => {
    const { db } = await freshDatabase();
    const outside = world();
    const first = await runEffect(db, order, outside);
    const second = await runEffect(db, order, outside);
    expect([first, second, outside.done.length]).toEqual([{ n: 1 }, { n: 1 }, 1]);
  });

  test('after a crash between effect and result finds the effect, and does it not twice', async () => {
    const { db } = await freshDatabase();
    const outside = world();
    await expect(
      runEffect(db, order, {
        ...outside,
        perform: async () => {
          await outside.perform();
          throw new Error('connection lost');
        },
      }),
    ).rejects.toThrow('connection lost');
    expect(await runEffect(db, order, outside)).toEqual({ n: 1 });
    expect(outside.done).toHaveLength(1);
    expect(await effectsOf(db, 'kafka-1')).toMatchObject([{ state: 'done', found: true, attempts: 2 }]);
  });

  test('after a failure that left nothing performs again', async () => {
    const { db } = await freshDatabase();
    const failing = { readBack: nothingThere, perform: () => Promise.reject(new Error('no route')) };
    await expect(runEffect(db, order, failing)).rejects.toThrow('no route');
    expect(await effectsOf(db, 'kafka-1')).toMatchObject([{ state: 'intent', reason: 'no route' }]);
    const outside = world();
    expect(await runEffect(db, order, outside)).toEqual({ n: 1 });
  });

  test('a permanent failure is failed with its reason; an explicit retry may overcome it', async () => {
    const { db } = await freshDatabase();
    const refused = {
      readBack: nothingThere,
      perform: () => Promise.reject(ApplicationFailure.nonRetryable('no such branch', 'Refused')),
    };
    await expect(runEffect(db, order, refused)).rejects.toThrow('no such branch');
    expect(await effectsOf(db, 'kafka-1')).toMatchObject([{ state: 'failed', reason: 'no such branch' }]);
    await runEffect(db, order, world());
    const [effect] = await effectsOf(db, 'kafka-1');
    expect(effect).toMatchObject({ state: 'done' });
    expect(effect).not.toHaveProperty('reason');
  });

  test('of twenty callers at once one performs, and all get its result', async () => {
    const { db } = await freshDatabase({ connections: 4 });
    const outside = world();
    const slow = {
      ...outside,
      perform: async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return outside.perform();
      },
    };
    const results = await Promise.all(Array.from({ length: 20 }, () => runEffect(db, order, slow)));
    expect(outside.done).toHaveLength(1);
    expect(results).toEqual(Array.from({ length: 20 }, () => ({ n: 1 })));
  });

  test('two stores of the same database do not perform at once; the one that waits gives up in time', async () => {
    const { db, url } = await freshDatabase();
    const { openDatabase } = await import('../../store/database.ts');
    const other = openDatabase(url, { connections: 1 });
    const outside = world();
    let finish = () => {};
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const first = runEffect(db, order, { ...outside, perform: () => gate.then(outside.perform) });
    await expect.poll(async () => (await effectsOf(db, 'kafka-1')).length).toBe(1);
    await expect(runEffect(other, order, outside, { waitMs: 50 })).rejects.toThrow(EffectBusy);
    finish();
    expect(await first).toEqual({ n: 1 });
    expect(await runEffect(other, order, outside)).toEqual({ n: 1 });
    expect(outside.done).toHaveLength(1);
    await other.destroy();
  });

  test('a holder on another machine that says nothing more loses its lease; what it left is found', async () => {
    const { db } = await freshDatabase();
    const outside = world();
    await outside.perform();
    await sql`insert into effect (key, kind, release, state, intent, holder, lease_until)
      values (${order.key}, 'tag', 'kafka-1', 'intent', '{"tag":"v1"}', 'elsewhere|7|99#x', now() + interval '300 milliseconds')`.execute(
      db,
    );
    expect(await runEffect(db, order, outside)).toEqual({ n: 1 });
    expect(outside.done).toHaveLength(1);
  });

  test('a caller that lost its lease while it slept takes the word of the one that took over', async () => {
    const { db } = await freshDatabase();
    const result = await runEffect(db, order, {
      readBack: nothingThere,
      perform: async () => {
        await sql`update effect set state = 'done', result = '"theirs"', holder = null where key = ${order.key}`.execute(
          db,
        );
        return 'ours';
      },
    });
    expect(result).toBe('theirs');
  });

  test('keeps what PostgreSQL refuses (NUL, half a surrogate) and redacts secrets in intent and result', async () => {
    const { db } = await freshDatabase();
    const token = `ghp_${'a1B2'.repeat(9)}`;
    const result = await runEffect(
      db,
      { ...order, intent: { note: `a\u0000b\ud800`, header: `Authorization: Bearer ${token}`, password: 'hunter2 x' } },
      {
        readBack: nothingThere,
        perform: async () => ({ url: `https://bot:${token}@git.example/x`, commit: 'a'.repeat(40) }),
      },
    );
    const { rows } = await sql<{ all: string }>`select effect::text as all from effect`.execute(db);
    expect(rows[0]?.all).not.toContain('a1B2');
    expect(rows[0]?.all).not.toContain('hunter2');
    expect(result).toMatchObject({ commit: 'a'.repeat(40), url: expect.stringContaining('[redacted:') });
    expect(await runEffect(db, { ...order, intent: null }, { readBack: nothingThere, perform: nothingThere })).toEqual(
      result,
    );
  });

  test('lists the effects of one release in the order of their intents', async () => {
    const { db } = await freshDatabase();
    for (const key of ['kafka-1/b', 'kafka-1/a', 'kafka-2/c']) {
      await runEffect(db, { ...order, key, release: key.split('/')[0] ?? '' }, world());
    }
    expect((await effectsOf(db, 'kafka-1')).map(({ key }) => key)).toEqual(['kafka-1/b', 'kafka-1/a']);
  });
});

describe('a database that is killed', () => {
  const durableDatabase = useDatabases({ durable: true });

  test('while an effect is performed: the same process finds it at the next attempt', async () => {
    const { db, killServer } = await durableDatabase();
    const outside = world();
    const attempt = (perform: () => Promise<{ n: number }>) =>
      // A lease of an hour: only that this attempt is known to be over can free it in time.
      runEffect(db, order, { ...outside, perform }, { leaseMs: 3_600_000 });
    const broken = attempt(async () => {
      killServer();
      await expect
        .poll(() =>
          sql`select 1`.execute(db).then(
            () => 'up',
            () => 'away',
          ),
        )
        .toBe('away');
      return outside.perform();
    });
    await expect(broken).rejects.toThrow();
    const again = () => attempt(outside.perform).catch((error: Error) => error.message);
    await expect.poll(again, { timeout: 20_000 }).toEqual({ n: 1 });
    expect(outside.done).toHaveLength(1);
    expect(await effectsOf(db, 'kafka-1')).toMatchObject([{ state: 'done', found: true }]);
  }, 40_000);
});

/** Another process performs the effect (a line in a file) and is killed at the marked place. */
async function killedAt(place: 'before' | 'after', url: string, file: string): Promise<void> {
  const script = join(import.meta.dirname, 'perform-and-hang.ts');
  const child = spawn(process.execPath, [script, url, file, place], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

describe.each([
  ['before', 0],
  ['after', 1],
] as const)('a process killed %s the effect', (place, linesLeft) => {
  test('is seen to be dead at once, and the effect is there exactly once', async () => {
    const { db, url } = await freshDatabase();
    const dir = mkdtempSync(join(tmpdir(), 'pw-journal-'));
    const file = join(dir, 'world');
    writeFileSync(file, '');
    const lines = () => readFileSync(file, 'utf8').split('\n').filter(Boolean).length;
    await killedAt(place, url, file);
    expect(lines()).toBe(linesLeft);
    expect(await effectsOf(db, 'kafka-1')).toMatchObject([{ state: 'intent' }]);
    // A lease of an hour: only that the process is gone can free it in time.
    await runEffect(db, order, {
      readBack: async () => (lines() > 0 ? { line: 1 } : undefined),
      perform: async () => {
        writeFileSync(file, 'done\n', { flag: 'a' });
        return { line: 1 };
      },
    });
    expect(lines()).toBe(1);
    expect(await effectsOf(db, 'kafka-1')).toMatchObject([{ state: 'done', found: place === 'after' }]);
    rmSync(dir, { recursive: true });
  });
});
