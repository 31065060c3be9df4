import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createJunitXml } from '../../runner/junit-xml.ts';
import { readReport, testId } from '../../runner/junit-xml-reports.ts';
import type { CommandSpec, TestEnd, WorkItem } from '../../runner/protocol.ts';
import { ENV } from './sample.ts';
import { GENEROUS } from './slot-world.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'pw-xml-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function read(xml: string | Buffer): Promise<TestEnd[]> {
  const file = join(folder(), 'report.xml');
  writeFileSync(file, xml);
  const tests: TestEnd[] = [];
  await readReport(file, (end) => tests.push(end));
  return tests;
}

const SUREFIRE = `<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="a.BTest" tests="6"><properties><property name="x" value="y"/></properties>
  <testcase name="passes" classname="a.BTest" time="0.5"><system-out><![CDATA[<failure>not one</failure>]]></system-out></testcase>
  <testcase name="fails" classname="a.BTest" time="1,234.5"><failure message="expected &lt;1&gt;" type="a.Failure">a.Failure: expected
	at a.BTest.fails(BTest.java:1)</failure><rerunFailure message="again"/></testcase>
  <testcase name="param(String, int)[3]" classname="a.BTest" time="0"/>
  <testcase name="param{String, int}[4] &#x202e;x" classname="a.BTest" time="0"><error type="b.Error"/></testcase>
  <testcase name="skips" classname="a.BTest"><skipped message="m"/></testcase>
  <testcase name="wavers" classname="a.BTest"><flakyFailure message="once" type="c.Error"/></testcase>
  <testcase name="passes" classname="a.BTest" time="0"/>
</testsuite>`;

test('reads what Surefire writes, with ids that are the same everywhere', async () => {
  expect((await read(SUREFIRE)).map(({ status, test: id, message }) => [status, id, message])).toEqual([
    ['passed', 'a.BTest#passes()', undefined],
    ['failed', 'a.BTest#fails()', 'a.Failure: expected <1>'],
    ['passed', 'a.BTest#param(String,int)[3]', undefined],
    ['failed', 'a.BTest#param(String,int)[4]', 'b.Error'],
    ['skipped', 'a.BTest#skips()', undefined],
    ['failed', 'a.BTest#wavers()', 'failed, then passed when it was run again: c.Error: once'],
    ['passed', 'a.BTest#passes()~2', undefined],
  ]);
});

test.each([
  [
    'entity expansion',
    '<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>',
    /document type|entity/,
  ],
  [
    'an external entity',
    '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"/>',
    /document type|entity/,
  ],
  ['a file that was cut off', '<testsuite><testcase name="x"', /./],
  ['elements without end', '<a>'.repeat(10_000), /deeper|unclosed/],
  ['something else', 'PK\u0003\u0004', /./],
])('%s is refused with a reason', async (_what, xml, reason) => {
  await expect(read(xml)).rejects.toThrow(reason);
});

test('memory does not grow with what a test printed', async () => {
  const flood = Buffer.alloc(64 << 20, 'spam ');
  const before = process.memoryUsage.rss();
  const parts = [
    '<testsuite><testcase name="t" classname="C"><system-out>',
    flood,
    '</system-out><failure>',
    flood.subarray(0, 16 << 20),
    '</failure></testcase></testsuite>',
  ];
  const [result] = await read(Buffer.concat(parts.map((part) => Buffer.from(part))));
  expect(result).toMatchObject({ status: 'failed', test: 'C#t()' });
  expect(result?.trace?.length).toBeLessThanOrEqual(8_000);
  // The flood itself is in memory twice (made and joined) and read in parts of 64 KB.
  expect(process.memoryUsage.rss() - before).toBeLessThan(300 << 20);
});

test.each([
  ['shouldWork', 'C#shouldWork()'],
  ['should work, really', 'C#should work, really'],
  ['add(int, long)', 'C#add(int,long)'],
  ['each(String)[12] some "text"', 'C#each(String)[12]'],
  ['each[2]', 'C#each()[2]'],
])('%s is %s', (name, id) => expect(testId('C', name)).toBe(id));

const report = (body: string) => `mkdir -p out; echo '<testsuite>${body}</testsuite>' > out/r.xml`;

async function runCommand(script: string, item: Partial<WorkItem> = {}, rerun = ['./tests.sh', '{class}', '{method}']) {
  const dir = folder();
  mkdirSync(join(dir, 'out'));
  writeFileSync(join(dir, 'out', 'stale.xml'), '<testsuite><testcase name="stale" classname="Old"/></testsuite>');
  writeFileSync(join(dir, 'tests.sh'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, 'tests.sh'), 0o755);
  const spec: CommandSpec = {
    kind: 'junit-xml',
    command: ['./tests.sh'],
    rerun,
    reports: ['out'],
    env: ENV,
    arms: { candidate: { dir, version: '1', commit: 'c' } },
  };
  const results: TestEnd[] = [];
  const output: string[] = [];
  const executor = createJunitXml(spec, { dir, onProcess: () => {} });
  const whole: WorkItem = { item: 0, unit: 'all', arm: 'candidate', selector: 'all', limits: GENEROUS, ...item };
  const end = await executor.run(whole, {
    test: (result) => results.push(result),
    output: (chunk) => output.push(String(chunk)),
  });
  return {
    end,
    output: output.join(''),
    results: results.map(({ status, test: id, message }) => [status, id, message]),
  };
}

test('a command: its reports are the results, stale ones are not, its failure is not hidden', async () => {
  const good = await runCommand(`${report('<testcase name="t" classname="C"/>')}; echo hello`);
  expect(good).toMatchObject({
    end: { ended: 'completed' },
    output: 'hello\n',
    results: [['passed', 'C#t()', undefined]],
  });
  const broken = await runCommand(`${report('<testcase name="t" classname="C"/>')}; exit 3`);
  expect(broken.end.ended).toBe('crash');
  expect(broken.results.at(-1)).toEqual([
    'failed',
    'all',
    'crash: the command ended with exit code 3, and no report has a failure',
  ]);
  const nothing = await runCommand('echo BUILD SUCCESS');
  expect(nothing).toMatchObject({
    end: { ended: 'nothing-executed' },
    results: [['failed', 'all', expect.stringContaining('nothing was executed')]],
  });
  const malformed = await runCommand(report('<testcase'));
  expect(malformed.results[0]?.[2]).toContain('cannot be read');
});

test('one test alone: only it counts, and one that cannot be run is missing', async () => {
  const both = report(
    '<testcase name="t" classname="C"/><testcase name="u" classname="C"><failure message="no"/></testcase>',
  );
  const alone = await runCommand(`${both}; echo $1 $2; exit 1`, { test: 'C#t()' });
  expect(alone).toMatchObject({ output: 'C t\n', results: [['passed', 'C#t()', undefined]] });
  const missing = await runCommand('exit 1', { test: 'C#t()' });
  expect(missing).toMatchObject({ end: { ended: 'nothing-executed' }, results: [] });
});

test('a command that hangs is ended with everything it started', async () => {
  const marker = `9${Date.now() % 100_000}`;
  const hung = await runCommand(`sleep ${marker} & wait`, { limits: { ...GENEROUS, silenceSeconds: 1 } });
  expect(hung.end).toMatchObject({ ended: 'silence', complete: false });
  const { execFileSync } = await import('node:child_process');
  expect(execFileSync('ps', ['-eo', 'args']).toString()).not.toContain(`sleep ${marker}`);
});
