import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expediteQuestion } from '../../decisions/expedite-approval.ts';
import type { ApprovalState, Decision } from '../../workflows/approval-types.ts';
import type { Build } from '../../workflows/types.ts';
import { candidateOf, type Fixture, openFixture, scratch, until } from './fixture.ts';

// Real Temporal, PostgreSQL and processes: what waits for a turn, for the clock, and for nothing any more.
let fixture: Fixture;

const program = (commit: string, body = '') => `
const http = require('node:http');
${body}
http.createServer((_, response) => response.end('${commit}')).listen(Number(process.argv[2]), '127.0.0.1');
`;

/** Whole days around now, in a time zone of its own. */
function aroundNow(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 16);
}

beforeAll(async () => {
  const target = {
    name: 'one',
    files: { 'server.cjs': 'server.cjs' },
    start: [process.execPath, 'server.cjs', '{port}'],
    ready: { http: 'http://127.0.0.1:{port}/' },
    commit: { http: 'http://127.0.0.1:{port}/' },
  };
  const rollout = { soakSeconds: 1, warmUpSeconds: 0, returnSeconds: 5, blockedSeconds: 10, stopGraceSeconds: 3 };
  const plain = { system: 'process', targets: [target], rollout };
  const freezeWindows = [{ name: 'year end', zone: 'UTC', from: aroundNow(-1), to: aroundNow(1), expedited: true }];
  const people = { ada: { name: 'Ada' }, bob: { name: 'Bob' }, eve: { name: 'Eve' } };
  const cooling = { ...plain, coolDownSeconds: 6 };
  const environments = { europe: plain, asia: plain, cooling, shut: { ...plain, freezeWindows } };
  fixture = await openFixture(environments, {}, { people });
  const first = await candidate('aaaaaaaaaaaa');
  for (const name of ['europe', 'asia', 'cooling', 'shut']) await fixture.up(name, first.artifacts);
}, 120_000);

afterAll(async () => {
  await fixture?.close();
}, 60_000);

async function candidate(commit: string, body = ''): Promise<Build> {
  const file = join(scratch(fixture.root, commit), 'server.cjs');
  writeFileSync(file, program(commit, body));
  return candidateOf('shop', `1.0-${commit.slice(0, 4)}`, commit, [
    { name: 'server.cjs', ...(await fixture.store.put({ file })) },
  ]);
}

const commitIn = async (environment: string) => (await fixture.driver(environment).readBack('one')).commit;
const brake = (environment: string, kind: 'pause' | 'resume') =>
  fixture.brake(environment, { kind, by: 'ada', reason: 'a test' });
