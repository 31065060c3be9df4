import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runAgentChaos } from '../../chaos/agent.ts';

/** What `npm run chaos -- agent` does with more kills: each kind of worker once. */
const KILLS = 3;

test('a release that an agent mends, its workers killed with -9: no finished turn is paid again, nothing is pushed twice', async () => {
  const keepIn = mkdtempSync(join(tmpdir(), 'pw-chaos-agent-'));
  const said: string[] = [];
  const chaos = await runAgentChaos({
    ...{ kills: KILLS, seed: 7, minutes: 8, keepIn },
    say: (line) => said.push(line),
    interrupted: new AbortController().signal,
  });
  rmSync(keepIn, { recursive: true, force: true });
  expect(chaos.problems, said.join('\n')).toEqual([]);
  expect(chaos.goals).toEqual({
    killed: true,
    released: true,
    noTurnPaidTwice: true,
    nothingElse: true,
    nothingLeft: true,
  });
  expect(chaos.figures.kills).toMatchObject({ done: KILLS });
}, 600_000);
