import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readReport } from '../../runner/junit-xml-reports.ts';
import type { TestEnd } from '../../runner/protocol.ts';

/** Reports that were made to break whoever reads them. Made while they are read, so that only the reader needs memory. */
function report(...parts: (string | { repeat: string; megabytes: number })[]): Readable {
  return Readable.from(
    (function* () {
      for (const part of parts) {
        if (typeof part === 'string') yield Buffer.from(part);
        else {
          const block = Buffer.from(part.repeat.repeat(Math.ceil(65_536 / part.repeat.length)));
          for (let bytes = 0; bytes < part.megabytes * 2 ** 20; bytes += block.length) yield block;
        }
      }
    })(),
  );
}

async function read(source: Readable): Promise<TestEnd[]> {
  const tests: TestEnd[] = [];
  await readReport(source, (end) => tests.push(end));
  return tests;
}

const MEGABYTES = 64;

test.each([
  [
    'an attribute without end',
    report('<testsuite><testcase name="', { repeat: 'n', megabytes: MEGABYTES }),
    /tag is longer/,
  ],
  [
    'attributes without end',
    report('<testcase ', { repeat: 'a="" ', megabytes: MEGABYTES }),
    /attribute|tag is longer/,
  ],
  ['a name without end', report('<', { repeat: 'n', megabytes: MEGABYTES }), /name is longer/],
  ['an entity without end', report('<t>&', { repeat: 'n', megabytes: MEGABYTES }), /name is longer|entity/],
  ['an instruction without end', report('<t><?', { repeat: 'n', megabytes: MEGABYTES }), /name is longer/],
  ['elements without end', report({ repeat: '<t>', megabytes: 1 }), /nested deeper/],
  ['a comment without end', report('<t><!--', { repeat: 'n', megabytes: MEGABYTES }), /unclosed|unexpected end/],
  [
    'an entity that is ten of another',
    report('<!DOCTYPE t [', '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">', ']><t>&b;</t>'),
    /document type/,
  ],
  ['a document type from elsewhere', report('<!DOCTYPE t SYSTEM "file:///etc/passwd"><t/>'), /document type/],
  [
    'a document type without end',
    report('<!DOCTYPE t [', { repeat: '<!ENTITY a "b">', megabytes: 8 }),
    /unclosed|unexpected end|document/,
  ],
])('%s is refused with a reason, and never held', async (_what, source, reason) => {
  const before = process.memoryUsage.rss();
  await expect(read(source)).rejects.toThrow(reason);
  expect(process.memoryUsage.rss() - before).toBeLessThan(300 << 20);
});

test('a name of a megabyte is cut, and two that begin alike stay two', async () => {
  const long = 'n'.repeat(1 << 20);
  const tests = await read(
    report(`<testsuite><testcase classname="C" name="${long}1"/><testcase classname="C" name="${long}2"/></testsuite>`),
  );
  expect(tests.map(({ status }) => status)).toEqual(['passed', 'passed']);
  expect(new Set(tests.map((one) => one.test)).size).toBe(2);
  expect(Math.max(...tests.map((one) => one.test.length))).toBeLessThanOrEqual(900);
});

test('markup, control and direction characters are a name’s own, or no XML', async () => {
  const name = '&lt;/testcase&gt;&lt;testcase name=&quot;x&quot;&gt;&#x202e;&#x2066;]]&gt;';
  expect((await read(report(`<testcase classname="C" name="${name}"/>`))).map((one) => one.test)).toEqual([
    'C#</testcase><testcase name="x">\u202e\u2066]]>',
  ]);
  await expect(read(report('<testcase name="&#0;"/>'))).rejects.toThrow(/character/);
  await expect(read(report('<testcase name="\u0007"/>'))).rejects.toThrow(/character/);
});

test('an eighth of a gigabyte of output and traces is read in a few megabytes', async () => {
  const flood = { repeat: 'at some.Class.method(Class.java:1)\n', megabytes: 32 };
  const before = process.memoryUsage.rss();
  const cases = Array.from({ length: 2 }, (_, i) => [
    `<testcase classname="C" name="t${i}"><failure message="m">`,
    flood,
    '</failure><system-out><![CDATA[',
    flood,
    ']]></system-out></testcase>',
  ]);
  const tests = await read(report('<testsuite>', ...cases.flat(), '</testsuite>'));
  expect(tests.map((one) => [one.test, one.status, one.trace?.length])).toEqual([
    ['C#t0()', 'failed', 8_000],
    ['C#t1()', 'failed', 8_000],
  ]);
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 << 20);
});

const failing = (message: string) => `<testcase classname="C" name="t"><failure message="${message}"/></testcase>`;
const passing = '<testcase classname="C" name="t"/>';

test.each([
  ['tried again until it passed', [failing('once'), failing('once'), passing], ['failed C#t() once']],
  ['tried again in vain', [failing('each time'), failing('each time')], ['failed C#t() each time']],
  ['of one name, both passing', [passing, passing], ['passed C#t() ', 'passed C#t()~2 ']],
  ['of one name, the second failing', [passing, failing('no')], ['passed C#t() ', 'failed C#t()~2 no']],
  ['of one name, failing in different ways', [failing('a'), failing('b')], ['failed C#t() a', 'failed C#t()~2 b']],
])('a test %s', async (_what, cases, results) => {
  const tests = await read(report(`<testsuite>${cases.join('')}</testsuite>`));
  expect(tests.map((one) => `${one.status} ${one.test} ${one.message ?? ''}`)).toEqual(results);
});

test('what a class is reported for as a whole is named for the class', async () => {
  const xml =
    '<testsuite><testcase name="" classname="a.B"><error message="init"/></testcase><testcase name="a.C" classname="a.C"/></testsuite>';
  expect((await read(report(xml))).map((one) => one.test)).toEqual(['a.B', 'a.C']);
});
