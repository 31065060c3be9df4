import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../store/artifacts.ts';
import type { AgentOrder, ToolCall, Turn } from '../../workflows/agent-types.ts';
import { type AgentWorld, openAgentWorld, QUOTED } from './world.ts';

let world: AgentWorld;
beforeAll(async () => {
  world = await openAgentWorld();
}, 120_000);
afterAll(() => world?.stop(), 60_000);

let number = 0;

/** A run that no workflow drives: its turns are asked for here. */
async function begun(role: AgentOrder['role'] = 'diagnose'): Promise<AgentOrder> {
  number += 1;
  const { settings, subject, patches } = world;
  const of = { run: `sum-1/1/turns/${number}`, release: 'sum-1', settings, subject };
  const prepared = await world.agent.prepareDiagnosis({ ...of, patches });
  if (prepared.kind !== 'ready') throw new Error('there is no model');
  return { ...of, role, brief: prepared.brief, budget: prepared.budget };
}

const callsOf = (turn: Turn): ToolCall[] => (turn.kind === 'calls' ? turn.calls : []);
const resultsOf = (turn: Turn) => (turn.kind === 'calls' ? turn.results : undefined);
const wholeOf = async (whole = '') => (await world.artifacts.read(whole)).toString();

test('calls that read are answered with their turn where it is asked for, and never with one that was kept', async () => {
  world.model.play(() => ({
    calls: [
      ['list_files', { arm: 'base' }],
      ['search', { arm: 'base', pattern: 'no such words' }],
    ],
  }));
  const [order, older] = [await begun(), await begun()];
  const turn = await world.agent.takeTurn(order, 1, order.brief, { files: null });
  expect(resultsOf(turn)?.map(({ id }) => id)).toEqual(callsOf(turn).map(({ id }) => id));
  expect(await wholeOf(resultsOf(turn)?.[1]?.whole)).toBe('nothing matches');

  const { results: _, ...kept } = turn as Extract<Turn, { kind: 'calls' }>;
  expect(await world.agent.takeTurn(order, 1, order.brief, { files: null })).toEqual(kept);
  // A history of before makes the calls itself.
  expect(resultsOf(await world.agent.takeTurn(older, 1, older.brief, {}))).toBeUndefined();
});

test('a repair reads its own files as they are, and what hands them in is a call of its own', async () => {
  const order = await begun('repair');
  const tree = execFileSync('git', ['rev-parse', `${world.subject.base}^{tree}`], { cwd: world.clone }).toString();
  const files = { tree: tree.trim(), patch: order.brief };
  world.model.play((_, turn) => ({
    calls: [
      ['read_file', { arm: 'mine', path: 'src/Sum.java' }],
      ...(turn === 1 ? [] : [['propose', {}] as [string, unknown]]),
    ],
  }));
  const turn = await world.agent.takeTurn(order, 1, order.brief, { files });
  expect(await wholeOf(resultsOf(turn)?.[0]?.whole)).toContain('return a + b;');
  expect(resultsOf(await world.agent.takeTurn(order, 2, turn.head, { files }))).toBeUndefined();
});

test('a call that fails for a reason of ours is left to an activity of its own', async () => {
  world.model.play(() => ({
    calls: [
      ['list_files', { arm: 'base' }],
      ['evidence', { what: 'difference' }],
    ],
  }));
  const order = await begun();
  const file = world.artifacts.path(digestOf(`connects with password="${QUOTED}"\n`));
  const bytes = readFileSync(file);
  chmodSync(file, 0o644);
  writeFileSync(file, 'damaged');
  const turn = await world.agent
    .takeTurn(order, 1, order.brief, { files: null })
    .finally(() => writeFileSync(file, bytes));
  expect(callsOf(turn)).toHaveLength(2);
  expect(resultsOf(turn)).toBeUndefined();
  const [, call] = callsOf(turn);
  if (call) expect(await world.agent.useTool(order, call)).toMatchObject({ id: call.id });
});

test('where two attempts end one turn, both tell of the first one’s', async () => {
  const both = Promise.withResolvers<void>();
  world.model.play(async (_, asked) => {
    if (asked === 2) both.resolve();
    await both.promise;
    return asked === 1 ? { cutOff: true } : { filtered: true };
  });
  const order = await begun();
  const [one, other] = await Promise.all(
    [1, 2].map(() => world.agent.takeTurn(order, 1, order.brief, { files: null })),
  );
  expect(other).toEqual(one);
});
