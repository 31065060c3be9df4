import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runSuiteChaos } from '../../chaos/suite.ts';

/** What `npm run chaos -- suite` does with more kills: each kind of process once. */
const KILLS = 6;

test('a suite on two hosts, its processes killed with -9: no finished unit runs again, no result is lost, runners go on', async () => {
  const keepIn = mkdtempSync(join(tmpdir(), 'pw-chaos-suite-'));
  const said: string[] = [];
  const chaos = await runSuiteChaos({
    ...{ kills: KILLS, seed: 5, minutes: 5, keepIn },
    say: (line) => said.push(line),
    interrupted: new AbortController().signal,
  });
  rmSync(keepIn, { recursive: true, force: true });
  expect(chaos.problems, said.join('\n')).toEqual([]);
  expect(chaos.goals).toEqual({
    killed: true,
    released: true,
    nothingRepeated: true,
    nothingLostAndRunnersWentOn: true,
    nothingLeft: true,
  });
  expect(chaos.figures.kills).toMatchObject({ done: KILLS });
}, 400_000);
