import {
  createReadStream,
  createWriteStream,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeLogDifference } from '../../../lib/log-difference.ts';
import { createTextSet, templateOf } from '../../../lib/log-template.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pw-logs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, lines: string[]) => {
  writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(''));
  return join(folder, name);
};

async function difference(failing: string[], ...base: string[][]) {
  const out = join(folder, 'out');
  const figures = await writeLogDifference({
    failing: file('failing', failing),
    base: base.map((lines, i) => file(`base${i}`, lines)),
    out,
  });
  return { figures, lines: readFileSync(out, 'utf8').split('\n').filter(Boolean) };
}

describe('one template', () => {
  test.each([
    ['[2026-11-25 17:31:36,120] INFO started in 35 ms', '[2026-11-26 01:02:03,004] INFO started in 1207 ms'],
    ['Foo@1a2b3c4d is closed', 'Foo@99887766 is closed'],
    ['at 0x7f001122 in thread-12', 'at 0xdeadbeef in thread-3'],
    ['topic id 123e4567-e89b-12d3-a456-426614174000', 'topic id 00000000-e89b-12d3-a456-426614174fff'],
    ['cluster id UqxcO6mGQ7-3LLsLbvJ5nQ is new', 'cluster id 9dHDr2X0T3yvZQ3hJ8wN4A is new'],
    ['wrote /tmp/junit123/data/00001.log', 'wrote /tmp/junit9876/other/00002.log'],
    ['\u001b[31mred\u001b[0m 1', 'red 2'],
    ['127.0.0.1:41231 is up', '127.0.0.1:40999 is up'],
    // A patch moves the lines below it: the same frame is the same, whatever its line.
    ['\tat org.apache.Foo.bar(Foo.java:99)', '\tat org.apache.Foo.bar(Foo.java:1204)'],
    ['  at a.Foo.lambda$run$3(Foo.java:7)', '  at a.Foo.lambda$run$12(Foo.java:21)'],
    ['at java.base@17.0.1/java.util.A.b(A.java:1)', 'at java.base@17.0.9/java.util.A.b(A.java:22)'],
    [
      'at a.Foo.bar(Foo.java:9) ~[clients-3.6.2.jar:?]',
      'at a.Foo.bar(Foo.java:19) ~[clients-3.6.2-fork.5-abcdefabcd.jar:3.6.2-fork.5]',
    ],
    ['[ERROR] at a.Foo.bar(Foo.java:9) [classes/:?]', '[ERROR] at a.Foo.bar(Foo.java:10)'],
    [
      'at jdk.internal.reflect.GeneratedMethodAccessor12.invoke(Unknown Source)',
      'at jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)',
    ],
    ['Foo.java:[9,10] deprecated', 'Foo.java:[123,5] deprecated'],
    ['  File "test_x.py", line 9, in check', '  File "test_x.py", line 10, in check'],
    ['GreeterTest.greets:12->check:44 not so', 'GreeterTest.greets:9->check:101 not so'],
    ['at f (file:///a/b.js:9:12)', 'at f (file:///a/b.js:10:1)'],
    ['main.go:12 +0x1d', 'main.go:9 +0x2f'],
  ])('%s = %s', (a, b) => expect(templateOf(a)).toBe(templateOf(b)));

  test('different words stay apart', () => {
    expect(templateOf('leader 1 elected')).not.toBe(templateOf('leader 1 lost'));
    expect(templateOf('java.lang.IllegalStateException: x')).not.toBe(templateOf('java.io.IOException: x'));
    expect(templateOf('at a.Foo.bar(Foo.java:9)')).not.toBe(templateOf('at a.Foo.baz(Foo.java:9)'));
    expect(templateOf('at a.Foo.bar(Foo.java:9) failed')).not.toBe(templateOf('at a.Foo.bar(Foo.java:9)'));
  });
});

