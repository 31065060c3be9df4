import { userInfo } from 'node:os';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openSystem } from '../../activities/health/system.ts';
import { finalise } from '../../cli/commands/finalise.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import { type Settings, settingsSchema } from '../../config/schema.ts';
import { metadataLevel } from '../../decisions/kafka-rules/metadata-versions.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { auditRows } from '../../store/audit.ts';
import type { Decision, DecisionAnswer } from '../../workflows/approval-types.ts';
import type { FinaliseOutcome } from '../../workflows/types.ts';
import { CLIENTS_JAR, LIBRARIES } from '../environment/small-kafka.ts';
import { candidateOf, type Fixture, openFixture } from './fixture.ts';

// One real broker that begins at an older metadata version; real Temporal and PostgreSQL.
vi.setConfig({ testTimeout: 300_000 });
const ROLLOUT = 'kafka-1/1/staging';
const gates = {
  profile: 'compressed',
  windowSeconds: 2,
  bakeSeconds: 2,
  warmUpSeconds: 0,
  beatSeconds: 1,
  minimumWork: 5,
};
const kafka = (metadataVersion: string, rollout: object = {}) => ({
  system: 'kafka',
  provision: { combined: 1 },
  library: 'kafka-3.6.2',
  artifacts: { 'kafka-clients.jar': CLIENTS_JAR },
  initial: 'library',
  traffic: { recordsPerSecond: 60, trickle: 20 },
  gates: { ...gates, slowFloorMs: 30_000, smallestErrorShare: 0.5 },
  rollout: { metadataVersion, ...rollout },
});
const people = { ada: { name: 'Ada', user: userInfo().username }, bob: { name: 'Bob' } };
let fixture: Fixture;
let raised: Settings;

beforeAll(async () => {
  fixture = await openFixture({ staging: kafka('3.5-IV2') }, {}, { people });
  raised = settingsOf('3.6-IV2');
  await fixture.up('staging');
  const [node] = await fixture.facts('staging');
  // What runs already: the only node is not touched.
  const artifacts = node!.artifacts.map((artifact) => ({ ...artifact, bytes: 0 }));
  const stock = candidateOf('kafka', '3.6.2', 'c4deed513057c94e', artifacts);
  expect(await fixture.rollOut('staging', 'kafka-1', stock)).toEqual({ kind: 'promoted' });
}, 300_000);

afterAll(async () => {
  await fixture?.close();
}, 60_000);

const settingsOf = (pinned: string) =>
  settingsSchema.parse({ forks: {}, environments: { staging: kafka(pinned) }, libraries: LIBRARIES, people });
const ask = (level: string, settings = raised) => finalise(fixture, settings, 'staging', level);
const level = async () => {
  const settings = environmentIn(fixture.settings, 'staging')!;
  return (await openSystem(settings, fixture.driver('staging')).levels?.before())?.level;
};
const ended = () => fixture.client.workflow.getHandle('finalise:staging').result() as Promise<FinaliseOutcome>;
async function decide(id: string, person: string, decision: Decision['decision'], note?: string) {
  const [stored] = await approvalsOf(fixture.db, { id });
  const made: Decision = {
    person,
    decision,
    digest: stored!.open.digest,
    nonce: `${id}-${person}`,
    ...(note && { note }),
  };
  const handle = fixture.client.workflow.getHandle(`approval:${id}`);
  return handle.executeUpdate<DecisionAnswer, [Decision]>('decide', { args: [made] });
}

test('a cluster begins at the level that the configuration pins', async () => {
  expect(await level()).toBe(metadataLevel('3.5-IV2'));
});

test.each([
  ['a level that is not higher', '3.5-IV0', '3.5-IV0', /K16: metadata\.version is 3\.5-IV2 already/],
  ['a level that no broker knows', '3.7-IV0', '3.7-IV0', /K16: node-1 supports metadata\.version up to 3\.6-IV2/],
  ['a level that is none', 'latest', '3.6-IV2', /"latest" is none of/],
  ['another level than the pinned one', '3.6-IV1', '3.6-IV2', /pins 3\.6-IV2 \(K15\): change it to 3\.6-IV1 first/],
])('%s is refused before anybody is asked', async (_name, wanted, pinned, reason) => {
  await expect(ask(wanted, settingsOf(pinned))).rejects.toThrow(reason);
  expect(await approvalsOf(fixture.db, {})).toEqual([]);
});

test('a no leaves everything as it is', async () => {
  const { id, open } = await ask('3.6-IV2');
  expect(open.deciders).toEqual(['bob']);
  expect(await decide(id, 'ada', 'approve')).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('asked for it'),
  });
  await decide(id, 'bob', 'reject', 'not before the holidays');
  expect(await ended()).toMatchObject({
    kind: 'refused',
    reasons: [expect.stringContaining('not before the holidays')],
  });
  expect(await level()).toBe(metadataLevel('3.5-IV2'));
});

test('what was braked meanwhile is not finalised, though it was approved', async () => {
  const { id } = await ask('3.6-IV2');
  await expect(ask('3.6-IV2')).rejects.toThrow(/waits already/);
  await fixture.brake('staging', { kind: 'pause', by: 'ada', reason: 'looks odd' });
  await decide(id, 'bob', 'approve');
  expect(await ended()).toMatchObject({
    kind: 'refused',
    reasons: [expect.stringContaining('paused by ada: looks odd')],
  });
  expect(await level()).toBe(metadataLevel('3.5-IV2'));
  expect((await fixture.state('staging')).frozen).toBeUndefined();
  await expect(ask('3.6-IV2')).rejects.toThrow(/paused by ada/);
  await fixture.brake('staging', { kind: 'resume', by: 'ada', reason: '' });
});

test('approved, it is raised once, read back, told, in journal and audit; and it does not go back', async () => {
  const { id, question } = await ask('3.6-IV2');
  expect(question.binds).toMatchObject({ environment: 'staging', rollout: ROLLOUT, level: '3.6-IV2' });
  await decide(id, 'bob', 'approve');
  expect(await ended()).toEqual({ kind: 'finalised', release: 'kafka-1', level: '3.6-IV2' });
  expect(await level()).toBe(metadataLevel('3.6-IV2'));
  expect((await fixture.state('staging')).frozen).toBeUndefined();
  const raises = (await fixture.effects('kafka-1')).filter(({ kind }) => kind === 'finalise');
  expect(raises).toMatchObject([{ key: `${id}/raise`, state: 'done' }]);
  expect((await auditRows(fixture.db, { about: id })).map(({ kind }) => kind)).toContain('used');
  expect((await fixture.thread('kafka-1')).at(-1)).toBe('staging: metadata.version is 3.6-IV2, for good');
  await expect(ask('3.6-IV2')).rejects.toThrow(/already/);
});
