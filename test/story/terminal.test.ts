import { describe, expect, test } from 'vitest';
import { createStoryActivities } from '../../activities/story.ts';
import { releaseShow, releaseShowText } from '../../cli/commands/release-show.ts';
import { releases, releasesText } from '../../cli/commands/releases.ts';
import { followStory } from '../../cli/follow-story.ts';
import { liveLines } from '../../cli/terminal.ts';
import { type Progress, progressOf, type SuiteProgress } from '../../report/progress.ts';
import type { Db } from '../../store/database.ts';
import { beginStep, closeRelease, endStep } from '../../store/releases.ts';
import { markSlackProblem } from '../../store/thread.ts';
import { useDatabases } from './database.ts';
import { openPipe, openTerminal } from './screen-reader.ts';
import { seedBuild, seedCut, seedRelease, seedRollout, seedSuite } from './seed.ts';

const freshDatabase = useDatabases({ durable: true });
const PLAIN = { colour: false, columns: 120 };

async function begun(db: Db) {
  const release = await seedRelease(db);
  const story = createStoryActivities({ db });
  await story.openThread({ release, key: `${release}/open`, text: 'anna releases kafka main' });
  await seedCut(db, release);
  await story.tell({ release, key: `${release}/cut`, text: 'Cut 2 patches\n1. Bound the retry' });
  return { release, story };
}

async function end(db: Db, release: string): Promise<void> {
  await closeRelease(db, release, { kind: 'released' });
  await createStoryActivities({ db }).tell({
    release,
    key: `${release}/end`,
    text: `${release} is released`,
    tone: 'good',
    final: true,
  });
}

describe('following a story', () => {
  test('through a pipe gives plain lines as they happen, and the outcome', async () => {
    const { db } = await freshDatabase();
    const { release } = await begun(db);
    const pipe = openPipe();
    const following = followStory(db, release, pipe.out, { frameMs: 10 });
    await expect.poll(pipe.text).toContain('Cut 2 patches');
    await beginStep(db, release, 'build');
    await expect.poll(pipe.text).toContain('…  build');
    await end(db, release);
    expect(await following).toEqual({ kind: 'released' });
    const text = pipe.text();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is the point.
    expect(text).not.toMatch(/[\u001b\r\u2800-\u28ff]/);
    expect(text.match(/kafka-1 is released/g)).toHaveLength(1);
    expect(text.indexOf('anna releases')).toBeLessThan(text.indexOf('Cut 2 patches'));
    expect(text).toContain('npx patchwright report kafka-1 --md');
  });

  test('on a terminal redraws its live lines and leaves only the story', async () => {
    const { db } = await freshDatabase();
    const { release } = await begun(db);
    const terminal = openTerminal();
    const following = followStory(db, release, terminal.out, { frameMs: 10 });
    await beginStep(db, release, 'build');
    await expect
      .poll(() => terminal.lines().at(-1))
      .toMatch(/✔ cut 00:00 {3}. build 00:00 {3}○ fast {3}○ staging {3}○ production {3}○ finish/);
    terminal.out.write('a warning from elsewhere\n');
    await expect.poll(() => terminal.lines().at(-1)).toContain('build');
    expect(terminal.lines().at(-2)).toBe('a warning from elsewhere');
    await end(db, release);
    await following;
    const lines = terminal.lines();
    expect(lines.filter((line) => line.includes('○'))).toEqual([]);
    expect(lines.map((line) => line.trim().replace(/^\d\d:\d\d {2}/, ''))).toEqual([
      'kafka-1  kafka main → staging → production',
      '●  anna releases kafka main',
      '●  Cut 2 patches',
      '1. Bound the retry',
      'a warning from elsewhere',
      '✔  kafka-1 is released',
      expect.stringMatching(/^✔ released in 00:00 {2}cut 00:00 · build 00:00$/),
      'evidence: npx patchwright report kafka-1 --md',
    ]);
    expect(terminal.raw().endsWith('\u001b[?25h')).toBe(true);
  });

  test('shows the node that is being changed, and that Slack lags', async () => {
    const { db } = await freshDatabase();
    const { release } = await begun(db);
    await seedBuild(db, release);
    await seedRollout(db, release, 'staging', 'changing');
    await markSlackProblem(db, release, 'Slack did not answer: refused');
    const terminal = openTerminal();
    const stop = new AbortController();
    const following = followStory(db, release, terminal.out, { frameMs: 10, signal: stop.signal });
    await expect.poll(() => terminal.lines().join('\n')).toMatch(/✔ broker-1 {3}. broker-2 changing/);
    expect(terminal.lines().at(-1)).toContain('Slack did not answer: refused');
    stop.abort();
    expect(await following).toBeUndefined();
  });

  test('keeps every live line within the width, and no line of the story breaks the look', async () => {
    const { db } = await freshDatabase();
    const { release, story } = await begun(db);
    await story.tell({ release, key: 'long', text: `${'word '.repeat(60)}\n${'x'.repeat(200)}` });
    await beginStep(db, release, 'build');
    const terminal = openTerminal({ columns: 50 });
    const stop = new AbortController();
    const following = followStory(db, release, terminal.out, { frameMs: 10, signal: stop.signal });
    await expect.poll(() => terminal.lines().at(-1)).toContain('build');
    expect(Math.max(...terminal.lines().map((line) => line.length))).toBeLessThanOrEqual(50);
    stop.abort();
    await following;
  });

  test('waits for a database that was killed, and misses nothing', async () => {
    const { db, killServer } = await freshDatabase();
    const { release } = await begun(db);
    const terminal = openTerminal();
    const following = followStory(db, release, terminal.out, { frameMs: 10 });
    await expect.poll(() => terminal.lines().join('\n')).toContain('Cut 2 patches');
    killServer();
    await expect.poll(() => terminal.raw(), { timeout: 10_000 }).toContain('the database does not answer');
    await expect
      .poll(
        () =>
          end(db, release).then(
            () => 'told',
            () => 'away',
          ),
        { timeout: 20_000 },
      )
      .toBe('told');
    expect(await following).toEqual({ kind: 'released' });
    expect(terminal.lines().filter((line) => /Cut 2 patches|is released$/.test(line))).toHaveLength(2);
  }, 40_000);

  test('a release that is not there is an error', async () => {
    const { db } = await freshDatabase();
    await expect(followStory(db, 'kafka-9', openPipe().out)).rejects.toThrow('there is no release kafka-9');
  });
});

