import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PageState } from '../../workflows/page-messages.ts';
import type { Build } from '../../workflows/types.ts';
import { candidateOf, type Fixture, openFixture, scratch, until } from './fixture.ts';

// Real Temporal, PostgreSQL and processes: what fails in its watch and must not be put back.
let fixture: Fixture;

beforeAll(async () => {
  const target = {
    name: 'one',
    files: { 'server.cjs': 'server.cjs' },
    start: [process.execPath, 'server.cjs', '{port}'],
    ready: { http: 'http://127.0.0.1:{port}/' },
    commit: { http: 'http://127.0.0.1:{port}/' },
  };
  const rollout = { soakSeconds: 1, warmUpSeconds: 0, returnSeconds: 5, blockedSeconds: 10, stopGraceSeconds: 3 };
  const gates = { profile: 'compressed', warmUpSeconds: 0, bakeSeconds: 1, watchSeconds: 60 };
  fixture = await openFixture({ watched: { system: 'process', targets: [target], rollout, gates } });
  await fixture.up('watched', (await candidate('aaaaaaaaaaaa')).artifacts);
}, 120_000);

afterAll(async () => {
  await fixture?.close();
}, 60_000);

async function candidate(commit: string, body = ''): Promise<Build> {
  const file = join(scratch(fixture.root, commit), 'server.cjs');
  const server = `require('node:http').createServer((_, response) => response.end('${commit}'))`;
  writeFileSync(file, `${body}\n${server}.listen(Number(process.argv[2]), '127.0.0.1');\n`);
  return candidateOf('shop', `1.0-${commit.slice(0, 4)}`, commit, [
    { name: 'server.cjs', ...(await fixture.store.put({ file })) },
  ]);
}

test('a one-way candidate that fails in its watch stays where it is, freezes the environment and calls somebody', async () => {
  const trigger = join(fixture.root, 'die');
  const dies = `setInterval(() => require('node:fs').existsSync(${JSON.stringify(trigger)}) && process.exit(7), 100);`;
  const build = await candidate('bbbbbbbbbbbb', dies);
  const oneWay = { reasons: ['the format of greetings: FORMAT'] };
  expect(await fixture.rollOut('watched', 'shop-1', build, { oneWay })).toEqual({ kind: 'promoted' });
  writeFileSync(trigger, '');

  const outcome = await fixture.client.workflow.getHandle('rollout:shop-1/1/watched').result();
  const reasons = [expect.stringMatching(/^in the watch .*exit code 7/), 'one-way: the format of greetings: FORMAT'];
  expect(outcome).toEqual({ kind: 'frozen', reasons });
  expect(await fixture.report('shop-1')).toMatchObject({ outcome: { kind: 'frozen' } });
  // Nothing was done to the node but its own change: it still holds the candidate.
  expect((await fixture.effects('shop-1')).map(({ key }) => key)).toEqual(['shop-1/1/watched/one/change']);
  const [one] = await fixture.facts('watched');
  expect(one?.artifacts.map(({ sha256 }) => sha256)).toEqual(build.artifacts.map(({ sha256 }) => sha256));
  const state = await fixture.state('watched');
  expect(state.frozen).toMatchObject({ by: 'the watch', reason: expect.stringContaining('one-way') });

  const page = fixture.client.workflow.getHandle('page:shop-1/1/watched');
  await until('the thread calls somebody', async () =>
    (await fixture.thread('shop-1')).some((text) => /PAGE: watched is frozen by shop-1\/1\/watched/.test(text)),
  );
  await page.executeUpdate<PageState, [{ by: string }]>('acknowledgePageBy', { args: [{ by: 'ada' }] });
  expect(await page.result()).toMatchObject({ acknowledged: { by: 'ada' } });
  // The same artifact goes nowhere until a person lets it.
  await fixture.brake('watched', { kind: 'unfreeze', by: 'ada', reason: 'looked' });
  expect(await fixture.rollOut('watched', 'shop-2', build, { oneWay })).toMatchObject({
    kind: 'held',
    reasons: [expect.stringContaining('G5')],
  });
});
