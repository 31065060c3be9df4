import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { prepareSuite } from '../../activities/suite-runner/prepare.ts';
import { readJunitFolder } from '../../cli/junit-folder.ts';
import { NONE_TOUCHED } from '../../decisions/touched-units.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { keepSettings } from '../../store/releases.ts';
import { suiteVerdicts } from '../../store/suite-report.ts';
import { openTriage, placesOf } from '../../store/triage.ts';
import type { Build } from '../../workflows/types.ts';
import { useDatabases } from '../story/database.ts';
import { judgingWorld } from './judging-world.ts';

/** Failures that another CI has found, from its files to their verdicts, on the real store. */
const freshDatabase = useDatabases();
const folder = mkdtempSync(join(tmpdir(), 'pw-triage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const build = (commit: string): Build => ({
  ...{ fork: 'sample', commit, version: commit, digest: commit.repeat(64), artifacts: [], buildKey: commit },
});

function reports(name: string, files: Record<string, string>): string {
  const dir = join(folder, name);
  mkdirSync(join(dir, 'deep', 'er'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, 'deep', 'er', file), text);
  return dir;
}
const failed = (name: string) =>
  `<testcase classname="x.T" name="${name}"><failure message="no">at x</failure></testcase>`;
const suiteOf = (...cases: string[]) => `<testsuite name="s">${cases.join('')}</testsuite>`;

test('reads what a CI has left, and names what it could not read', async () => {
  const dir = reports('hostile', {
    'a.xml': suiteOf(failed('a'), '<testcase classname="x.T" name="b"/>', failed('c&#x202e;d')),
    'b.xml': '<!DOCTYPE x [<!ENTITY a "a">]><testsuite><testcase name="&a;"/></testsuite>',
    'c.xml': '<testsuite><testcase name="cut off',
    'd.txt': 'no report',
  });
  symlinkSync(join(dir, 'deep'), join(dir, 'again'));
  const read = await readJunitFolder(dir);
  expect(read).toMatchObject({ files: 3, tests: { passed: 1, failed: 2, skipped: 0 } });
  expect(read.failures.map((one) => one.test)).toEqual(['x.T#a()', expect.stringContaining('c\\u{202e}d')]);
  expect(read.problems).toEqual([
    expect.stringMatching(/deep\/er\/b\.xml cannot be read: .*document type/),
    expect.stringMatching(/deep\/er\/c\.xml cannot be read/),
  ]);
});

test('judges them as its own, whatever is tried again, and runs nothing of the suite', async () => {
  const { db } = await freshDatabase();
  const ran = ['x.T#first()', 'x.T#broken()', 'x.T#flakes()', 'x.T#later()'];
  const world = judgingWorld(db, { unit: ran }, { suite: { rerun: ['r', '{method}'] } });
  const deps = { ...world.deps, dataDir: folder, artifacts: createArtifactStore(join(folder, 'artifacts')) };
  const red = suiteOf(failed('broken'), failed('flakes'), failed('later'));
  const { failures } = await readJunitFolder(reports('red', { 'a.xml': red }));
  const settings = await keepSettings(db, {});
  const open = () => openTriage(db, { fork: 'sample', requestedBy: 'me', settings, found: [...failures, ...failures] });
  const [triage, next] = [await open(), await open()];
  expect([triage, next]).toEqual(['sample-triage-1', 'sample-triage-2']);

  const suiteRun = `${triage}/1/unit`;
  const order = {
    ...{ suiteRun, release: triage, candidateNumber: 1, fork: 'sample', suite: 'unit', settings, triage },
    ...{ candidate: build('c'), base: build('b'), patches: [], sources: [] },
  };
  expect(await prepareSuite(deps, order)).toMatchObject({ kind: 'planned', units: 1 });
  // A worker that dies after it has planned leaves the same plan to the next one.
  expect(await prepareSuite(deps, order)).toMatchObject({ kind: 'planned', units: 1 });
  const verdicts = await world.judge(suiteRun, ({ test: name, arm, phase }) => {
    const fails = name === 'x.T#broken()' || (name === 'x.T#later()' && phase === 'replay');
    return { status: fails && arm === 'candidate' ? 'failed' : 'passed' };
  });
  expect(verdicts).toMatchObject([
    { unit: 'unit', test: 'x.T#broken()', kind: 'regression', candidate: { fail: 8 }, base: { pass: 5 } },
    { unit: 'unit', test: 'x.T#flakes()', kind: 'flaky', candidate: { fail: 0 } },
    // Alone it passes: what shows it is its unit as a whole, on the candidate twice and then five times on each arm.
    { unit: 'unit', test: 'x.T#later()', kind: 'regression', orderDependent: true, base: { pass: 5 } },
  ]);
  expect(world.runs('suite', 'candidate')).toBe(0);
  expect([world.runs('replay', 'candidate'), world.runs('replay', 'base')]).toEqual([5, 5]);
  const outcome = await world.activities.finishSuite({ suiteRun, suite: 'unit', triage });
  expect(outcome.problem).toBeUndefined();
  expect(outcome.holding.map((one) => one.test)).toEqual(['x.T#broken()', 'x.T#later()']);
  expect(await suiteVerdicts(db, `${next}/1/unit`)).toEqual([]);
  expect((await placesOf(db, triage)).map(({ test: name, suite }) => [name, suite])).toEqual([
    ['x.T#broken()', 'unit'],
    ['x.T#flakes()', 'unit'],
    ['x.T#later()', 'unit'],
  ]);
  // What no suite was asked for has no place.
  expect((await placesOf(db, next)).every(({ suite }) => suite === null)).toBe(true);
});

test('of a suite only what a change touches is planned, where that is asked for; nothing of it is an answer', async () => {
  const { db } = await freshDatabase();
  const world = judgingWorld(db, { unit: [] }, { suite: { command: ['c', '{unit}'], units: ['x.T', 'x.y.U', 'z.V'] } });
  const artifacts = createArtifactStore(join(folder, 'artifacts'));
  const deps = { ...world.deps, dataDir: folder, artifacts };
  const settings = await keepSettings(db, {});
  const planned = async (name: string, paths: string[]) => {
    const { sha256: limitedTo } = await artifacts.put(JSON.stringify(paths));
    const arms = { candidate: build('c'), base: build('b'), patches: [], sources: [] };
    const order = { suiteRun: `s-1/1/${name}`, release: 's-1', candidateNumber: 1, fork: 'sample', suite: 'unit' };
    return prepareSuite(deps, { ...order, ...arms, settings, limitedTo });
  };
  expect(await planned('one', ['core/src/main/java/x/Other.java'])).toMatchObject({ kind: 'planned', units: 1 });
  expect(await planned('two', ['a/x/T.java', 'b/V.java'])).toMatchObject({ kind: 'planned', units: 2 });
  expect(await planned('none', ['docs/x.md'])).toEqual({ kind: 'unplannable', reason: NONE_TOUCHED });
});