describe('progress', () => {
  test('names every step of the order, and when the running one began', async () => {
    const { db } = await freshDatabase();
    const { release } = await begun(db);
    await beginStep(db, release, 'build');
    await endStep(db, release, 'build');
    await beginStep(db, release, 'suite:fast');
    const progress = await progressOf(db, release, new Date(Date.now() + 60_000));
    expect(progress?.steps.map(({ step, state }) => [step, state])).toEqual([
      ['cut', 'ended'],
      ['build', 'ended'],
      ['suite:fast', 'running'],
      ['rollout:staging', 'waiting'],
      ['rollout:production', 'waiting'],
      ['finish', 'waiting'],
    ]);
    expect(progress?.steps[2]?.seconds).toBeGreaterThanOrEqual(59);
  });

  test('of a suite counts units, and failures by their judgement', async () => {
    const { db } = await freshDatabase();
    const { release } = await begun(db);
    await seedSuite(db, release);
    const { detail, ...rest } = (await progressOf(db, release)) as Progress & { detail: SuiteProgress };
    expect(detail).toEqual({
      ...{ kind: 'suite', suite: 'fast', suiteRun: `${release}/1/fast`, done: 2, units: 2, slots: 2, running: [] },
      ...{ failed: 1, failedTests: ['works'], leftSeconds: null, expectedEnd: null },
      ...{ slowest: [expect.anything(), expect.anything()], failures: 1, judged: 1 },
    });
    const show = (more: Partial<SuiteProgress>, look = PLAIN) =>
      liveLines({ ...rest, detail: { ...detail, ...more } }, 0, look).slice(2);
    expect(show({})).toEqual([expect.stringMatching(/^ {2}1 failure, 1 judged {2}running again alone/)]);
    const at = { host: 'h', test: null, arm: 'candidate', phase: 'suite' as const };
    const running = [
      { ...at, slot: 0, unit: 'org.x.SlowTest#part-2', seconds: 75 },
      { ...at, slot: 1, unit: `org.x.${'Long'.repeat(40)}Test`, seconds: 3 },
    ];
    const lines = show({ leftSeconds: 61, expectedEnd: new Date(0).toISOString(), done: 1, running });
    expect(lines[0]).toMatch(/━+─+ {2}1 of 2 units on 2 slots, 01:01 left, until \d\d:\d\d$/);
    expect(lines[1]).toMatch(/^ {2}running {2}SlowTest#part-2 01:15 {3}Long\S+…\S+Test 00:03/);
    expect(lines[2]).toMatch(/^ {2}1 failed {2}works/);
    const narrow = { colour: false, columns: 50 };
    for (const line of show({ leftSeconds: 61, running }, narrow)) expect(line.length).toBeLessThanOrEqual(50);
    const view = { ...rest, detail: { ...detail, leftSeconds: 61 }, thread: [], slack: null };
    expect(releaseShowText(view, PLAIN)).toMatch(/\n {2}slowest {2}\S+ \d\d:\d\d/);
  });
});

describe('release show and releases', () => {
  test('latest is the newest; the story and the state are both there', async () => {
    const { db } = await freshDatabase();
    await end(db, (await begun(db)).release);
    const { release } = await (async () => {
      const second = await seedRelease(db);
      await createStoryActivities({ db }).openThread({ release: second, key: `${second}/open`, text: 'bob releases' });
      await beginStep(db, second, 'cut');
      return { release: second };
    })();
    const view = await releaseShow(db, 'latest');
    expect(view).toMatchObject({
      release,
      outcome: null,
      thread: [{ text: 'bob releases' }],
      slack: { slackClosed: false },
    });
    expect(releaseShowText(view, PLAIN)).toMatch(/kafka-2 {2}kafka main[\s\S]*bob releases[\s\S]*cut 00:00 {3}○ build/);
    expect(releaseShowText(await releaseShow(db, 'kafka-1'), PLAIN)).toContain('✔ released in 00:00');
    await expect(releaseShow(db, 'kafka-3')).rejects.toMatchObject({ exitStatus: 1 });
    const lines = releasesText(await releases(db), PLAIN).split('\n');
    expect(lines[0]).toMatch(/^kafka-2 {2}main .* anna {2}… cut$/);
    expect(lines[1]).toMatch(/^kafka-1 {2}main .* anna {2}✔ released$/);
  });

  test('no release yet says how to start one', () => {
    expect(releasesText([], PLAIN)).toContain('npx patchwright release FORK');
  });
});
