import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentTotals } from '../../store/agent-spent.ts';
import { agentRuns } from '../../store/agents.ts';
import { keepSettings } from '../../store/releases.ts';
import { neededDigests } from '../../store/retention.ts';
import { threadOf } from '../../store/thread.ts';
import { type AgentWorld, lastOutputs, openAgentWorld, QUOTED } from './world.ts';

let world: AgentWorld;
beforeAll(async () => {
  world = await openAgentWorld();
}, 120_000);
afterAll(() => world?.stop(), 60_000);

const ANSWER: [string, unknown] = [
  'answer',
  {
    cause: 'The patch adds the second summand twice.',
    quotes: [{ where: 'candidate', file: 'src/Sum.java', line: 3, text: 'return a + b + b;' }],
    confidence: 'high',
    todo: 'Take it out again.',
  },
];
const runOf = async (run: string) => (await agentRuns(world.db, 'sum-1')).find((one) => one.run === run);

test('a secret between quotes does not leave with the brief', async () => {
  world.model.play(() => ({ calls: [ANSWER] }));
  expect(await world.diagnose()).toMatchObject({ kind: 'answered' });
  const sent = JSON.stringify(world.model.requests);
  expect(sent).toContain('connects with password=');
  expect(sent).not.toContain(QUOTED);
});

test('reasoning goes back as it came, and not at all where the model cannot take it back', async () => {
  const secretLike = 'gAAAAABAKIAQWERTYUIOPASDFGHpassword=0123456789abcdef';
  world.model.play((request, turn) => {
    if (turn > 1) {
      const reasoned = request.input.filter(({ type }) => type === 'reasoning');
      expect(reasoned).toMatchObject([{ id: 'rs_1', encrypted_content: secretLike }]);
      return { calls: [ANSWER] };
    }
    const reasoning = [{ id: 'rs_1', encrypted_content: secretLike }, { id: 'rs_2' }];
    return { calls: [['list_files', { arm: 'base' }]], reasoning };
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered', spent: { turns: 2 } });
});

test('of a flood of calls some are made, and each of those has its answer', async () => {
  world.model.play((request, turn) => {
    if (turn === 1)
      return { calls: Array.from({ length: 200 }, (_, i) => ['search', { arm: 'base', pattern: `x${i}` }]) };
    expect(lastOutputs(request)).toHaveLength(16);
    expect(request.input.filter(({ type }) => type === 'function_call')).toHaveLength(16);
    return { calls: [ANSWER] };
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered' });
});

test('lines are counted from the top of the file, and a pattern that is none is told', async () => {
  world.model.play((request, turn) => {
    if (turn === 1) {
      return {
        calls: [
          ['read_file', { arm: 'base', path: 'src/Blank.java' }],
          ['search', { arm: 'base', pattern: '(' }],
        ],
      };
    }
    const [file, found] = lastOutputs(request);
    expect(file).toContain('3 class Blank');
    expect(found).toContain('git grep:');
    return { calls: [ANSWER] };
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered' });
});

test('no call of another run, and no other text of the store, can be read', async () => {
  world.model.play((_, turn) => (turn === 1 ? { calls: [['evidence', { what: 'log' }]] } : { calls: [ANSWER] }));
  const first = await world.diagnose();
  expect(first.kind).toBe('answered');
  world.model.play((request, turn) => {
    if (turn === 1)
      return {
        calls: [
          ['read_on', { call: 'call_1_0', from: 0 }],
          ['read_on', { call: first.brief, from: 0 }],
        ],
      };
    expect(lastOutputs(request)).toEqual([
      'no earlier call of yours has this id',
      'no earlier call of yours has this id',
    ]);
    return { calls: [ANSWER] };
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered' });
});

test('a key that this worker does not have is said at once', async () => {
  world.model.play(() => ({ calls: [ANSWER] }));
  const outcome = await world.diagnose({}, world.withoutKey);
  expect(outcome).toMatchObject({ kind: 'no-model', reason: expect.stringContaining('model.key') });
  expect(world.model.requests).toHaveLength(0);
});

test('a run that is cancelled is closed, and says so', async () => {
  world.model.play(() => ({ status: 429, retryAfterMs: 60_000 }));
  const { handle, order } = await world.begin();
  await expect.poll(() => world.model.requests.length, { timeout: 120_000 }).toBeGreaterThan(0);
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ kind: 'cancelled' });
  expect(await runOf(order.run)).toMatchObject({ ended_at: expect.any(Date), outcome: { kind: 'cancelled' } });
});

test('every entry of a transcript is known to the collector', async () => {
  world.model.play((_, turn) => (turn === 1 ? { calls: [['evidence', { what: 'log' }]] } : { calls: [ANSWER] }));
  const outcome = await world.diagnose();
  const needed = await neededDigests(world.db, 30);
  for (let at: string | undefined = outcome.transcript, entries = 0; at !== undefined; entries += 1) {
    expect(needed.has(at), `entry ${entries} from the end`).toBe(true);
    at = (JSON.parse((await world.artifacts.read(at)).toString()) as { previous?: string }).previous;
  }
  expect(needed.has(outcome.brief)).toBe(true);
  if (outcome.kind === 'answered') expect(needed.has(outcome.answer)).toBe(true);
});

// Another reason of ours, that may pass, ends in the same way, after ten tries.
test('an explanation that fails for a reason of ours is a sentence, and no failure of the release', async () => {
  const settings = await keepSettings(world.db, { of: 'another version' });
  const { fork, base, candidate, suite, suiteRun, unit, test: name } = world.subject;
  const cut = { base: { commit: base }, candidate: { commit: candidate }, patches: world.patches };
  const suites = [{ suite, suiteRun, holding: [{ unit, test: name }] }];
  await world.client.workflow.execute('explainHeld', {
    ...{ workflowId: 'explain:sum-2', taskQueue: 'patchwright' },
    args: [{ input: { release: 'sum-2', settings, fork }, n: 1, cut, suites }],
  });
  const told = (await threadOf(world.db, 'sum-2')).map(({ text }) => text);
  expect(told).toEqual([
    expect.stringMatching(/no explanation by an agent: another version of Patchwright wrote these settings/),
  ]);
});

test('runs beside each other share what is left of their release, are told, and overshoot by a turn at the most', async () => {
  world.model.play((_, turn) => ({ calls: [['search', { arm: 'base', pattern: `x${turn}` }]] }));
  const before = await agentTotals(world.db, 'sum-1');
  const settings = await world.limitedTo({ turns: before.turns + 6 });
  const runs = await Promise.all([world.begin({}, settings), world.begin({}, settings), world.begin({}, settings)]);
  const outcomes = await Promise.all(runs.map(({ handle }) => handle.result()));
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({
      kind: 'out-of-budget',
      reason: expect.stringContaining("the release's budget of"),
    });
  const after = await agentTotals(world.db, 'sum-1');
  expect(after.turns - before.turns).toBeGreaterThanOrEqual(6);
  expect(after.turns - before.turns).toBeLessThanOrEqual(8);
  expect(after).toMatchObject({ runs: before.runs + 3, running: before.running });
  const warned = world.model.requests.filter(({ input }) => JSON.stringify(input.at(-1)).includes('your last turn'));
  expect(warned.length).toBeGreaterThanOrEqual(runs.length);
  const more = { run: 'sum-1/1/diagnose/fast/none-left', release: 'sum-1', settings, subject: world.subject };
  expect(await world.agent.prepareDiagnosis({ ...more, patches: world.patches })).toMatchObject({
    kind: 'no-budget',
    reason: expect.stringMatching(/budget of \d+ turns is used up/),
  });
});
