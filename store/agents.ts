import { type Generated, sql } from 'kysely';
import type { AgentOutcome, ToolCall, Turn } from '../workflows/agent-types.ts';
import type { Digest } from '../workflows/types.ts';
import type { Db } from './database.ts';

export interface AgentTables {
  agent_run: {
    run: string;
    release: string;
    role: string;
    brief: string;
    started_at: Generated<Date>;
    ended_at: Date | null;
    outcome: AgentOutcome | null;
    transcript: string | null;
    turns: Generated<number>;
    tokens: Generated<number>;
    money: Generated<number>;
    /** The message of a thread that shows it (store/work.ts), and what it does for that. */
    board: string | null;
    doing: string | null;
  };
  agent_turn: { run: string; turn: number; outcome: Turn; results: Record<string, Digest>; at: Generated<Date> };
}

/** Safe to repeat. */
export async function openAgentRun(
  db: Db,
  { board, ...run }: { run: string; release: string; role: string; brief: string; board?: string | undefined },
): Promise<void> {
  await db
    .insertInto('agent_run')
    .values({ ...run, ended_at: null, outcome: null, transcript: null, board: board ?? null, doing: null })
    .onConflict((oc) => oc.doNothing())
    .execute();
}

/** What this turn ended with, if it did: it is not paid again. */
export async function finishedTurn(db: Db, run: string, turn: number): Promise<Turn | undefined> {
  const row = await db
    .selectFrom('agent_turn')
    .select('outcome')
    .where('run', '=', run)
    .where('turn', '=', turn)
    .executeTakeFirst();
  return row?.outcome;
}

/**
 * Keeps a turn, and counts what it cost for its run, in one statement: whatever was paid is counted once. Returns what is
 * kept: where two attempts ended the same turn, the first one's.
 */
export async function keepTurn(
  db: Db,
  { run, turn, outcome, results }: { run: string; turn: number; outcome: Turn; results: Record<string, Digest> },
): Promise<Turn> {
  const { rows } = await sql<{ outcome: Turn }>`
    with kept as (
      insert into agent_turn (run, turn, outcome, results)
      values (${run}, ${turn}, ${JSON.stringify(outcome)}::jsonb, ${JSON.stringify(results)}::jsonb)
      on conflict do nothing returning outcome
    ), paid as (
      update agent_run set turns = turns + 1, tokens = tokens + ${outcome.tokens}, money = money + ${outcome.money}
      where run = ${run} and ended_at is null and exists (select from kept)
    )
    select outcome from kept`.execute(db);
  return rows[0]?.outcome ?? (await finishedTurn(db, run, turn)) ?? outcome;
}

/** The whole of what one call of this run was answered, by digest: no other run's. */
export async function wholeResult(db: Db, run: string, call: string): Promise<Digest | undefined> {
  const row = await db
    .selectFrom('agent_turn')
    .select(sql<string>`results ->> ${call}`.as('digest'))
    .where('run', '=', run)
    .where(sql<boolean>`results ? ${call}`)
    .executeTakeFirst();
  return row?.digest;
}

/** What this run's calls of one tool were given and, in whole, answered. Of the present turn nothing. */
export async function answersOf(db: Db, run: string, tool: string): Promise<{ call: ToolCall; whole: Digest }[]> {
  const turns = await db.selectFrom('agent_turn').select(['outcome', 'results']).where('run', '=', run).execute();
  const answered = new Map(turns.flatMap(({ results }) => Object.entries(results)));
  const calls = turns.flatMap(({ outcome }) => (outcome.kind === 'calls' ? outcome.calls : []));
  return calls.flatMap((call) => {
    const whole = answered.get(call.id);
    return call.name === tool && whole !== undefined ? [{ call, whole }] : [];
  });
}

/** Safe to repeat: the first end stands. */
export async function closeAgentRun(db: Db, run: string, outcome: AgentOutcome): Promise<void> {
  const { turns, tokens, money } = outcome.spent;
  await db
    .updateTable('agent_run')
    .set({
      ended_at: sql`clock_timestamp()`,
      outcome: JSON.stringify(outcome) as never,
      transcript: outcome.transcript,
      turns,
      tokens,
      money,
    })
    .where('run', '=', run)
    .where('ended_at', 'is', null)
    .execute();
}

/** The runs of a release, oldest first. */
export async function agentRuns(db: Db, release: string) {
  return db.selectFrom('agent_run').selectAll().where('release', '=', release).orderBy('started_at').execute();
}

export async function findAgentRun(db: Db, run: string) {
  return db.selectFrom('agent_run').selectAll().where('run', '=', run).executeTakeFirst();
}

/** The newest turn that has ended, of a run that goes on. */
export async function lastTurn(db: Db, run: string): Promise<Turn | undefined> {
  const row = await db
    .selectFrom('agent_turn')
    .select('outcome')
    .where('run', '=', run)
    .orderBy('turn', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.outcome;
}

/** Tests that accepted changes of agents add or touch, by the run that made the change. */
export async function testsByAgents(db: Db, release: string): Promise<{ run: string; path: string }[]> {
  const { rows } = await sql<{ run: string; path: string }>`
    select run, path from agent_run, jsonb_array_elements_text(coalesce(outcome -> 'tests', '[]')) with ordinality as t (path, n)
    where release = ${release} order by started_at, run, n`.execute(db);
  return rows;
}
