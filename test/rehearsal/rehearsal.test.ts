import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { provision } from '../../activities/deploy/provision.ts';
import { PREFIX } from '../../activities/rehearsal/leftovers.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import type { RehearsalOutcome, Rehearsed } from '../../workflows/rehearsal-types.ts';
import type { Build } from '../../workflows/types.ts';
import { processesOf } from '../environment/small-kafka.ts';
import { type Fixture, openFixture, until } from '../rollout/fixture.ts';
import { harmless, newerCheckpoints, SERVER_COMMON } from './candidates.ts';

// Real Temporal, PostgreSQL, worker process and throw-away clusters. Production is laid out and needs not run.
vi.setConfig({ testTimeout: 400_000 });
let fixture: Fixture;

beforeAll(async () => {
  const production = {
    system: 'kafka',
    provision: { combined: 1 },
    library: 'kafka-3.6.2',
    artifacts: { 'server-common.jar': SERVER_COMMON },
    initial: 'library',
    rollout: { metadataVersion: '3.5-IV2' },
  };
  const fork = (nodes: 1 | 3) => ({
    repository: '/nowhere',
    base: '3.6.2',
    build: { command: ['true'], artifacts: [{ name: 'server-common.jar', path: 'out.jar' }] },
    suites: { unit: { runner: 'junit-xml', command: ['true'], reports: ['out'] } },
    release: { suites: ['unit'], environments: ['production'], rehearsal: { when: 'always', nodes } },
  });
  fixture = await openFixture({ production }, { alone: fork(1), three: fork(3) });
  await provision('production', environmentIn(fixture.settings, 'production')!, fixture.deps, []);
}, 300_000);

afterAll(async () => {
  await fixture?.close();
}, 60_000);

const clusters = () => {
  const root = join(fixture.dataDir, 'env');
  return readdirSync(root)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(root, name));
};

async function rehearse(fork: string, release: string, candidate: Build) {
  const input = { ...{ release, n: 1, fork, settings: fixture.digest, candidate }, environments: ['production'] };
  const handle = await fixture.client.workflow.start<(order: unknown) => Promise<Rehearsed[]>>('rehearsal', {
    ...{ workflowId: `rehearsal:${release}/1`, taskQueue: 'patchwright', args: [input] },
  });
  return { outcome: async () => (await handle.result())[0]?.outcome as RehearsalOutcome };
}

test('a harmless candidate goes back, and nothing is left of its cluster', async () => {
  const { outcome } = await rehearse('three', 'shop-1', await harmless(fixture.deps));
  expect(await outcome()).toEqual({
    ...{ kind: 'reversible', nodes: 3, seconds: expect.any(Number) },
    counts: { records: 900, transactional: 240, keys: 20, offsets: 4 },
  });
  expect(clusters()).toEqual([]);
  expect((await fixture.thread('shop-1')).at(-1)).toMatch(/it goes back \(3 nodes/);
});

test('one that writes what the old artifact cannot read does not, in the words of the node; a worker killed in the middle leaves no cluster, and it begins anew', async () => {
  const { outcome } = await rehearse('alone', 'shop-2', await newerCheckpoints(fixture.deps));
  const cluster = await until('a node of a throw-away cluster runs', async () =>
    clusters().find((dir) => processesOf(join(dir, 'nodes')).length > 0),
  );
  await fixture.worker.kill();
  await until('nothing of it is left', async () => !existsSync(cluster) && processesOf(cluster).length === 0);
  await fixture.worker.start();

  const reasons = [expect.stringMatching(/^after the downgrade: node-1 .*(checkpoint|Unrecognized version)/)];
  expect(await outcome()).toEqual({ kind: 'one-way', nodes: 1, seconds: expect.any(Number), reasons });
  expect(clusters()).toEqual([]);
  expect((await fixture.thread('shop-2')).at(-1)).toContain('it does not go back (one node');
});
