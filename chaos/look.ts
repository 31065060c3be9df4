import pg from 'pg';
import { servingUp, type World } from './world.ts';

/** Where a release is, by the store: only to choose a moment by. What is proved is proved without it. */
export type Look = {
  release: string;
  step: string;
  outcome: { kind: string; at?: string; reasons?: string[] } | null;
  /** Ledger entries by environment: those that are open, and those that are done. */
  open: Record<string, number>;
  done: Record<string, number>;
};

const QUERY = `
  select r.id as release, r.step, r.outcome,
    (select coalesce(jsonb_object_agg(environment, n), '{}') from (
      select ro.environment, count(*) n from rollout_target t join rollout ro on ro.id = t.rollout
      where ro.release = r.id and t.state in ('intent', 'changed') group by 1) entries) as open,
    (select coalesce(jsonb_object_agg(environment, n), '{}') from (
      select ro.environment, count(*) n from rollout_target t join rollout ro on ro.id = t.rollout
      where ro.release = r.id and t.state = 'done' group by 1) entries) as done
  from release r where r.id = $1`;

/** Undefined while the database is away: it may just have been killed. */
export async function lookAt(world: World, release: string): Promise<Look | undefined> {
  return (await readStore<Look>(world, QUERY, [release]))?.[0];
}

/** Rows of the store; undefined while it is away. */
export async function readStore<Row extends object>(
  world: World,
  query: string,
  values: unknown[],
): Promise<Row[] | undefined> {
  const url = servingUp(world)?.databaseUrl;
  if (url === undefined) return undefined;
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 3_000 });
  // The server may be killed between two words.
  let away: Error | undefined;
  client.on('error', (error) => {
    away = error;
  });
  try {
    await client.connect();
    return (await client.query<Row>(query, values)).rows;
  } catch (error) {
    if (servingUp(world) === undefined || isAway(away ?? (error as Error))) return undefined;
    throw error;
  } finally {
    await client.end().catch((error: Error) => {
      if (!isAway(error)) throw error;
    });
  }
}

function isAway(error: Error & { code?: string }): boolean {
  const code = error.code ?? '';
  return (
    /^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|57P0[123])$/.test(code) ||
    /terminated|timeout|not queryable|Connection ended/i.test(error.message)
  );
}
