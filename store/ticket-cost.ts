import { sql } from 'kysely';
import type { Db } from './database.ts';

/** In the currency of `model.price`. */
export type Cost = { questions: number; tokens: number; money: number };

/** What models were paid: for answers, and for the agents of fixes. */
export type TicketCost = Record<'answers' | 'agents', Cost>;

/** Counts one more question that was paid. Not to be repeated: each question costs, and so each is counted. */
export async function payForAnswer(db: Db, ticket: string, cost: { tokens: number; money: number }): Promise<void> {
  await sql`update ticket set answer_questions = answer_questions + 1, answer_tokens = answer_tokens + ${cost.tokens},
    answer_money = answer_money + ${cost.money} where id = ${ticket}`.execute(db);
}

/** What a ticket cost by now, or all of them; a run that goes on counts with each turn. */
export async function ticketCost(db: Db, ticket?: string): Promise<TicketCost> {
  const one = ticket ?? null;
  const { rows } = await sql<{ who: 'answers' | 'agents'; questions: string; tokens: string; money: string }>`
    select 'answers' as who, coalesce(sum(answer_questions), 0) as questions,
      coalesce(sum(answer_tokens), 0) as tokens, coalesce(sum(answer_money), 0) as money
    from ticket where ${one}::text is null or id = ${one}
    union all select 'agents', coalesce(sum(turns), 0), coalesce(sum(tokens), 0), coalesce(sum(money), 0)
    from agent_run where release in (select id from ticket where ${one}::text is null or id = ${one})`.execute(db);
  const of = (who: 'answers' | 'agents'): Cost => {
    const { questions = 0, tokens = 0, money = 0 } = rows.find((row) => row.who === who) ?? {};
    return { questions: Number(questions), tokens: Number(tokens), money: Number(money) };
  };
  return { answers: of('answers'), agents: of('agents') };
}