/** Undefined before its first request. */
const stateOf = async (environment: string) => {
  try {
    return await fixture.state(environment);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
};
const running = async (environment: string) => (await stateOf(environment))?.running?.request.order.rollout;
const waiting = async (environment: string) =>
  (await stateOf(environment))?.queue?.map(({ request }) => request.order.rollout) ?? [];
const handleOf = (environment: string) => fixture.client.workflow.getHandle(`environment:${environment}`);

test('a second release waits, a newer one takes its place, and it starts when the first has ended', async () => {
  await brake('europe', 'pause');
  const first = await fixture.requested('europe', 'shop-1', await candidate('bbbbbbbbbbbb'));
  await until('the first has its turn', async () => (await running('europe')) === 'shop-1/1/europe');
  const second = await fixture.requested('europe', 'shop-2', await candidate('cccccccccccc'));
  await until('the second waits', async () => (await waiting('europe')).includes('shop-2/1/europe'));
  const third = await fixture.requested('europe', 'shop-3', await candidate('dddddddddddd'));

  expect(await second.result()).toMatchObject({
    kind: 'superseded',
    reasons: [expect.stringContaining('shop-3/1/europe is newer')],
  });
  expect(await waiting('europe')).toEqual(['shop-3/1/europe']);
  await until('it says so in its thread', async () =>
    (await fixture.thread('shop-3')).some((text) => /europe: .* waits: shop-1\/1\/europe rolls out/.test(text)),
  );
  await brake('europe', 'resume');
  expect(await first.result()).toEqual({ kind: 'promoted' });
  expect(await third.result()).toEqual({ kind: 'promoted' });
  expect(await commitIn('europe')).toBe('dddddddddddd');
  // The one in between never touched anything.
  expect(await fixture.effects('shop-2')).toEqual([]);
});

test('a release that is cancelled while it waits leaves the queue, and nothing of it is done', async () => {
  await brake('europe', 'pause');
  const first = await fixture.requested('europe', 'shop-4', await candidate('eeeeeeeeeeee'));
  await until('the first has its turn', async () => (await running('europe')) === 'shop-4/1/europe');
  const second = await fixture.requested('europe', 'shop-5', await candidate('ffffffffffff'));
  await until('the second waits', async () => (await waiting('europe')).includes('shop-5/1/europe'));
  await second.cancel();
  await expect(second.result()).rejects.toThrow();
  expect(await waiting('europe')).toEqual([]);
  await brake('europe', 'resume');
  expect(await first.result()).toEqual({ kind: 'promoted' });
  expect(await commitIn('europe')).toBe('eeeeeeeeeeee');
});

test('the next one starts by the clock alone, once it has cooled down', async () => {
  expect(await fixture.rollOut('cooling', 'shop-6', await candidate('bbbbbbbbbbbb'))).toEqual({ kind: 'promoted' });
  const next = await fixture.requested('cooling', 'shop-7', await candidate('cccccccccccc'));
  await until('it waits', async () => (await waiting('cooling')).length === 1);
  expect(await running('cooling')).toBeUndefined();
  expect(await next.result()).toEqual({ kind: 'promoted' });
  const [second, first] = (await fixture.state('cooling')).ended;
  const { startTime } = await fixture.client.workflow.getHandle('rollout:shop-7/1/cooling').describe();
  expect(second?.rollout).toBe('shop-7/1/cooling');
  expect(startTime.getTime()).toBeGreaterThanOrEqual(Date.parse(first?.at ?? '') + 6_000);
});

/** Asked as a release asks, and allowed by so many people. */
async function allowed(release: string, candidate: Build, by: string[]): Promise<string> {
  const { digest: settings, client } = fixture;
  const about = { id: `${release}/1/expedite/${by.length}`, settings, requestedBy: 'ada', patches: [] };
  const question = expediteQuestion({ ...about, release, candidate, environments: ['shut'] });
  const asked = await client.workflow.start('approval', {
    workflowId: `approval:${question.id}`,
    taskQueue: 'patchwright',
    args: [question],
  });
  const state = await until('it is open', async () => asked.query<ApprovalState | undefined>('approvalState'));
  for (const person of by) {
    const decision: Decision = { person, digest: state.open.digest, decision: 'approve', nonce: person };
    await asked.executeUpdate('decide', { args: [decision] });
  }
  if (by.length === 2) await asked.result();
  return question.id;
}

test('in a freeze window nothing starts but what is expedited; a worker and an environment may end meanwhile', async () => {
  const waits = await fixture.requested('shut', 'shop-8', await candidate('bbbbbbbbbbbb'));
  await until('it waits', async () => (await waiting('shut')).length === 1);
  expect((await fixture.state('shut')).queue?.[0]?.why).toEqual([expect.stringContaining('"year end"')]);
  await fixture.worker.kill();
  await fixture.worker.start();
  const urgent = { ...(await candidate('cccccccccccc')), fork: 'urgent' };
  // One of two is not enough, and nobody asked is none: it waits as any other does.
  for (const expediteApproval of [undefined, await allowed('urgent-1', urgent, ['bob'])]) {
    const order = { expedite: true, ...(expediteApproval && { expediteApproval }) };
    const early = await fixture.requested('shut', 'urgent-1', urgent, order);
    await until('it waits', async () => (await waiting('shut')).includes('urgent-1/1/shut'));
    await early.cancel();
    await expect(early.result()).rejects.toThrow();
  }
  expect(await fixture.thread('urgent-1')).toContainEqual(expect.stringContaining('not in the expedited lane'));
  // An ordinary one of the same fork that is newer lets it pass, and goes on waiting.
  const newer = await fixture.requested('shut', 'urgent-3', { ...(await candidate('dddddddddddd')), fork: 'urgent' });
  await until('it waits too', async () => (await waiting('shut')).includes('urgent-3/1/shut'));
  const expediteApproval = await allowed('urgent-2', urgent, ['bob', 'eve']);
  const order = { expedite: true, expediteApproval };
  expect(await fixture.rollOut('shut', 'urgent-2', urgent, order)).toEqual({ kind: 'promoted' });
  expect(await waiting('shut')).toEqual(['shop-8/1/shut', 'urgent-3/1/shut']);
  for (const one of [waits, newer]) {
    await one.cancel();
    await expect(one.result()).rejects.toThrow();
  }
});

test('what is rolled back in one environment stops in every other as the roll-back begins: what runs and what waits', async () => {
  // In asia alone it never says that it is ready.
  const bad = await candidate('999999999999', 'if (__dirname.includes("/asia/")) return setInterval(() => {}, 1000);');
  await brake('europe', 'pause');
  const elsewhere = await fixture.requested('europe', 'shop-9', bad);
  await until('it is under way', async () => (await running('europe')) === 'shop-9/1/europe');
  const waits = await fixture.requested('shut', 'shop-11', bad);
  await until('it waits', async () => (await waiting('shut')).includes('shop-11/1/shut'));
  const here = await fixture.requested('asia', 'shop-10', bad);
  await until(
    'its node is changed',
    async () => (await fixture.progress('shop-10/1/asia').catch(() => undefined))?.node,
  );
  // The roll-back waits for this brake before its first node.
  await brake('asia', 'pause');
  const reasons = [expect.stringContaining('rolled back by shop-10/1/asia')];
  expect(await elsewhere.result()).toMatchObject({ kind: 'aborted', reasons });
  expect(await waits.result()).toMatchObject({ kind: 'aborted', reasons });
  expect(await waiting('shut')).toEqual([]);
  expect(await fixture.progress('shop-10/1/asia')).toMatchObject({ step: 'roll-back', remaining: ['one'] });
  await brake('asia', 'resume');
  expect(await here.result()).toMatchObject({ kind: 'rolled-back' });
  expect(await commitIn('europe')).toBe('eeeeeeeeeeee');
  expect(await fixture.effects('shop-11')).toEqual([]);
  expect((await handleOf('asia').describe()).status.name).toBe('RUNNING');
});
