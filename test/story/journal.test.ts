import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { judge } from '../../activities/rollout/change.ts';
import { leaveOut } from '../../activities/rollout/plan.ts';
import type { Db } from '../../store/database.ts';
import { EffectBusy, effectsOf, runEffect } from '../../store/journal.ts';
import { ledgerOf, planTarget, takeBackPlan } from '../../store/rollout-ledger.ts';
import { useDatabases } from './database.ts';
import { seedRelease, seedRollout } from './seed.ts';

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

describe('the ledger of a roll-out', () => {
  /** One node is done, one in the middle of its change, one planned. */
  async function half(db: Db) {
    const release = await seedRelease(db);
    await seedRollout(db, release, 'staging', 'changing');
    const rollout = `${release}/1/staging`;
    const [done] = await ledgerOf(db, rollout);
    const planned = { ...done!, target: 'broker-3', key: `${rollout}/broker-3`, position: 2 };
    await planTarget(db, planned, { anew: false });
    return { rollout, release, environment: 'staging', settings: 'settings', direction: 'forward' as const };
  }
  const rowsOf = async (db: Db, rollout: string) =>
    (await ledgerOf(db, rollout)).map(({ target, state }) => `${target} ${state}`);
  const touched = ['broker-1 done', 'broker-2 intent'];

  test.each([
    [['broker-3'], ['broker-3'], touched],
    [['broker-1', 'broker-2'], [], [...touched, 'broker-3 planned']],
    [['broker-9'], ['broker-9'], [...touched, 'broker-3 planned']],
  ])(
    'of nodes that are waived as dead (%s) those are left out, and no longer planned, that nothing was done to',
    async (dead, leftOut, rows) => {
      const { db } = await freshDatabase();
      const { rollout } = await half(db);
      const system = { leftOut: async () => dead };
      expect(await leaveOut({ db, system }, await ledgerOf(db, rollout))).toEqual(leftOut);
      // What was begun stays, whoever takes it back.
      for (const target of ['broker-1', 'broker-2']) await takeBackPlan(db, { rollout, target });
      expect(await rowsOf(db, rollout)).toEqual(rows);
    },
  );

  const harm = { rule: 'K7', reason: 'thin' };
  const threads = [{ kind: 'configuration' as const, name: 'properties.num.io.threads' }];
  test.each([
    ['nothing else', [], [], 'forward', false, []],
    ['settings of its own', threads, [], 'forward', false, ['G1']],
    ['which hide no harm of the candidate’s', threads, [harm], 'forward', false, ['K7']],
    ['and are no question of a way back', threads, [], 'back', false, []],
    ['nor of a restart on what it runs', threads, [], 'forward', true, []],
  ] as const)(
    'a node that its stop would bring %s is judged right before it',
    async (_what, changed, blocks, direction, unchanged, rules) => {
      const { db } = await freshDatabase();
      const step = { ...(await half(db)), target: 'broker-3', direction };
      // Nobody else is in the middle of a change (K13).
      await sql`update rollout_target set state = 'done' where target = 'broker-2'`.execute(db);
      if (unchanged) await sql`update rollout_target set from_build = to_build where target = 'broker-3'`.execute(db);
      const answer = async () => ({ blocks: [...blocks], waived: [] });
      const context = {
        ...{ db, settings: { system: 'kafka' as const } },
        driver: { changedSettings: async () => [...changed] },
        system: { canRoll: answer, canRollBack: answer },
      };
      expect((await judge(context, step)).blocks.map(({ rule }) => rule)).toEqual(rules);
    },
  );
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
