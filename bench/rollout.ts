/**
 * `npm run bench -- rollout [--runs N] [--nodes N]`
 *
 * Real roll-outs of plain processes through real Temporal, PostgreSQL (its commits not synced) and a worker: seconds per
 * node and how many of them are ours; and from a decision to its effect, as the nodes themselves see it:
 *   - a gate has passed → the next wave's first node is told to stop;
 *   - a node is settled → the next one of its wave is told to stop;
 *   - a person pressed *abort* → the first node that is put back is told to stop.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { candidateOf, type Fixture, openFixture, scratch, until } from '../test/rollout/fixture.ts';
import { median } from './release/statistics.ts';
import { quantile } from './rollout/quantile.ts';
import type { Measured } from './run.ts';

const GOALS = { decisionToEffectP95Ms: 300 };
const ENVIRONMENT = 'bench';

/** Says when it was told to stop, and does so at once. */
const program = (commit: string) => `
const { appendFileSync } = require('node:fs');
process.on('SIGTERM', () => {
  appendFileSync('told-to-stop', Date.now() + '\\n');
  process.exit(0);
});
require('node:http').createServer((_, response) => response.end('${commit}')).listen(Number(process.argv[2]), '127.0.0.1');
`;

type Waits = { gateToStop: number[]; nodeToStop: number[]; abortToStop: number[] };
type Node = { total: number; ours: number };

export async function bench(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: { runs: { type: 'string', default: '5' }, nodes: { type: 'string', default: '6' } },
  });
  const [runs, nodes] = [Number(values.runs), Number(values.nodes)];
  const world = await openBench(nodes);
  const waits: Waits = { gateToStop: [], nodeToStop: [], abortToStop: [] };
  const perNode: Node[] = [];
  try {
    for (let run = 1; run <= runs; run += 1) {
      perNode.push(...(await rollThrough(world, run, waits)));
      process.stderr.write(`run ${run} of ${runs}: ${seconds(perNode)}\n`);
      await rollAndAbort(world, run, waits);
    }
  } finally {
    await world.close();
  }
  const decisions = [...waits.gateToStop, ...waits.nodeToStop, ...waits.abortToStop];
  const told = (list: number[]) => ({ n: list.length, medianMs: median(list), p95Ms: quantile(list, 0.95) });
  const p95 = quantile(decisions, 0.95);
  const figures = {
    ...{ runs, nodes },
    secondsPerNode: hundredths(median(perNode.map(({ total }) => total))),
    oursPerNode: hundredths(median(perNode.map(({ ours }) => ours))),
    decisionToEffect: told(decisions),
    ...{ gateToStop: told(waits.gateToStop), nodeToStop: told(waits.nodeToStop), abortToStop: told(waits.abortToStop) },
  };
  return { figures, goals: GOALS, met: decisions.length > 0 && p95 <= GOALS.decisionToEffectP95Ms };
}

const hundredths = (value: number) => Math.round(value * 100) / 100;

const seconds = (nodes: readonly Node[]) =>
  `${hundredths(median(nodes.map(({ total }) => total)))} s a node, ${hundredths(median(nodes.map(({ ours }) => ours)))} s of them ours`;

async function openBench(nodes: number): Promise<Fixture> {
  const target = (index: number) => ({
    name: `n${index + 1}`,
    rack: `rack-${'abc'[index % 3]}`,
    files: { 'server.cjs': 'server.cjs' },
    start: [process.execPath, 'server.cjs', '{port}'],
    ready: { http: 'http://127.0.0.1:{port}/' },
    commit: { http: 'http://127.0.0.1:{port}/' },
  });
  const environment = {
    system: 'process',
    targets: Array.from({ length: nodes }, (_, index) => target(index)),
    rollout: { returnSeconds: 30, stopGraceSeconds: 5 },
    gates: { profile: 'compressed', warmUpSeconds: 0, bakeSeconds: 1, beatSeconds: 1 },
  };
  const world = await openFixture({ [ENVIRONMENT]: environment });
  await world.up(ENVIRONMENT, (await candidate(world, 'aaaaaaaaaaaa')).artifacts);
  return world;
}

async function candidate(world: Fixture, commit: string) {
  const file = join(scratch(world.root, commit), 'server.cjs');
  writeFileSync(file, program(commit));
  const artifact = { name: 'server.cjs', ...(await world.store.put({ file })) };
  return candidateOf('shop', `1.0-${commit}`, commit, [artifact]);
}

const commitOf = (n: number) => n.toString(16).padStart(12, 'b');

async function rollThrough(world: Fixture, run: number, waits: Waits): Promise<Node[]> {
  const release = `shop-${2 * run}`;
  const outcome = await world.rollOut(ENVIRONMENT, release, await candidate(world, commitOf(2 * run)));
  if (outcome.kind !== 'promoted') throw new Error(`${release} ended as ${JSON.stringify(outcome)}`);
  const rollout = `${release}/1/${ENVIRONMENT}`;
  const rows = await world.db
    .selectFrom('rollout_target')
    .select(['target', 'seconds', 'intended_at', 'ended_at'])
    .where('rollout', '=', rollout)
    .orderBy('intended_at')
    .execute();
  const waves = await world.db
    .selectFrom('rollout_wave')
    .select(['targets', 'ended_at'])
    .where('rollout', '=', rollout)
    .execute();
  const stops = await stopsOf(world);
  for (const [index, row] of rows.entries()) {
    const before = rows[index - 1];
    const stop = stops.get(row.target)?.at(-1);
    if (!before?.ended_at || stop === undefined) continue;
    const gate = waves.find(({ targets }) => targets.includes(before.target) && !targets.includes(row.target));
    const decided = gate?.ended_at ?? before.ended_at;
    (gate ? waits.gateToStop : waits.nodeToStop).push(Math.max(0, stop - decided.getTime()));
  }
  return rows.map(({ seconds: took }) => ({ total: took?.total ?? 0, ours: took?.ours ?? 0 }));
}

/** Aborted while the first wave bakes: one node is put back. */
async function rollAndAbort(world: Fixture, run: number, waits: Waits): Promise<void> {
  const release = `shop-${2 * run + 1}`;
  const asked = await world.requested(ENVIRONMENT, release, await candidate(world, commitOf(2 * run + 1)));
  const rollout = `${release}/1/${ENVIRONMENT}`;
  await until('it bakes', async () => (await world.progress(rollout).catch(() => undefined))?.step === 'bake');
  await sleep(200);
  const pressed = Date.now();
  await world.brake(ENVIRONMENT, { kind: 'abort', by: 'bench', reason: 'measured' });
  const outcome = await asked.result();
  if (outcome.kind !== 'aborted') throw new Error(`${release} ended as ${JSON.stringify(outcome)}`);
  const told = [...(await stopsOf(world)).values()].flat().filter((at) => at >= pressed);
  if (told.length > 0) waits.abortToStop.push(Math.min(...told) - pressed);
}

/** When each node was told to stop, by its own word; a node's file is as old as its folder. */
async function stopsOf(world: Fixture): Promise<Map<string, number[]>> {
  const targets = await world.driver(ENVIRONMENT).targets();
  return new Map(
    targets.flatMap(({ name, dir }) => {
      const lines = readFileSync(join(dir, 'told-to-stop'), { encoding: 'utf8', flag: 'a+' });
      return [[name, lines.split('\n').filter(Boolean).map(Number)] as const];
    }),
  );
}
