import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { killWhenThere } from '../../chaos/kill.ts';
import type { TargetKind } from '../../chaos/plan.ts';
import { allProcesses, isBelow } from '../../chaos/process-table.ts';
import { proveGit, treeOf } from '../../chaos/proofs/git.ts';
import { proveNodes } from '../../chaos/proofs/nodes.ts';
import { orphansOf } from '../../chaos/proofs/processes.ts';
import { proveThread } from '../../chaos/proofs/thread.ts';
import { type Proved, prove, settingsOf } from '../../chaos/prove.ts';
import { startRelease, untilEnded, untilTold } from '../../chaos/release.ts';
import { smallFork, UNITS } from '../../chaos/small-fork.ts';
import { closeWorld, openWorld, type World } from '../../chaos/world.ts';
import { environmentIn } from '../../config/environment-cluster.ts';

/**
 * One release, killed at chosen points: while it builds, while it tests, and between each node's stop and start.
 * What is proved is what `npm run chaos` proves after kills at random.
 */
let world: World;
let proved: Proved;
let branchTree: string;

const within = (room: string) => (process: { cwd: string; argv: string[] }) =>
  isBelow(process.cwd, join(world.data, room)) && !process.argv.some((word) => word.endsWith('launcher.sh'));

const builds = () => allProcesses().some(within('builds'));
const tests = () => allProcesses().some(({ argv }) => argv.includes('test.sh') && argv.includes(UNITS.at(-1) ?? ''));
const someEnded = () =>
  globSync(join(world.data, 'runs/*/*/*/slot-*/events.jsonl')).some((file) =>
    readFileSync(file, 'utf8').includes('"type":"end"'),
  );

/** Some node of the environment has been told to end; `count`: how many have. */
const stopping = (environment: string, count: number) => () =>
  globSync(join(world.data, 'env', environment, 'nodes/*/stdout.log')).filter((file) =>
    readFileSync(file, 'utf8').includes('greeter is stopping'),
  ).length >= count;

/** In this order; each as soon as its point is seen. */
const KILLS: [at: string, point: () => boolean, target: Exclude<TargetKind, 'broker'>][] = [
  ['the build', builds, 'worker activity'],
  ['the suite, in the middle', someEnded, 'worker suite'],
  ['the suite, with its last unit under way', tests, 'PostgreSQL'],
  ['staging’s node, between stop and start', stopping('staging', 1), 'worker activity'],
  ['production’s first node, between stop and start', stopping('production', 1), 'supervisor'],
  ['production’s second node, between stop and start', stopping('production', 2), 'Temporal'],
  ['production’s second node, a moment later', () => true, 'worker workflow'],
];

beforeAll(async () => {
  world = await openWorld(smallFork, () => undefined);
  branchTree = treeOf(smallFork.repository(world.folder), 'main');
  const release = await startRelease(world, 1);
  const ended = untilEnded(world, release, { deadlineMs: Date.now() + 240_000 });
  for (const [step, point, target] of KILLS) {
    const passed = await Promise.race([until(point), ended]);
    if (passed) throw new Error(`the release has ended before ${step} was seen: ${JSON.stringify(passed.outcome)}`);
    await killWhenThere(world, target, { step });
  }
  await ended;
  await untilTold(world, release, Date.now() + 60_000);
  proved = await prove(world, { release, number: 1, branchTree, watches: [] });
}, 300_000);

afterAll(async () => {
  expect(await closeWorld(world)).toEqual([]);
}, 60_000);

async function until(point: () => boolean): Promise<void> {
  while (!point()) await sleep(25);
}

describe('a release whose parts are killed with -9', () => {
  test('was hit at every point', () => {
    expect(world.kills.map(({ step, target }) => [step, target])).toEqual(KILLS.map(([at, , target]) => [at, target]));
  });

  test.each([
    ['is released all the same', 'outcome'],
    ['is in git once: a tag, its references, the right commit', 'git'],
    ['lies on every node, which runs one process that says so', 'nodes'],
    ['leaves no process that no state folder knows', 'processes'],
    ['is told in Slack: each message once, in order', 'thread'],
    ['was resumed: one launch of each build and runner, one restart of each node', 'launches'],
    ['ran each unit once', 'suites'],
    ['has one effect of each kind for each of its objects', 'effects'],
  ] as const)('%s', (_, proof) => {
    expect(proved.proofs[proof]).toEqual([]);
  });

  test('took up the same intents: what was interrupted has more than one attempt', () => {
    const changes = proved.report.effects.filter(({ kind }) => kind === 'node-change');
    expect(changes.map(({ key }) => key)).toHaveLength(3);
    expect(changes.find(({ key }) => key.includes('/staging/'))?.attempts).toBeGreaterThan(1);
    expect(changes.filter(({ key }) => key.includes('/production/')).some(({ attempts }) => attempts > 1)).toBe(true);
  });
});

describe('the proofs see', () => {
  test('a message that is posted twice', async () => {
    const [, message] = world.slack.messages();
    const { text = '', thread_ts = '', metadata } = message ?? {};
    const body = new URLSearchParams({
      ...{ channel: world.slack.channel, text, thread_ts, metadata: JSON.stringify(metadata) },
    });
    const headers = { authorization: `Bearer ${world.slack.token}` };
    await fetch(`${world.slack.url}chat.postMessage`, { method: 'POST', headers, body });
    expect(proveThread(world.slack, proved.report).join()).toMatch(/ 2 times/);
  });

  test('a jar that is another one', async () => {
    const settings = environmentIn(settingsOf(world), 'production');
    if (!settings) throw new Error('no production');
    appendFileSync(join(world.data, 'env/production/nodes/a/lib/greeter.jar'), 'x');
    expect((await proveNodes(world, 'production', settings, proved.report)).join()).toMatch(
      /production\/a: greeter.jar/,
    );
  });

  test('a reference that was written twice, and a second tag', () => {
    const repository = smallFork.repository(world.folder);
    const git = (...args: string[]) => execFileSync('git', args, { cwd: repository });
    const ref = `refs/patchwright/${proved.report.release}/1`;
    const commit = proved.report.candidates[0]?.commit ?? '';
    git('update-ref', ref, 'upstream');
    git('update-ref', ref, commit);
    git('update-ref', `refs/tags/patchwright/again/${proved.report.release}`, commit);
    const problems = proveGit(repository, proved.report, branchTree);
    expect(problems.join()).toMatch(/2 tags.*was written 3 times/);
  });

  test('an orphan', async () => {
    const orphan = spawn('sleep', ['600'], { cwd: world.data });
    try {
      await until(() => existsSync(`/proc/${orphan.pid}/cwd`));
      expect(orphansOf(world).map(({ pid }) => pid)).toContain(orphan.pid);
    } finally {
      orphan.kill('SIGKILL');
    }
  });
});
