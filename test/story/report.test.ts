import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { createStoryActivities } from '../../activities/story.ts';
import { finishSuite } from '../../activities/suite-runner/finish.ts';
import { report, reportText } from '../../cli/commands/report.ts';
import { testsOfFiles } from '../../decisions/touched-tests.ts';
import { assembleReport } from '../../report/assemble.ts';
import { renderMarkdown } from '../../report/markdown.ts';
import { code, md } from '../../report/markdown-text.ts';
import { closeAgentRun, openAgentRun } from '../../store/agents.ts';
import type { Db } from '../../store/database.ts';
import { overruleOutcome } from '../../store/gates.ts';
import { runEffect } from '../../store/journal.ts';
import { closeRelease } from '../../store/releases.ts';
import { measuredSeconds } from '../../store/rollout-ledger.ts';
import { ranTests, testCounts } from '../../store/suite-report.ts';
import { useDatabases } from './database.ts';
import { BUILD, seedBuild, seedCut, seedRelease, seedRollout, seedSuite, setTimes } from './seed.ts';

const freshDatabase = useDatabases();

/** The fields that design.md names; a report may have more, never fewer. */
const FIELDS = [
  'release',
  'fork',
  'base',
  'startedAt',
  'endedAt',
  'outcome',
  'patches',
  'candidates',
  'effects',
  'approvals',
  'agent',
  'thread',
  'seconds',
];

async function released(db: Db): Promise<string> {
  const release = await seedRelease(db);
  const story = createStoryActivities({ db });
  await story.openThread({ release, key: `${release}/open`, text: 'anna releases kafka main' });
  await seedCut(db, release);
  await seedBuild(db, release);
  await runEffect(
    db,
    { key: `${release}/1/push`, kind: 'push', release, intent: {} },
    { readBack: async () => undefined, perform: async () => null },
  );
  await seedRollout(db, release, 'staging', 'promoted');
  await seedRollout(db, release, 'production', 'promoted');
  await closeRelease(db, release, { kind: 'released' });
  await story.tell({
    release,
    key: `${release}/end`,
    text: 'kafka-1 is released\n• <script>',
    tone: 'good',
    final: true,
  });
  return release;
}

/** Every row of a table has as many cells as its head. */
function expectWholeTables(text: string): void {
  const cells = (line: string) => line.replace(/\\\|/g, '').split('|').length;
  const lines = text.split('\n');
  for (const [n, line] of lines.entries()) {
    if (line.startsWith('|') && lines[n - 1]?.startsWith('|'))
      expect(cells(line), line).toBe(cells(lines[n - 1] ?? ''));
  }
}