describe('the difference', () => {
  test('is what the failing run says and the base does not, with what lies between counted', async () => {
    const base = ['12:00:01 INFO start 1', '12:00:02 INFO send to node 3', '12:00:03 INFO end'];
    const failing = [
      '13:10:01 INFO start 2',
      '13:10:01 INFO send to node 5',
      '13:10:02 WARN gave up on node 5',
      '13:10:03 INFO end',
    ];
    const { lines, figures } = await difference(failing, base);
    expect(lines).toEqual([
      '[… 2 lines as on the base …]',
      '13:10:02 WARN gave up on node 5',
      '[… 1 line as on the base …]',
    ]);
    expect(figures).toMatchObject({ lines: 4, newLines: 1 });
  });

  test('has no frame of a trace that both print, whose lines the patch has shifted', async () => {
    const base = ['WARN gave up', 'java.io.IOException: x', '\tat a.Foo.bar(Foo.java:99) ~[a-3.6.2.jar:?]'];
    const failing = [
      ...['WARN gave up', 'java.io.IOException: x', '\tat a.Foo.bar(Foo.java:104) ~[a-3.6.2-fork.5.jar:?]'],
      '\tat a.Foo.patched(Foo.java:52) ~[a-3.6.2-fork.5.jar:?]',
    ];
    expect((await difference(failing, base)).lines).toEqual(['[… 3 lines as on the base …]', failing[3]]);
  });

  test('counts every base run’s log as known', async () => {
    const { lines } = await difference(['a', 'b', 'c'], ['a'], ['b']);
    expect(lines).toEqual(['[… 2 lines as on the base …]', 'c']);
  });

  test('shows a few of many lines alike, and how many there were', async () => {
    const { lines } = await difference(
      Array.from({ length: 100 }, (_, i) => `retry ${i}`),
      [],
    );
    expect(lines).toHaveLength(6);
    expect(lines.at(-1)).toBe('[… 100 lines in all like: retry # …]');
  });

  test('of a run that printed what the base prints is empty but for the count', async () => {
    expect((await difference(['x 1', 'x 2'], ['x 3'])).lines).toEqual(['[… 2 lines as on the base …]']);
  });

  test('takes no more memory for a large log, and what it writes stays readable', async () => {
    // 40 MB, every line new to the base and of its own template; one line of 20 MB without an end.
    function* text(): Generator<string> {
      const words = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa'];
      const word = (n: number): string => (n < 10 ? (words[n] ?? '') : `${word(Math.floor(n / 10))} ${words[n % 10]}`);
      for (let i = 0; i < 30; i += 1) {
        let part = '';
        for (let j = 0; j < 10_000; j += 1) part += `WARN ${word(i * 10_000 + j)} ${'x'.repeat(60)}\n`;
        yield part;
      }
      for (let i = 0; i < 20; i += 1) yield 'y'.repeat(1 << 20);
    }
    const failing = join(folder, 'large');
    await pipeline(Readable.from(text()), createWriteStream(failing));
    const out = join(folder, 'large.out');
    const before = process.memoryUsage().rss;
    let most = before;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 20);
    const figures = await writeLogDifference({ failing, base: [file('small', ['INFO start'])], out });
    clearInterval(timer);
    expect(figures.lines).toBe(300_001);
    expect(most - before).toBeLessThan(300 << 20);
    expect(statSync(out).size).toBeLessThan(2 << 20);
    rmSync(failing);
    for await (const chunk of createReadStream(out)) expect((chunk as Buffer).length).toBeGreaterThan(0);
  });
});

test('the set of templates knows what it has, and hardly anything else', () => {
  const set = createTextSet();
  for (let i = 0; i < 200_000; i += 1) set.add(`line number ${i} of many`);
  let wrong = 0;
  for (let i = 0; i < 200_000; i += 1) {
    if (!set.has(`line number ${i} of many`)) throw new Error(`lost ${i}`);
    wrong += set.has(`another line ${i}`) ? 1 : 0;
  }
  expect(wrong).toBeLessThan(20);
});
