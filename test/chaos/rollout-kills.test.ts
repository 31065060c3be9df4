import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runChaos } from '../../chaos/chaos.ts';
import { rolloutFork } from '../../chaos/rollout-fork.ts';

/** What `npm run chaos -- rollout` does with more kills: each kind of process once, and one more. */
const KILLS = 6;

test('roll-outs, our processes killed with -9 in their middle: each node is restarted once, and never two are down', async () => {
  const keepIn = mkdtempSync(join(tmpdir(), 'pw-chaos-rollout-'));
  const said: string[] = [];
  const chaos = await runChaos({
    ...{ ground: rolloutFork, aim: 'rollout' as const, kills: KILLS, seed: 3, minutes: 6, keepIn },
    say: (line) => said.push(line),
    interrupted: new AbortController().signal,
  });
  rmSync(keepIn, { recursive: true, force: true });
  expect(chaos.problems, said.join('\n')).toEqual([]);
  expect(chaos.goals).toMatchObject({ killed: true, released: true, nodes: true, resumed: true, oneDown: true });
  expect(chaos.figures.kills.done).toBe(KILLS);
  expect(Object.keys(chaos.figures.kills.byStep).every((step) => /^rollout:|recovery/.test(step))).toBe(true);
}, 420_000);
