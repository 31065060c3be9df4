import { afterAll, beforeAll, expect, test } from 'vitest';
import { runText, showAgentRun } from '../../cli/commands/agent.ts';
import { settingsSchema } from '../../config/schema.ts';
import { agentTotals } from '../../store/agent-spent.ts';
import { agentRuns } from '../../store/agents.ts';
import { findRelease, openRelease } from '../../store/releases.ts';
import { appendMessage } from '../../store/thread.ts';
import type { Diagnosis } from '../../workflows/agent-types.ts';
import { type AgentWorld, KEY, lastOutputs, openAgentWorld, PLANTED } from './world.ts';

let world: AgentWorld;
beforeAll(async () => {
  world = await openAgentWorld();
}, 120_000);
afterAll(() => world?.stop(), 60_000);

const GOOD: Diagnosis = {
  cause: 'The patch adds the second summand twice, so that 2 and 3 make 8.',
  quotes: [
    { where: 'candidate', file: 'src/Sum.java', line: 3, text: 'return a + b + b;' },
    { where: 'log', text: 'expected: <5> but was: <8>' },
  ],
  confidence: 'high',
  todo: 'Take the second `+ b` out of the patch.',
};
const answer = (change: Partial<Diagnosis> = {}) => ({
  calls: [['answer', { ...GOOD, ...change }]] as [string, unknown][],
});

test('it reads, answers, and what it rests on is there', async () => {
  world.model.play((request, turn) => {
    if (turn === 1) {
      return {
        calls: [
          ['show_patch', { commit: world.subject.candidate }],
          ['read_file', { arm: 'candidate', path: 'src/Sum.java' }],
          ['search', { arm: 'base', pattern: 'Sum\\.of', under: 'src' }],
          ['evidence', { what: 'log' }],
          ['status', { environment: 'staging' }],
          ['status', { environment: 'of-somebody-else' }],
        ],
      };
    }
    const [patch, file, found, log, live, none] = lastOutputs(request);
    expect(patch).toContain('+    return a + b + b;');
    expect(file).toContain('3     return a + b + b;');
    expect(found).toContain('src/SumTest.java:3:');
    expect(log).toContain('left out: read_on {"call":"');
    expect(live).toBe('staging was never brought up');
    expect(none).toContain('there are: staging');
    expect(request.tools?.length).toBeLessThanOrEqual(13);
    return answer();
  });
  const outcome = await world.diagnose();
  if (outcome.kind !== 'answered') throw new Error(JSON.stringify(outcome));
  expect(outcome).toMatchObject({ kind: 'answered', spent: { turns: 2, tokens: 2_000 } });
  expect(outcome.spent.money).toBeCloseTo((2 * (900 + 100 * 10)) / 1e6);
  if (outcome.kind !== 'answered') return;
  expect(JSON.parse((await world.artifacts.read(outcome.answer)).toString())).toEqual(GOOD);
  const words = await world.agent.diagnosisText(world.subject, outcome.answer);
  expect(words).toContain('src/Sum.java:3 «return a + b + b;»');
  expect(words).toContain('its conclusion is not proven');
  expect(world.model.requests[0]?.authorization).toBe(`Bearer ${KEY}`);
  const [first] = await agentRuns(world.db, 'sum-1');
  expect(first).toMatchObject({ role: 'diagnose', turns: 2, outcome: { kind: 'answered' } });
});

