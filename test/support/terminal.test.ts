import { userInfo } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TicketView } from '../../cli/commands/ticket.ts';
import type { TicketStats } from '../../store/tickets.ts';
import { patchwrightIn } from '../patchwright.ts';

// The whole product by its command line, without Slack, a model or knowledge: a person is the answer.
const patchwright = patchwrightIn(
  () => `
forks: {}
people:
  ada: { name: Ada, user: ${userInfo().username} }
  bob: { name: Bob }
support:
  onCall: { schedule: [{ person: bob, from: mon 00:00, to: sun 23:59 }, { person: ada, from: mon 00:00, to: sun 23:59 }] }
`,
);
beforeAll(() => patchwright.start(), 120_000);
afterAll(() => patchwright.close(), 60_000);

test('a question is asked, goes to whoever is on call, is taken, handed off and solved at the terminal', async () => {
  const asked = await patchwright.call('ticket', 'open', '--text', 'Why does it lag?');
  expect([asked.status, asked.stdout]).toEqual([
    0,
    expect.stringMatching(
      /^cli:\S+\nLooking for an answer[^\n]*\nbob is on call\. There is no knowledge configured[^\n]*\nada asked: Why does it lag\?/,
    ),
  ]);
  expect(await patchwright.call('ticket', 'take', 'latest')).toMatchObject({ status: 0 });
  const handed = await patchwright.call('ticket', 'hand-off', 'cli:', '--hint', 'the quota');
  expect(handed.stdout).toMatch(/ada hands it to the agent, with the hint: the quota[\s\S]*It stays with ada/);
  expect(await patchwright.call('ticket', 'not-solved', 'latest')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('that does nothing now: Ada has it.'),
  });
  const solved = await patchwright.call('ticket', 'solved', 'latest');
  expect(solved.stdout).toMatch(/closed: ada says that it is solved/);
  const late = await patchwright.call('ticket', 'take', 'latest');
  expect(late).toMatchObject({ status: 1, stderr: expect.stringMatching(/is closed: ada says that it is solved/) });
});

test('it is opened again by one more word, and listed and counted', async () => {
  const again = await patchwright.call('ticket', 'say', 'latest', '--text', 'It lags again.');
  expect(again.stdout).toMatch(/bob is on call/);
  const [first, ...others] = await patchwright.json<TicketView[]>('tickets');
  expect(others).toEqual([]);
  expect(first).toMatchObject({ state: 'escalated', asker: 'ada', text: 'Why does it lag?', holder: 'bob' });
  expect((await patchwright.call('tickets')).stdout).toMatch(/escalated +bob +ada +Why does it lag\?/);
  expect(await patchwright.json<TicketStats>('tickets', '--stats')).toMatchObject({ asked: 1, open: 1, escalated: 1 });
  expect((await patchwright.call('tickets', '--stats')).stdout).toContain('1 asked, 1 open; 0 answered, 1 escalated');
});

test('says what is wrong with a call', async () => {
  const call = async (...args: string[]) => {
    const { status, stderr } = await patchwright.call('ticket', ...args);
    return `${status} ${stderr}`;
  };
  expect(await call('show', 'nope')).toMatch(/^1 there is no one ticket "nope".*patchwright tickets/);
  expect(await call('open', '--text', ' ')).toMatch(/^2 --text has no words/);
  expect(await call('open')).toMatch(/^2 .*--text/);
});
