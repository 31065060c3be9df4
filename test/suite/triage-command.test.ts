import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { TriageView } from '../../cli/commands/triage.ts';
import { patchwrightIn } from '../patchwright.ts';

/** What `patchwright triage` says before anything has to run. */
const patchwright = patchwrightIn(
  (folder) => `
forks:
  answer:
    repository: ${folder}/fork
    base: upstream
    build: { command: [sh, build.sh], artifacts: [{ name: a.jar, path: a.jar }] }
    suites: { unit: { runner: junit-xml, command: [sh, test.sh], reports: [reports] } }
    release: { suites: [unit] }
`,
);
afterAll(() => patchwright.close());

function reports(name: string, text: string): string {
  const dir = join(patchwright.folder, name);
  mkdirSync(dir);
  writeFileSync(join(dir, 'r.xml'), text);
  return dir;
}
const call = async (...args: string[]) => {
  const { status, stderr } = await patchwright.call('triage', ...args);
  return `${status} ${stderr}`;
};

test('nothing to do where nothing failed, and no server is needed to say so', async () => {
  const green = reports('green', '<testsuite><testcase classname="T" name="t"/></testsuite>');
  const ran = await patchwright.call('--json', 'triage', '--junit', green, '--fork', 'answer');
  expect(ran.status, ran.stderr).toBe(0);
  expect(JSON.parse(ran.stdout) as TriageView).toMatchObject({ triage: null, verdicts: [], holding: 0 });
  const shown = await patchwright.call('triage', '--junit', green, '--fork', 'answer');
  expect(shown.stdout).toMatch(/1 passed, 0 failed, 0 skipped\nNo failure: nothing to judge\.\n$/);
});

test('a report that cannot be read may hide a failure', async () => {
  const half = reports('half', '<testsuite><testcase classname="T" name="t"/></testsuite>');
  writeFileSync(join(half, 's.xml'), '<testsuite><testcase');
  const ran = await patchwright.call('triage', '--junit', half, '--fork', 'answer');
  expect([ran.status, ran.stdout]).toEqual([1, expect.stringMatching(/! s\.xml cannot be read/)]);
});

test('says what is wrong with a call', async () => {
  const red = reports('red', '<testsuite><testcase classname="T" name="t"><failure/></testcase></testsuite>');
  const poms = reports('poms', '<project/>');
  expect(await call('--junit', red, '--fork', 'nope')).toMatch(/^2 no fork "nope".*there are: answer/);
  expect(await call('--junit', red, '--fork', 'answer', '--suite', 'no')).toMatch(/^2 no suite "no".*there are: unit/);
  expect(await call('--junit', join(red, 'nowhere'), '--fork', 'answer')).toMatch(/^2 .*is not a folder/);
  expect(await call('--junit', poms, '--fork', 'answer')).toMatch(/^2 none of 1 .xml files/);
  expect(await call('--junit', red)).toMatch(/^2 .*--fork/);
  // Everything else needs Patchwright to run.
  expect(await call('--junit', red, '--fork', 'answer')).toMatch(/^4 Patchwright does not run.*patchwright up/);
});
