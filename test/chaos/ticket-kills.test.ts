import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTicketChaos } from '../../chaos/tickets.ts';

/** What `npm run chaos -- tickets` does with more kills. */
const KILLS = 3;

test('tickets from the question to the applied fix, processes killed with -9: nothing is lost, posted or applied twice', async () => {
  const keepIn = mkdtempSync(join(tmpdir(), 'pw-chaos-tickets-'));
  const said: string[] = [];
  const chaos = await runTicketChaos({
    ...{ kills: KILLS, seed: 5, minutes: 8, keepIn },
    say: (line) => said.push(line),
    interrupted: new AbortController().signal,
  });
  rmSync(keepIn, { recursive: true, force: true });
  expect(chaos.problems, said.join('\n')).toEqual([]);
  expect(chaos.goals).toEqual({ killed: true, nothingLostOrTwice: true, nothingElse: true, nothingLeft: true });
  expect(chaos.figures.kills).toMatchObject({ done: KILLS });
}, 600_000);
