import { afterAll, beforeAll, expect, test } from 'vitest';
import type { memories } from '../../cli/commands/memory.ts';
import type { TicketView } from '../../cli/commands/ticket.ts';
import { auditRows } from '../../store/audit.ts';
import { byRole } from '../repair/script.ts';
import { until } from '../rollout/fixture.ts';
import type { ModelRequest } from '../servers/model.ts';
import { LIMITS, raise } from './script.ts';
import { type FixWorld, openFixWorld } from './world.ts';

/** What a verified fix has taught: quarantined until a person confirms it, and gone when its files change. */
let world: FixWorld;
let repository: ReturnType<FixWorld['repository']>;

beforeAll(async () => {
  world = await openFixWorld(
    (folder) => `
forks: {}
support:
  responders: [ann, bob]
  repositories:
    limits: { repository: ${folder}/limits, check: [sh, check.sh] }
`,
  );
  repository = world.repository('limits');
  repository.commit(LIMITS, 'Limits');
  repository.git('branch', 'main');
  await world.patchwright.start();
}, 120_000);
afterAll(() => world?.close(), 60_000);

const list = () => world.patchwright.json<Awaited<ReturnType<typeof memories>>>('memory', 'list');

/** Answers out of the memory that it is given, where it is given one. */
function answers({ input }: ModelRequest) {
  const brief = String(input[1]?.content ?? '');
  const [, chunkId] = /<source id="(memory\/m-[0-9a-f]+)"/.exec(brief) ?? [];
  const citations = chunkId === undefined ? [] : [{ chunkId, quote: 'and limits.conf allows ten.' }];
  return { text: JSON.stringify({ answer: chunkId === undefined ? '' : 'Too few are allowed.', citations }) };
}

async function ask(text: string) {
  world.model.play((request) =>
    String(request.input[0]?.content).startsWith('You answer') ? answers(request) : byRole(raise)(request),
  );
  const asked = await world.patchwright.call('ticket', 'open', '--text', text);
  const id = asked.stdout.split('\n')[0] ?? '';
  type Shown = TicketView & { recalled: { memory: string; from: string; digest: string; confirmedBy: string }[] };
  const shown = await world.patchwright.json<Shown>('ticket', 'show', id);
  await world.patchwright.call('ticket', 'solved', id);
  return { ...shown, told: asked.stdout };
}

test('a verified fix is remembered, counts once it is confirmed, and lapses with its files', async () => {
  expect(await list()).toEqual([]);
  const id = await world.handOff('Why are connections refused?', raise);
  const asked = await world.question(id);
  expect(await world.approve('bob', asked)).toMatchObject({ status: 0 });
  await world.hears(id, /VERIFIED: /);
  const written = async () => (await world.store().selectFrom('memory').select('id').execute()).length > 0;
  await until('it is remembered', written);
  expect(await list()).toHaveLength(1);
  const [kept] = await list();
  const { id: memory = '' } = kept ?? {};
  expect(kept).toMatchObject({ ticket: id, digest: asked.open.digest, readers: ['ann'], confirmedBy: null });
  expect(kept?.asked).toBe('Why are connections refused?');
  expect(kept?.restsOn).toEqual([
    { place: 'repo.limits', path: 'limits.conf', blob: repository.git('rev-parse', 'main:limits.conf') },
  ]);

  expect(await ask('Why are connections refused?')).toMatchObject({ state: 'escalated', recalled: [] });

  expect(await world.as('cat', 'memory', 'confirm', memory)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('cat does not answer tickets'),
  });
  expect(await world.patchwright.call('memory', 'confirm', memory)).toMatchObject({ status: 2 });
  expect(await world.as('bob', 'memory', 'confirm', memory, '--readers', 'everyone')).toMatchObject({ status: 0 });

  const answered = await ask('Why are connections refused?');
  expect(answered).toMatchObject({ state: 'answered', told: expect.stringContaining('Too few are allowed.') });
  expect(answered.recalled).toEqual([
    expect.objectContaining({ memory, from: id, digest: asked.open.digest, confirmedBy: 'bob' }),
  ]);
  expect((await ask('Where is lunch served on Fridays?')).recalled).toEqual([]);

  repository.git('checkout', '--quiet', 'main');
  repository.commit({ 'limits.conf': 'connections=60\n' }, 'Another limit');
  expect(await ask('Why are connections refused?')).toMatchObject({ state: 'escalated', recalled: [] });

  expect(await world.as('bob', 'memory', 'forget', memory)).toMatchObject({ status: 0 });
  expect(await list()).toEqual([]);
  const kinds = (await auditRows(world.store(), { about: memory })).map(({ kind, by }) => [kind, by]);
  expect(kinds.sort()).toEqual([
    ['memory-confirmed', 'bob'],
    ['memory-forgotten', 'bob'],
  ]);
}, 300_000);