test('what it was given is recorded by layer, is within its budgets, and can be shown', async () => {
  world.model.play((request, turn) => {
    if (turn === 1) {
      const brief = JSON.stringify(request.input[1]);
      for (const title of ['What changed', 'Owners', 'Outline', 'Runbooks', 'Memory', 'What runs now']) {
        expect(brief).toContain(`## ${title}`);
      }
      expect(brief).toContain('src/Sum.java +1 -1');
      expect(brief).toContain('2   static int of(int a, int b)');
      return {
        calls: [
          ['read_skill', { name: 'kafka-triage' }],
          ['read_skill', { name: 'kafka-triage', file: 'references/signatures.md' }],
          ['read_skill', { name: 'kafka-triage', file: '../flaky-test/SKILL.md' }],
          ['read_skill', { name: 'of-somebody-else' }],
        ],
      };
    }
    const [body, reference, outside, unknown] = lastOutputs(request);
    expect(body).toMatch(/^# Triage of a failing Kafka test/m);
    expect(body).not.toContain('license:');
    expect(reference).toContain('exit 137');
    expect(outside).toContain('is no file of "kafka-triage"');
    expect(unknown).toContain('you were given no skill "of-somebody-else"');
    return answer();
  });
  const { run } = await world.diagnose();
  const view = await showAgentRun({ ...world, settings: settingsSchema.parse({ forks: {} }) }, run);
  expect(view.layers).toHaveLength(6);
  expect(view.skills.map(({ name }) => name)).toContain('flaky-test');
  const shown = runText(view);
  expect(shown).toMatch(
    /It was given\n {2}What changed, its tests and past releases: \d+ characters \(8000 at the most\)/,
  );
  expect(shown).toMatch(/skills to read: .*kafka-triage [0-9a-f]{12}/);
  // A record for people: the model is sent the words alone.
  expect(JSON.stringify(world.model.requests)).not.toContain('"layers"');
});

test('it looks up documents and past releases of its fork; no thread of another fork or of a ticket', async () => {
  const order = { ref: 'main', requestedBy: 'a', suites: [], environments: [], settings: world.settings };
  const [past, others] = [
    await openRelease(world.db, { ...order, fork: 'sum' }),
    await openRelease(world.db, { ...order, fork: 'product' }),
  ];
  for (const release of [past, others, 'T0:C0:1.1'])
    await appendMessage(world.db, { release, key: `${release}/told`, text: `told in ${release}` });
  world.model.play((request, turn) => {
    const asked = ['', past, others, 'T0:C0:1.1'].map((what): [string, unknown] => [
      'look_up',
      { in: 'releases', what },
    ]);
    if (turn === 1) return { calls: [...asked, ['look_up', { in: 'docs', what: 'how sums are made' }]] };
    const [newest, its, other, ticket, docs] = lastOutputs(request);
    expect(newest).toContain(`${past} main: `);
    expect(newest).not.toContain(others);
    expect(its).toContain(`told in ${past}`);
    expect([other, ticket]).toEqual(['there is no such release', 'there is no such release']);
    expect(docs).toBe('there is no knowledge configured');
    return answer();
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered', spent: { turns: 2 } });
});

test('whoever looks into a ticket reads what failed in a release, and runbooks; no thread of a ticket', async () => {
  const { db, settings } = world;
  const places = [{ name: 'sum', commit: world.subject.candidate }];
  if ((await findRelease(db, 'sum-1')) === undefined)
    await openRelease(db, {
      ...{ ref: 'main', requestedBy: 'a', suites: [], environments: [], settings },
      fork: 'sum',
    });
  const run = 'T0:C0:1.1/1/1-1/investigate';
  const of = { run, release: 'T0:C0:1.1', settings };
  const prepared = await world.agent.prepareInvestigation({ ...of, said: ['dan: why?'], places });
  if (prepared.kind !== 'ready') throw new Error('there is no model');
  const evidence = (more: object): [string, unknown] => ['evidence', { release: 'sum-1', ...more }];
  const test = 'SumTest#adds()';
  const left: string[] = [];
  world.model.play((request, turn) => {
    if (turn === 1) {
      expect(request.tools?.length).toBeLessThanOrEqual(13);
      expect(JSON.stringify(request.input)).toMatch(/kafka-triage: .*flaky-test|flaky-test: .*kafka-triage/);
      expect(JSON.stringify(request.input)).not.toContain('review-tests:');
      const calls = [evidence({}), evidence({ what: 'log', test }), evidence({ test: 'No#such()' })];
      const others: [string, unknown][] = [
        ['evidence', { release: 'T0:C0:1.1' }],
        ['read_skill', { name: 'kafka-triage' }],
        ['read_skill', { name: 'review-tests' }],
        ['logs', { environment: 'staging', node: 'one' }],
      ];
      return { calls: [...calls, ...others] };
    }
    left.push(...lastOutputs(request));
    const why = 'Whatever it is, nothing of ours should be changed.';
    return { calls: [['plan', { kind: 'none', target: '', what: 'nothing at all', why, quotes: [] }]] };
  });
  const subject = { fork: '', base: '', candidate: '', places, ticket: of.release };
  const order = { ...of, role: 'investigate', subject, brief: prepared.brief, budget: prepared.budget };
  const started = { workflowId: `agent:${run}`, taskQueue: 'patchwright', args: [order] };
  expect(await (await world.client.workflow.start('agentRun', started)).result()).toMatchObject({ kind: 'answered' });
  const [verdicts, log, none, ticket, runbook, reviewers, logs] = left;
  expect(verdicts).toContain(`sum-1/1/fast: ${test}: regression; `);
  expect(verdicts).not.toContain('proof: ');
  expect(log).toContain('line 0 of the log');
  expect(log).not.toContain(PLANTED);
  expect([none, ticket]).toEqual(['it has no verdict of this test', 'there is no such release']);
  expect(runbook).toMatch(/^# Triage of a failing Kafka test/m);
  expect(reviewers).toContain('you were given no skill "review-tests"');
  expect(logs).toBe('staging was never brought up');
});

test('no secret of a log reaches the model, by whatever tool it is read', async () => {
  world.model.play((request, turn) => {
    if (turn === 1) return { calls: [['evidence', { what: 'log' }]] };
    const call = /"call":"([^"]+)"/.exec(lastOutputs(request)[0] ?? '')?.[1];
    if (turn === 2) return { calls: [['read_on', { call, from: 60_000 }]] };
    expect(lastOutputs(request)[0]).toContain('credentials');
    return answer();
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered', spent: { turns: 3 } });
  const sent = JSON.stringify(world.model.requests);
  expect(sent).toContain('expected: <5> but was: <8>');
  expect(sent).not.toContain(PLANTED);
});

test.each<[lie: string, change: Partial<Diagnosis>, told: RegExp]>([
  [
    'a line that is not there',
    { quotes: [{ where: 'candidate', file: 'src/Sum.java', text: 'return a - b;' }] },
    /does not stand in src\/Sum\.java/,
  ],
  [
    'a line that is elsewhere',
    { quotes: [{ where: 'log', line: 5, text: 'expected: <5> but was: <8>' }] },
    /stands in line 3001/,
  ],
  [
    'a file that does not exist',
    { quotes: [{ where: 'base', file: 'src/Product.java', text: 'return a' }] },
    /does not exist/,
  ],
  [
    'a path outside of the repository',
    { quotes: [{ where: 'base', file: '../../etc/passwd', text: 'root:' }] },
    /does not exist/,
  ],
  ['nothing that it rests on', { quotes: [] }, /quotes no line/],
])('%s is caught and goes back to it', async (_, change, told) => {
  world.model.play((request, turn) => {
    if (turn === 1) return answer(change);
    expect(lastOutputs(request)[0]).toMatch(told);
    return answer();
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered', spent: { turns: 2 } });
});

test('a model that goes on lying is ended, and the reason says so', async () => {
  world.model.play((_, turn) => answer({ quotes: [{ where: 'log', text: `invented ${turn}` }] }));
  const outcome = await world.diagnose();
  expect(outcome).toMatchObject({ kind: 'gave-up', reason: expect.stringContaining('code refused 4 of its answers') });
});

test('the same call again and again is noticed, between others and in other clothes: first by a sentence', async () => {
  world.model.play((_, turn) => {
    if (turn % 2 === 0) return { calls: [['search', { arm: 'base', pattern: `x${turn}` }]] };
    return { calls: [['list_files', turn === 3 ? '{ "under":"",\n "arm": "base" }' : { arm: 'base', under: '' }]] };
  });
  const outcome = await world.diagnose();
  expect(outcome).toMatchObject({ kind: 'gave-up', spent: { turns: 7 } });
  expect(outcome).toMatchObject({ reason: expect.stringContaining('4 times and was answered the same') });
  const told = (at: number) =>
    JSON.stringify(world.model.requests[at]?.input.at(-1)).includes('Once more ends your run');
  expect([told(4), told(5), told(6)]).toEqual([false, true, false]);
});

test('broken calls are news for the model: no such tool, no JSON, wrong arguments, a text of somebody else', async () => {
  const wrong: [string, unknown][] = [
    ['shell', { command: 'id' }],
    ['read_file', '{"arm":'],
    ['read_file', { arm: 'production', path: 'x' }],
    ['read_file', { arm: 'base', path: '../world.ts' }],
    ['show_patch', { commit: world.subject.base }],
    ['read_on', { call: 'call_9', from: 0 }],
  ];
  world.model.play((request, turn) => {
    if (turn === 1) return { calls: wrong };
    const told = lastOutputs(request);
    expect(told[0]).toContain('there is no tool "shell"');
    expect(told[1]).toContain('not JSON');
    expect(told[2]).toContain('arm:');
    expect(told[3]).toContain('does not exist');
    expect(told[4]).toContain('is no patch of this stack');
    expect(told[5]).toContain('no earlier call of yours');
    return answer();
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered' });
});

test('a budget ends it, with a warning before the last turn', async () => {
  world.model.play((_, turn) => ({ calls: [['search', { arm: 'base', pattern: `x${turn}` }]] }));
  const outcome = await world.diagnose({ turns: 3 });
  expect(outcome).toMatchObject({
    kind: 'out-of-budget',
    reason: expect.stringContaining('3 turns'),
    spent: { turns: 3 },
  });
  expect(JSON.stringify(world.model.requests[1]?.input)).not.toContain('your last turn');
  expect(JSON.stringify(world.model.requests[2]?.input)).toContain('your last turn');
});

test('words without a call and half an answer are told back, and do not go on for ever', async () => {
  world.model.play((request, turn) => {
    if (turn === 1) return { text: 'The test is wrong, trust me.' };
    if (turn === 2) {
      expect(JSON.stringify(request.input.at(-1))).toContain('Nobody reads words');
      return { cutOff: true };
    }
    expect(JSON.stringify(request.input.at(-1))).toContain('was cut off');
    return answer();
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered', spent: { turns: 3 } });
  world.model.play(() => ({ text: 'Still no call.' }));
  expect(await world.diagnose()).toMatchObject({ kind: 'gave-up', spent: { turns: 3 } });
});

test('a busy model is waited for as long as it says; a broken one is tried again', async () => {
  world.model.play((_, turn) => {
    if (turn === 1) return { status: 429, retryAfterMs: 300 };
    return turn === 2 ? { status: 503 } : answer();
  });
  expect(await world.diagnose()).toMatchObject({ kind: 'answered', spent: { turns: 1 } });
  expect(world.model.requests).toHaveLength(3);
});

test('a stream that breaks off, and one that says nothing more, are asked again; nothing of them is acted on', async () => {
  world.model.play((_, turn) => {
    if (turn === 1) return { brokenOff: true };
    return turn === 2 ? { silent: true } : answer();
  });
  expect(await world.diagnose({}, world.impatient)).toMatchObject({ kind: 'answered', spent: { turns: 1 } });
  expect(world.model.requests).toHaveLength(3);
});

test.each<[what: string, answer: Parameters<AgentWorld['model']['play']>[0], reason: string]>([
  ['a wrong key', () => ({ status: 401 }), 'key is refused'],
  ['no quota', () => ({ status: 429, code: 'insufficient_quota' }), 'no quota left'],
  ['no such model', () => ({ status: 404 }), 'there is no model "scripted"'],
  ['a refusal', () => ({ refusal: 'I will not.' }), 'refused the task'],
  ['a filter of the server', () => ({ filtered: true }), 'a filter of the model’s server'],
])('%s ends it at once, in words for a person', async (_, script, reason) => {
  world.model.play(script);
  expect(await world.diagnose()).toMatchObject({ kind: 'no-model', reason: expect.stringContaining(reason) });
  expect(world.model.requests).toHaveLength(1);
});

test('a turn that has ended is not paid again', async () => {
  world.model.play(() => ({ calls: [['list_files', { arm: 'base' }]] }));
  const { run, brief } = await world.diagnose({ turns: 1 });
  const order = {
    ...{ run, role: 'diagnose' as const, release: 'sum-1', settings: world.settings, subject: world.subject, brief },
    budget: { turns: 1, tokens: 1e6, money: 1, minutes: 1 },
  };
  const again = await world.agent.takeTurn(order, 1, brief, {});
  expect(again).toMatchObject({ kind: 'calls', tokens: 1_000 });
  expect(world.model.requests).toHaveLength(1);
  expect((await agentTotals(world.db, 'sum-1')).runs).toBeGreaterThan(10);
});

test('without a model nothing is asked', async () => {
  const { subject, patches, without } = world;
  const request = { run: 'sum-1/1/diagnose/fast/none', release: 'sum-1', settings: without, subject, patches };
  expect(await world.agent.prepareDiagnosis(request)).toEqual({ kind: 'no-model' });
});