describe('the report of a release that went through', () => {
  test('has every field of the design, and what happened in each', async () => {
    const { db } = await freshDatabase();
    const release = await released(db);
    const evidence = JSON.parse(JSON.stringify(await report(db, 'latest')));
    expect(Object.keys(evidence)).toEqual(expect.arrayContaining(FIELDS));
    expect(evidence).toMatchObject({
      release,
      fork: 'kafka',
      base: '3.6.2',
      baseCommit: 'b'.repeat(40),
      outcome: { kind: 'released', reasons: [] },
      effects: [{ key: `${release}/1/push`, kind: 'push', state: 'done' }],
      approvals: [],
      agent: { runs: 0, turns: 0, tokens: 0, money: 0 },
      thread: [{ text: 'anna releases kafka main' }, { text: 'kafka-1 is released\n• <script>' }],
    });
    expect(evidence.patches).toEqual([
      expect.objectContaining({
        commit: '1'.repeat(40),
        reason: 'KAFKA-1',
        upstreamStatus: 'sent',
        dropWhen: '3.7.0',
        check: 'mvn -q test',
      }),
      expect.not.objectContaining({ check: expect.anything() }),
    ]);
    const [candidate, ...more] = evidence.candidates;
    expect(more).toEqual([]);
    expect(candidate).toMatchObject({
      n: 1,
      commit: BUILD.commit,
      version: BUILD.version,
      digest: BUILD.digest,
      sandbox: { off: 'no bubblewrap' },
      artifacts: BUILD.artifacts,
      outcome: { kind: 'released', reasons: [] },
    });
    expect(candidate.rollouts.map((one: { environment: string }) => one.environment)).toEqual([
      'staging',
      'production',
    ]);
    expect(candidate.rollouts[0]).toMatchObject({
      outcome: 'promoted',
      reasons: [],
      waves: [{ targets: ['broker-1', 'broker-2'], gate: { kind: 'pass', reasons: [], figures: { p99Ms: 4 } } }],
      targets: [
        {
          name: 'broker-1',
          from: '3.6.2 (bbbbbbb)',
          to: BUILD.version,
          readBack: { artifacts: [{ name: 'kafka-clients.jar', sha256: 'e'.repeat(64) }], commit: BUILD.commit },
          seconds: 12.5,
        },
        { name: 'broker-2' },
      ],
      traffic: { acknowledged: 12_345, read: 12_345, lost: 0, offsetsMovedBack: 0, longestUnwritableMs: 87 },
    });
  });

  test('its seconds add up to the whole', async () => {
    const { db } = await freshDatabase();
    const release = await released(db);
    await setTimes(db, release, '2026-01-01T00:00:00Z', '2026-01-01T00:04:00Z', {
      cut: ['2026-01-01T00:00:01Z', '2026-01-01T00:00:04Z'],
      build: ['2026-01-01T00:00:04Z', '2026-01-01T00:01:04Z'],
      'rollout:staging': ['2026-01-01T00:01:04Z', '2026-01-01T00:02:04Z'],
      'rollout:production': ['2026-01-01T00:02:04Z', '2026-01-01T00:03:58.5Z'],
    });
    const { seconds } = await assembleReport(db, release);
    expect(seconds).toEqual({ cut: 3, build: 60, 'rollout:staging': 60, 'rollout:production': 114.5, other: 2.5 });
  });

  test('as Markdown says the outcome first and lets no text from outside be markup', async () => {
    const { db } = await freshDatabase();
    const text = reportText(await report(db, await released(db)));
    expect(text.split('\n')[0]).toBe('# kafka-1: released');
    expect(text).toContain('**0 lost**');
    expect(text).toContain('12,345 records acknowledged');
    expect(text).not.toMatch(/(?<!\\)!\[/);
    expect(text).not.toMatch(/(?<!\\)<(?!br>)/);
    expectWholeTables(text);
  });
});

describe('the report of any other release has the same shape', () => {
  test('one that was just asked for', async () => {
    const { db } = await freshDatabase();
    const evidence = await assembleReport(db, await seedRelease(db));
    expect(Object.keys(evidence)).toEqual(expect.arrayContaining(FIELDS));
    expect(evidence).toMatchObject({
      base: null,
      endedAt: null,
      outcome: null,
      patches: [],
      candidates: [],
      thread: [],
    });
    expect(renderMarkdown(evidence)).toContain('# kafka-1: running');
  });

  test('one that was refused at the cut', async () => {
    const { db } = await freshDatabase();
    const release = await seedRelease(db);
    await closeRelease(db, release, { kind: 'refused', at: 'cut', reasons: ['1111111: no trailer Reason'] });
    const evidence = await assembleReport(db, release);
    expect(evidence.outcome).toEqual({ kind: 'refused', at: 'cut', reasons: ['1111111: no trailer Reason'] });
    expect(renderMarkdown(evidence)).toMatch(/^# kafka-1: refused at cut\n[\s\S]*> 1111111: no trailer Reason/);
  });

  test('one that a suite holds: counted from what ran, with the verdict and its counts', async () => {
    const { db } = await freshDatabase();
    const release = await seedRelease(db);
    await seedCut(db, release);
    await seedBuild(db, release);
    await seedSuite(db, release);
    await closeRelease(db, release, { kind: 'held', at: 'suites', reasons: ['regression in fast: BTest#works'] });
    // As a proof counts them apart whose change touched this file (decisions/touched-tests.ts).
    const touched = testsOfFiles(await ranTests(db, `${release}/1/fast`), ['src/test/java/org/x/ATest.java']);
    expect(touched).toEqual([{ unit: 'org.x.ATest', test: 'works' }]);
    expect(await testCounts(db, `${release}/1/fast`, touched)).toEqual({ passed: 1, failed: 0, skipped: 0 });
    expect(await testCounts(db, `${release}/1/fast`, [])).toEqual({ passed: 0, failed: 0, skipped: 0 });
    await db
      .updateTable('suite_run')
      .set({ arms: JSON.stringify({ candidate: { commit: 'c' } }) as never })
      .execute();
    const users = { users: ['src/test/java/org/x/BTest.java'], names: [] };
    const deps = { db, settings: async () => ({}), testUsers: async () => users } as never;
    const order = { suiteRun: `${release}/1/fast`, suite: 'fast', touched: ['src/test/java/org/x/ATest.java'] };
    expect(await finishSuite(deps, order)).toMatchObject({
      touched: await testCounts(db, `${release}/1/fast`),
      apart: { using: 1, classes: 1, named: ['BTest'] },
    });
    const change = { run: `${release}/1/repair-1`, release, role: 'repair', brief: 'b' };
    await openAgentRun(db, change);
    const answered = { kind: 'answered' as const, answer: 'a', tests: ['src/test/java/org/x/ATest.java'] };
    const spent = { turns: 2, tokens: 30, money: 0.5, seconds: 9 };
    await closeAgentRun(db, change.run, { ...answered, spent, transcript: 't' });
    const evidence = await assembleReport(db, release);
    expect(evidence.agent).toMatchObject({ runs: 1, running: 0, turns: 2, tokens: 30, money: 0.5 });
    expect(evidence.agent.tests).toEqual([{ run: change.run, path: 'src/test/java/org/x/ATest.java' }]);
    expect(renderMarkdown(evidence)).toContain(`| \`src/test/java/org/x/ATest.java\` | ${change.run} |`);
    expect(evidence.candidates[0]?.suites).toEqual([
      {
        name: 'fast',
        units: 2,
        slots: 2,
        seconds: 40,
        boundSeconds: 40,
        tests: { passed: 1, failed: 1, skipped: 0 },
        executions: 2,
        repeated: 0,
        rerunSeconds: 5,
        efficiency: 1,
        culpritSeconds: 0,
        rerunBudgetSeconds: null,
        verdicts: [
          {
            unit: 'org.x.BTest',
            test: 'works',
            kind: 'regression',
            candidate: { pass: 0, fail: 3 },
            base: { pass: 3, fail: 0 },
            message: 'expected | 1\nbut was 2',
            culprit: ['1'.repeat(40)],
            power: 0.97,
            evidence: `${release}/1/fast`,
          },
        ],
      },
    ]);
    expect(evidence.candidates[0]?.outcome).toMatchObject({ kind: 'held', at: 'suites' });
    const text = renderMarkdown(evidence);
    expectWholeTables(text);
    expect(text).toContain(
      '| regression | BTest works | 0 of 3 | 3 of 3 | 0.97 | `111111111111` (1) | expected \\| 1 but was 2 |  |',
    );
    expect(text).toContain('1 verdict: 1 regression. Their reruns took 5 s of test processes.');
    expect(text).toMatch(/- \*\*regression\*\* BTest works: .*Culprit: patch 1 /);
  });

  test('one in the middle of a roll-out', async () => {
    const { db } = await freshDatabase();
    const release = await seedRelease(db);
    await seedCut(db, release);
    await seedBuild(db, release);
    await seedRollout(db, release, 'staging', 'changing');
    const evidence = await assembleReport(db, release);
    expect(evidence.candidates[0]?.rollouts).toMatchObject([
      {
        outcome: null,
        endedAt: null,
        traffic: null,
        waves: [{ gate: null }],
        targets: [{ state: 'done' }, { state: 'intent', readBack: null, seconds: 0 }],
      },
    ]);
    expect(renderMarkdown(evidence)).toContain('Roll-out to staging: running');
  });

  test('one that does not exist is an answer of no', async () => {
    const { db } = await freshDatabase();
    await expect(report(db, 'kafka-9')).rejects.toMatchObject({ exitStatus: 1 });
  });
});

test.each(['rolled-back', 'frozen'] as const)('a watch that ended %s before its release closed', async (kind) => {
  const { db } = await freshDatabase();
  const release = await seedRelease(db);
  await seedCut(db, release);
  await seedRollout(db, release, 'staging', 'promoted');
  const outcome = { kind, reasons: ['in the watch: slow'] };
  await overruleOutcome(db, { rollout: `${release}/1/staging`, release, environment: 'staging', outcome });
  const wanted = { ...outcome, at: 'staging' };
  for (const _ of ['closed', 'asked again'])
    expect(await closeRelease(db, release, { kind: 'released' })).toEqual(wanted);
  expect(await assembleReport(db, release)).toMatchObject({ outcome: wanted, candidates: [{ outcome: wanted }] });
  const held = await seedRelease(db);
  expect(await closeRelease(db, held, { kind: 'held', at: 'cut', reasons: [] })).toMatchObject({ kind: 'held' });
});

test('how long nodes took is of other roll-outs, forward, that were promoted', async () => {
  const { db } = await freshDatabase();
  const [first, back, open] = [await seedRelease(db), await seedRelease(db), await seedRelease(db)];
  for (const release of [first, back]) await seedRollout(db, release, 'staging', 'promoted');
  const key = { rollout: `${first}/1/staging`, target: 'broker-2' };
  await sql`update rollout_target set direction = 'back'
    where rollout = ${key.rollout} and target = ${key.target}`.execute(db);
  const outcome = { kind: 'rolled-back' as const, reasons: ['slow'] };
  await overruleOutcome(db, { rollout: `${back}/1/staging`, release: back, environment: 'staging', outcome });
  await seedRollout(db, open, 'staging', 'changing');
  const measured = (release: string, environment = 'staging') =>
    measuredSeconds(db, { environment, rollout: `${release}/1/staging` }, 'return');
  expect(await measured(open)).toEqual([8]);
  expect(await measured(first)).toEqual([]);
  expect(await measured(open, 'production')).toEqual([]);
});

test.each([
  ['a | b', 'a \\| b'],
  ['![x](y)', '\\!\\[x\\](y)'],
  ['<img src=x>', '\\<img src=x\\>'],
  ['two\nlines', 'two lines'],
])('Markdown text %j is shown as it is', (text, shown) => expect(md(text)).toBe(shown));

test('a code span holds backticks', () => expect(code('a `b` c')).toBe('`` a `b` c ``'));
