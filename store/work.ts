import { type Generated, sql } from 'kysely';
import type { ShownRun } from '../decisions/work-words.ts';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import type { Db } from './database.ts';
import { appendMessage } from './thread.ts';

export type WorkTables = {
  fix_proof: {
    run: string;
    board: string;
    doing: string;
    started_at: Generated<Date>;
    ended_at: Date | null;
    taken: boolean | null;
  };
};

/** A message of a thread that says what is being done, and is updated meanwhile. `done`: nothing comes after it. */
export type Work = { ticket: string; key: string; text: string; done?: boolean };

/** A carrier that looks by itself shows something far more often, unless Slack is away. */
const LATE_SECONDS = 10;

/**
 * Keeps what such a message says now; the first words make the message. Safe to repeat: the same words change nothing,
 * and one that is done stays as it is. True where the thread is in Slack and its carrier has to be told: it has shown all
 * so far, so that it looks no more by itself, or has shown nothing for so long that it may never have been told.
 */
export async function keepWork(db: Db, { ticket, key, text: given, done = false }: Work): Promise<boolean> {
  const text = plainText(redact(given)).trim();
  const begun = await appendMessage(db, { release: ticket, key, text, updated: true });
  const { rows } = await sql<{ carried: boolean }>`
    update thread_message set now_text = ${text}, now_done = ${done}, now_n = now_n + 1
    where key = ${key} and now_text is not null and not now_done and (now_text <> ${text} or ${done})
    returning now_n - 1 > now_shown_n and
      coalesce(now_shown_at, at) > clock_timestamp() - make_interval(secs => ${LATE_SECONDS}) as carried`.execute(db);
  const news = begun || rows.some(({ carried }) => !carried);
  return news && (await isInSlack(db, ticket));
}

async function isInSlack(db: Db, ticket: string): Promise<boolean> {
  const thread = db.selectFrom('thread').select('release').where('release', '=', ticket);
  return (await thread.where('slack_channel', 'is not', null).executeTakeFirst()) !== undefined;
}

/** Ends what was never brought to an end: its worker was lost, or its time was up. Safe to repeat. */
export async function endWork(db: Db, { ticket, suffix, text }: { ticket: string; suffix: string; text: string }) {
  await sql`
    update thread_message set now_text = ${text}, now_done = true, now_n = now_n + 1
    where release = ${ticket} and now_text is not null and not now_done and right(key, ${suffix.length}) = ${suffix}`.execute(
    db,
  );
}

export type Unshown = { key: string; text: string; n: number; ts: string; waitMs: number };

/** What Slack still shows as it was before. `waitMs`: until it may be changed again. */
export async function unshown(db: Db, release: string, everyMs: number): Promise<Unshown[]> {
  const { rows } = await sql<Unshown>`
    select key, now_text as text, now_n as n, slack_ts as ts, case when now_shown_at is null then 0 else
      greatest(0, ceil(${everyMs}::int - 1000 * extract(epoch from clock_timestamp() - now_shown_at)))::int end as "waitMs"
    from thread_message
    where release = ${release} and now_n > now_shown_n and slack_ts is not null order by seq`.execute(db);
  return rows;
}

/** What an update of such a message is called in the journal. */
export const shownKey = (key: string, n: number | '') => `${key}/slack-now/${n}`;

/**
 * Records that Slack shows the nth words. What was shown a minute ago goes from the journal, or it would keep each state
 * of each message for ever; a shorter while it stays, for an attempt that lags behind. Safe to repeat.
 */
export async function markShown(
  db: Db,
  { release, key, n }: { release: string; key: string; n: number },
): Promise<void> {
  await sql`update thread_message set now_shown_n = greatest(now_shown_n, ${n}), now_shown_at = clock_timestamp()
    where key = ${key}`.execute(db);
  await sql`
    delete from effect where release = ${release} and starts_with(key, ${shownKey(key, '')})
      and key <> ${shownKey(key, n)} and ended_at < clock_timestamp() - interval '1 minute'`.execute(db);
}

/** What was shown in threads that are no more. */
export async function dropShown(db: Db, threads: readonly string[]): Promise<void> {
  await sql`delete from effect where release = any(${threads}) and kind = 'slack-update'
    and position(${shownKey('', '')} in key) > 0`.execute(db);
}

/** Safe to repeat: the last word counts. */
export async function keepDoing(db: Db, run: string, doing: string): Promise<void> {
  await db.updateTable('agent_run').set({ doing }).where('run', '=', run).where('ended_at', 'is', null).execute();
}

/** What code does to prove the change of this run. One that has ended begins no more. Safe to repeat: the last word counts. */
export async function keepProof(db: Db, proof: { run: string; board: string; doing: string }): Promise<void> {
  await db
    .insertInto('fix_proof')
    .values({ ...proof, ended_at: null, taken: null })
    .onConflict((conflict) => conflict.column('run').doUpdateSet({ doing: proof.doing }))
    .execute();
}

/** Safe to repeat: the first end stands. */
export async function endProof(db: Db, run: string, taken: boolean): Promise<void> {
  const end = { ended_at: sql<Date>`clock_timestamp()`, taken };
  await db.updateTable('fix_proof').set(end).where('run', '=', run).where('ended_at', 'is', null).execute();
}

type ShownRow = {
  role: ShownRun['role'];
  calls: number;
  seconds: number;
  doing: string;
  ended: ShownRun['ended'] | null;
};

/** The runs that one message shows, and what code tried of them, oldest first. Their calls are those of turns that have ended. */
async function workRuns(db: Db, board: string): Promise<ShownRun[]> {
  const { rows } = await sql<ShownRow>`
    select r.role, coalesce(r.doing, 'begins') as doing, r.outcome ->> 'kind' as ended,
      extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.started_at)::float as seconds,
      (select coalesce(sum(jsonb_array_length(coalesce(t.outcome -> 'calls', '[]'))), 0) from agent_turn t
        where t.run = r.run)::int as calls, r.started_at, r.run
    from agent_run r where r.board = ${board}
    union all
    select 'proof', p.doing, case when p.taken then 'answered' when not p.taken then 'refused' end,
      extract(epoch from coalesce(p.ended_at, clock_timestamp()) - p.started_at)::float, 0, p.started_at, p.run
    from fix_proof p where p.board = ${board}
    order by started_at, run`.execute(db);
  return rows.map(({ role, calls, seconds, doing, ended }) => ({
    ...{ role, calls, seconds },
    ...(ended == null ? { doing } : { ended }),
  }));
}

/**
 * Keeps what a message says of all the runs that it shows. Runs beside each other change it one after another: a later
 * word of one must not be overwritten by what another has read before.
 */
export async function keepRuns(
  db: Db,
  { ticket, board }: { ticket: string; board: string },
  words: (runs: readonly ShownRun[]) => string,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtext(${`work ${board}`}))`.execute(tx);
    return keepWork(tx, { ticket, key: board, text: words(await workRuns(tx, board)) });
  });
}
