import { join } from 'node:path';
import pg from 'pg';
import { createArtifactStore } from '../../store/artifacts.ts';
import type { Kill } from '../kill.ts';
import { briefName, type Question } from '../slow-model.ts';
import { servingUp, type World } from '../world.ts';

export type Turns = { problems: string[]; runs: number; turns: number; questions: number; askedAgain: number };
type Row = { run: string; turn: number; at: Date; brief: string };

/**
 * What the model's server was asked, beside what the store has: every turn that ended was asked; none was asked once it
 * had ended; one was asked again only where somebody was killed after it had been asked; nothing was asked that no run is for.
 */
export async function proveTurns(
  world: World,
  release: string,
  asked: readonly Question[],
  kills: readonly Kill[],
): Promise<Turns> {
  const rows = await turnsOf(world, release);
  const artifacts = createArtifactStore(join(world.data, 'artifacts'));
  const names = new Map<string, string>();
  for (const { run, brief } of rows) {
    if (names.has(run)) continue;
    const { items } = JSON.parse((await artifacts.read(brief)).toString('utf8')) as {
      items: Record<string, unknown>[];
    };
    names.set(run, briefName(items));
  }
  const problems: string[] = [];
  let askedAgain = 0;
  for (const { run, turn, at } of rows) {
    const times = asked.filter((one) => one.brief === names.get(run) && one.turn === turn).map(({ atMs }) => atMs);
    askedAgain += Math.max(0, times.length - 1);
    if (times.length === 0) problems.push(`${run}, turn ${turn}: it ended and was never asked`);
    const late = times.filter((ms) => ms > at.getTime());
    if (late.length > 0) problems.push(`${run}, turn ${turn}: asked ${late.length} times after it had ended`);
    for (const [i, ms] of times.entries()) {
      const before = times[i - 1];
      if (before === undefined || kills.some(({ atMs }) => atMs >= before && atMs <= ms)) continue;
      problems.push(`${run}, turn ${turn}: asked again, and nobody was killed in between`);
    }
  }
  const known = new Set(names.values());
  const strange = asked.filter(({ brief }) => !known.has(brief)).length;
  if (strange > 0) problems.push(`the model was asked ${strange} questions of which no turn of ${release} is kept`);
  return { problems, runs: names.size, turns: rows.length, questions: asked.length, askedAgain };
}

async function turnsOf(world: World, release: string): Promise<Row[]> {
  const url = servingUp(world)?.databaseUrl;
  if (url === undefined) throw new Error('`up` does not serve: the turns cannot be read');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Row>(
      `select t.run, t.turn, t.at, r.brief from agent_turn t join agent_run r using (run) where r.release = $1 order by t.at`,
      [release],
    );
    return rows;
  } finally {
    await client.end();
  }
}
