import { expect, test } from 'vitest';
import { whyHidden } from '../../decisions/hidden-classes.ts';

const T = 'core/src/test/java/a';
const paths = ['core/src/main/java/a/Sum.java', `${T}/SumTest.java`, 'core/src/main/java/Top.java'];
const others = [{ path: 'k/src/test/kotlin/KTest.kt', text: 'package org.acme.kit.one\nclass KTest' }];
const SUM = 'would be loaded instead of "core/src/main/java/a/Sum.java"';
const JUNIT = 'in the package org.junit.jupiter.api, of which nothing else is here';

test.each<[what: string, path: string, text: string, why: string | undefined]>([
  ['a test of its own', `${T}/NewTest.java`, 'package a;\nclass NewTest { Sum sum; }', undefined],
  [
    'words about a class',
    `${T}/SumTest.java`,
    'package a;\n// class Sum\nclass SumTest { String a = "class Sum"; }',
    undefined,
  ],
  ["the product's class", 'other/src/test/java/a/Sum.java', 'package a; public class Sum {}', SUM],
  ['the same beside a test', `${T}/SumTest.java`, 'package a;\nclass SumTest {}\n  class Sum {}', SUM],
  ['the same in another folder', `${T}/b/X.java`, 'package /* b */ a;\nfinal class\nSum {}', SUM],
  ['the same, by escapes', `${T}/X.java`, '/* package b; */ \\u0070ackage a; cl\\u0061ss Sum {}', SUM],
  [
    'the same, between strings',
    `${T}/X.java`,
    'package a; class X { String a = "/*"; } class Sum {} class Y { String b = "*/"; }',
    SUM,
  ],
  ["a library's class", `${T}/AssertEquals.java`, 'package org.junit.jupiter.api;\nclass AssertEquals {}', JUNIT],
  [
    'a package of the family of another test',
    'k/src/test/kotlin/two/A.kt',
    'package org.acme.kit.two\nclass A',
    undefined,
  ],
  ['a class without a package', 'core/src/test/java/Top.java', 'class Top {}', '"core/src/main/java/Top.java"'],
  ['another one without a package', 'core/src/test/java/Sum.java', 'class Sum {}', undefined],
  ['a file of another language', 'tests/sum.py', 'class Sum: pass', undefined],
])('%s is loaded instead of another, or not', (_, path, text, why) => {
  const found = whyHidden([{ path, text }], { paths, others });
  expect(found).toEqual(why === undefined ? undefined : expect.stringContaining(why));
});

test('a long text takes no time', () => {
  const text = `${'"'.repeat(100_001)}\n${'/*'.repeat(100_000)}\n${'package = '.repeat(50_000)}`;
  expect(whyHidden([{ path: `${T}/X.java`, text }], { paths, others })).toEqual(undefined);
});
