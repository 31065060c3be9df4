import { afterAll, beforeAll, expect, test } from 'vitest';
import { approvalsOf } from '../../store/approvals.ts';
import type { TicketStats } from '../../store/tickets.ts';
import { byRole, type Script } from '../repair/script.ts';
import { until } from '../rollout/fixture.ts';
import { edit, handIn, LIMITS } from './script.ts';
import { type FixWorld, openFixWorld } from './world.ts';

/** A question that nothing answered, and that people solved, becomes a proposed change of one file. */
let world: FixWorld;
let repository: ReturnType<FixWorld['repository']>;

beforeAll(async () => {
  world = await openFixWorld(
    (folder) => `
forks: {}
support:
  repositories:
    limits: { repository: ${folder}/limits, check: [sh, check.sh] }
  learnTo: { repository: limits, path: docs/answers.md }
`,
  );
  repository = world.repository('limits');
  repository.commit({ ...LIMITS, 'docs/answers.md': '# Answers\n' }, 'Limits');
  repository.git('branch', 'main');
  await world.patchwright.start();
}, 120_000);
afterAll(() => world?.close(), 60_000);

const DOCS = '# Answers\n';
const ANSWER = `${DOCS}\n## The gateway refuses connections\nRestart the gateway.\n`;

test('it is written down once people approve it, and nothing else is touched', async () => {
  const briefs: string[] = [];
  const script: Script = ({ role, turn, brief }) => {
    if (role !== 'patch') return undefined;
    briefs.push(brief);
    const write = edit(DOCS, ANSWER, 'docs/answers.md');
    if (turn > 1) return { calls: [handIn()] };
    return {
      calls: brief.includes('only docs/answers.md may be changed')
        ? [write]
        : [write, edit('connections=10', 'connections=99')],
    };
  };
  world.model.play(byRole(script));
  const asked = await world.patchwright.call('ticket', 'open', '--text', 'Why does the gateway refuse me?');
  const id = asked.stdout.split('\n')[0] ?? '';
  await world.patchwright.call('ticket', 'say', id, '--text', 'Restarting the gateway helped.', '--detach');
  expect(await world.patchwright.call('ticket', 'solved', id)).toMatchObject({ status: 0 });
  const question = await until('it is proposed', async () => {
    const [found] = await approvalsOf(world.store(), { id: `${id}/learnt/1` });
    return found;
  });
  expect(briefs.at(-1)).toContain('only docs/answers.md may be changed, and it changes limits.conf');
  expect(briefs[0]).toContain('Restarting the gateway helped.');
  expect(question.question.summary).toMatch(/limits, refs\/heads\/main: docs\/answers\.md \(\+3 −0\)/);
  expect(question.open.deciders).toEqual(['bob', 'cat']);
  expect(await world.approve('bob', question)).toMatchObject({ status: 0 });
  await world.hears(id, /VERIFIED: /);
  expect(repository.git('show', 'main:docs/answers.md')).toContain('Restart the gateway.');
  expect(repository.git('show', 'main:limits.conf')).toContain('connections=10');
  expect(await world.show(id)).toMatchObject({ state: 'closed', ended: 'solved' });
  expect(await world.patchwright.json('memory', 'list')).toEqual([]);
  const stats = await world.patchwright.json<TicketStats>('tickets', '--stats');
  expect(stats).toMatchObject({ asked: 1, escalated: 1, fixed: 0, undone: 0, ended: { solved: 1 } });
  expect(stats.approvals).toMatchObject({ lastHour: 1, busiestHour: 1 });
}, 240_000);
