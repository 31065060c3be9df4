import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBase } from '../../activities/sandbox/bases.ts';
import type { Sandbox } from '../../activities/sandbox/types.ts';
import { createJunitXml } from '../../runner/junit-xml.ts';
import { readReport, testId } from '../../runner/junit-xml-reports.ts';
import type { CommandSpec, TestEnd, WorkItem } from '../../runner/protocol.ts';
import { ENV } from './sample.ts';
import { openSandboxes, type Sandboxes } from './sandboxes.ts';
import { GENEROUS } from './slot-world.ts';

async function read(xml: string | Buffer): Promise<TestEnd[]> {
  const tests: TestEnd[] = [];
  const parts = function* () {
    for (let at = 0; at < xml.length; at += 65_536) yield Buffer.from(xml.slice(at, at + 65_536));
  };
  await readReport(Readable.from(parts()), (end) => tests.push(end));
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

let sandboxes: Sandboxes;
beforeAll(async () => {
  sandboxes = await openSandboxes();
});
afterAll(() => {
  expect(sandboxes.open()).toEqual([]);
  sandboxes.remove();
});

let commits = 0;

/** A command in a checkout that has it, and a report of long ago. `again`: a second time in the same slot. */
async function runCommand(
  script: string,
  {
    sandbox = sandboxes.sandboxed,
    rerun = ['./tests.sh', '{class}', '{method}'],
    reports = ['out'],
    again = false,
    ...item
  }: Partial<WorkItem> & {
    sandbox?: Sandbox;
    rerun?: string[];
    reports?: string[];
    again?: boolean;
  } = {},
) {
  commits += 1;
  const base = `files-${commits}`;
  await ensureBase(sandbox, base, async (dir) => {
    mkdirSync(join(dir, 'out'));
    writeFileSync(join(dir, 'out', 'stale.xml'), '<testsuite><testcase name="stale" classname="Old"/></testsuite>');
    writeFileSync(join(dir, 'tests.sh'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(dir, 'tests.sh'), 0o755);
  });
  const arms = { candidate: { base, version: '1', commit: 'c' } };
  const spec: CommandSpec = { kind: 'junit-xml', command: ['./tests.sh'], rerun, reports, env: ENV, arms };
  const results: TestEnd[] = [];
  const output: string[] = [];
  const executor = createJunitXml(spec, { sandbox, onProcess: () => {}, onStray: () => {} });
  const whole: WorkItem = { item: 0, unit: 'all', arm: 'candidate', selector: 'all', limits: GENEROUS, ...item };
  const sink = {
    begins: () => {},
    test: (result: TestEnd) => results.push(result),
    output: (chunk: unknown) => output.push(String(chunk)),
  };
  try {
    if (again) await executor.run(whole, { begins: () => {}, test: () => {}, output: () => {} });
    const end = await executor.run(whole, sink);
    return {
      end,
      output: output.join(''),
      results: results.map(({ status, test: id, message }) => [status, id, message]),
    };
  } finally {
    await executor.close();
  }
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

describe.each(['sandboxed', 'bare'] as const)('%s', (kind) => {
  test('a command that hangs is ended with everything it started', async () => {
    const marker = `9${Date.now() % 100_000}`;
    const limits = { ...GENEROUS, silenceSeconds: 1 };
    const hung = await runCommand(`sleep ${marker} & wait`, { sandbox: sandboxes[kind], limits });
    expect(hung.end).toMatchObject({ ended: 'silence', complete: false });
    expect(execFileSync('ps', ['-eo', 'args']).toString()).not.toContain(`sleep ${marker}`);
  });

  test('what is no program cannot be started, which is no failed test', async () => {
    const missing = runCommand('exit 0', { sandbox: sandboxes[kind], test: 'C#t()', rerun: ['./no-such-program'] });
    await expect(missing).rejects.toThrow(/no-such-program cannot be started/);
  });

  test('the reports of the run before are gone, the files that it made are not', async () => {
    const counts =
      "echo x >>runs; n=$(wc -l <runs); mkdir -p out; echo \"<testsuite><testcase name='t$n' classname='C'/></testsuite>\" >out/r$n.xml";
    const second = await runCommand(counts, { sandbox: sandboxes[kind], again: true });
    expect(second.results).toEqual([['passed', 'C#t2()', undefined]]);
  });

  test('a limit that is reached is the failure, and says so', async () => {
    const sandbox = sandboxes.limited(kind, { outputMb: 1 });
    const loud = await runCommand(`${report('<testcase name="t" classname="C"/>')}; yes`, { sandbox });
    expect(loud.end).toMatchObject({ ended: 'limit', complete: false });
    expect(loud.results.at(-1)?.[2]).toMatch(/^limit: it printed more than 1 MB/);
  });
});

test('reports are found by pattern in the folders of modules', async () => {
  const script =
    "for m in a b/c; do mkdir -p $m/target/reports; echo \"<testsuite><testcase name='t' classname='$m'/></testsuite>\" >$m/target/reports/r.xml; done";
  const found = async (pattern: string) =>
    (await runCommand(script, { reports: [pattern] })).results.map(([, id]) => id);
  expect(await found('*/target/reports')).toEqual(['a#t()']);
  expect(await found('**/target/reports')).toEqual(['a#t()', 'b/c#t()']);
});

test('a report that is a link, a pipe or in a folder that is one is not read', async () => {
  const secret = '/etc/hostname';
  const tricks = [
    `ln -s ${secret} out/a.xml`,
    'mkfifo out/b.xml',
    "mkdir -p real; echo \"<testsuite><testcase name='linked' classname='C'/></testsuite>\" >real/r.xml; ln -s real linked",
    'ln -s /proc/self/environ out/c.xml',
  ];
  const body = report('<testcase name="t" classname="C"/>');
  const tricked = await runCommand([body, ...tricks].join('; '), { reports: ['out', 'linked'] });
  expect(tricked).toMatchObject({ end: { ended: 'completed' }, results: [['passed', 'C#t()', undefined]] });
});

test('a report longer than any is a failure, and not read', async () => {
  const huge = await runCommand('mkdir -p out; truncate -s 3G out/r.xml');
  expect(huge.results[0]?.[2]).toMatch(/out\/r\.xml cannot be read: .*longer than/);
});
