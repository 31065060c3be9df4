import { type Kysely, sql } from 'kysely';

/** Runs of agents, each finished turn (so that none is paid twice), and what diagnoses were accepted. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table agent_run (
      run text primary key,
      release text not null,
      role text not null,
      brief text not null,
      started_at timestamptz not null default clock_timestamp(),
      ended_at timestamptz,
      -- as AgentEnd
      outcome jsonb,
      transcript text,
      turns int not null default 0,
      tokens bigint not null default 0,
      money numeric not null default 0
    );
    create index agent_run_release on agent_run (release);
    create table agent_turn (
      run text not null references agent_run,
      turn int not null,
      -- as Turn
      outcome jsonb not null,
      -- call id to the whole of what the tool answered, of which this turn was given head and tail
      results jsonb not null,
      at timestamptz not null default clock_timestamp(),
      primary key (run, turn)
    );
  `.execute(db);
}
