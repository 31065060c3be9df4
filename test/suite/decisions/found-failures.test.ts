import { describe, expect, test } from 'vitest';
import { type Contents, distinctPlaces, type FoundTest, placeFailures } from '../../../decisions/found-failures.ts';

const suite: Contents = {
  kind: 'classes',
  classes: new Set(['a.FooTest', 'a.BarTest']),
  methods: new Map([
    [
      'a.FooTest',
      [
        'a.FooTest#plain()',
        'a.FooTest#each(java.lang.String,int)',
        'a.FooTest#twice()',
        'a.FooTest#twice(java.util.Map$Entry)',
        'a.FooTest$Inner#deep()',
      ],
    ],
  ]),
};

const found = (name: string): FoundTest => ({ test: name, message: 'no', trace: '', seconds: 1 });
const place = (name: string, contents: Contents = suite) => placeFailures([found(name)], contents)[0];

describe('a name of another tool', () => {
  test.each([
    ['without parentheses', 'a.FooTest#plain', 'a.FooTest#plain()'],
    ['with them', 'a.FooTest#plain()', 'a.FooTest#plain()'],
    ['a second try', 'a.FooTest#plain()~2', 'a.FooTest#plain()'],
    ['an invocation with simple types', 'a.FooTest#each(String,int)[3]', 'a.FooTest#each(java.lang.String,int)[3]'],
    ['an invocation without types', 'a.FooTest#each()[3]', 'a.FooTest#each(java.lang.String,int)[3]'],
    ['one of two of the same name', 'a.FooTest#twice()', 'a.FooTest#twice()'],
    ['the other', 'a.FooTest#twice(Entry)', 'a.FooTest#twice(java.util.Map$Entry)'],
    ['a nested class', 'a.FooTest$Inner#deep', 'a.FooTest$Inner#deep()'],
  ])('%s is the test of ours', (_what, name, ours) => {
    const method = ours.replace(/\[\d+\]$/, '');
    const selector = `s:a.FooTest;${method}`;
    expect(place(name)).toMatchObject({ unit: method, partOf: 'a.FooTest', selector, test: ours });
  });

  test.each([
    ['a display name', 'a.FooTest#[1] some words'],
    ['a method that is not there', 'a.FooTest#gone()'],
    ['a class as a whole', 'a.FooTest#'],
    ['an overload that cannot be told', 'a.FooTest#twice(Other)'],
  ])('%s is judged as its class', (_what, name) => {
    expect(place(name)).toMatchObject({ unit: 'a.FooTest', selector: 'c:a.FooTest', test: 'a.FooTest' });
  });

  test('a class that the suite does not have is not its own', () => {
    expect(place('b.FooTest#plain()')).toBeUndefined();
  });
});

test('a command has one unit for everything, or units by the name of the class', () => {
  const one: Contents = { kind: 'command', units: ['unit'] };
  const several: Contents = { kind: 'command', units: ['FooTest', 'core/util:a.BarTest'] };
  expect(place('x.Any#t()', one)).toMatchObject({ unit: 'unit', selector: 'unit', test: 'x.Any#t()' });
  expect(place('a.FooTest#t()', several)).toMatchObject({ unit: 'FooTest' });
  expect(place('a.BarTest#t()~2', several)).toMatchObject({ unit: 'core/util:a.BarTest', test: 'a.BarTest#t()' });
  expect(place('a.BarTest$Inner#t()', several)).toMatchObject({ unit: 'core/util:a.BarTest' });
  expect(place('a.OtherTest#t()', several)).toBeUndefined();
});

test('names that stand for one test are one failure, the first', () => {
  const names = ['a.FooTest#plain()', 'a.FooTest#plain()~2', 'a.FooTest#[1] x', 'a.FooTest#[2] y'];
  const placed = placeFailures(names.map(found), suite);
  expect(placed.map((one) => one.found.test)).toEqual(names);
  expect(distinctPlaces(placed).map((one) => one.found.test)).toEqual(['a.FooTest#plain()', 'a.FooTest#[1] x']);
});
