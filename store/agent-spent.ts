import { sql } from 'kysely';
import type { ReleaseSpent } from '../decisions/agent-budget.ts';
import type { AgentSpent } from '../workflows/agent-types.ts';
import type { Db } from './database.ts';

/** What the agents of a release or a ticket did, and what it cost by now: runs that go on count with each turn. */
export type AgentTotals = ReleaseSpent & { runs: number };

/**
 * Minutes that several runs share are counted once. A run that goes on counts until its last turn, since one that was
 * terminated from outside is never closed; `now` names the run that asks, which counts until this moment.
 */
export async function agentTotals(db: Db, release: string, now?: string): Promise<AgentTotals> {
  const { rows } = await sql<Record<keyof AgentTotals, string>>`
    with one as (
      select r.*, tstzrange(r.started_at, greatest(r.started_at, case
        when r.run = ${now ?? null} then clock_timestamp()
        else coalesce(r.ended_at, (select t.at from agent_turn t where t.run = r.run order by t.turn desc limit 1), r.started_at)
      end)) as during
      from agent_run r where r.release = ${release}
    )
    select count(*) as runs, count(*) filter (where ended_at is null) as running, coalesce(sum(turns), 0) as turns,
      coalesce(sum(tokens), 0) as tokens, coalesce(sum(money), 0) as money,
      coalesce((select sum(extract(epoch from upper(part) - lower(part)))
        from (select unnest(range_agg(during)) as part from one) parts), 0) as seconds
    from one`.execute(db);
  const of = (name: keyof AgentTotals) => Number(rows[0]?.[name] ?? 0);
  return {
    ...{ runs: of('runs'), running: of('running'), turns: of('turns'), tokens: of('tokens'), money: of('money') },
    seconds: Math.round(of('seconds')),
  };
}

/** What one run has spent by now. */
export async function spentBy(db: Db, run: string): Promise<AgentSpent> {
  const { rows } = await sql<Record<keyof AgentSpent, string>>`
    select turns, tokens, money, extract(epoch from coalesce(ended_at, clock_timestamp()) - started_at) as seconds
    from agent_run where run = ${run}`.execute(db);
  const of = (name: keyof AgentSpent) => Number(rows[0]?.[name] ?? 0);
  return { turns: of('turns'), tokens: of('tokens'), money: of('money'), seconds: of('seconds') };
}
