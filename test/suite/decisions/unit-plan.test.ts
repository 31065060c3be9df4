import { describe, expect, test } from 'vitest';
import { estimateUnits, type SplitOrder, splitLimit, splitUnit } from '../../../decisions/unit-plan.ts';

const past = (entries: Record<string, number>) =>
  new Map(Object.entries(entries).map(([unit, seconds]) => [unit, { seconds, overheadSeconds: 0 }]));

describe('what a unit is expected to take', () => {
  const known = past({ 'a.b.A': 1, 'a.b.B': 3, 'a.b.C': 5, 'a.c.D': 100, 'z.E': 31 });
  const units = [...known.keys(), 'a.b.New', 'a.c.New', 'a.b.deep.New', 'q.New', 'Bare'];
  const estimates = estimateUnits(units, known);

  test.each([
    ['a.b.A', 1, 'its own past'],
    ['a.b.New', 3, 'the mean of its package'],
    ['a.b.deep.New', 3, 'the package around it'],
    ['a.c.New', 27.25, 'one alone says little of its package: the package around it'],
    ['q.New', 28, 'all there are'],
    ['Bare', 28, 'no package at all'],
  ])('%s: %d, %s', (unit, seconds) => expect(estimates.get(unit)).toBe(seconds));

  test('a second each where nothing ever ran', () => {
    expect(estimateUnits(['a.X', ':core:test'], new Map()).get(':core:test')).toBe(1);
  });

  test('units of a command have their kinds too', () => {
    const modules = past({ ':core:a': 2, ':core:b': 4, ':core:c': 6, ':big': 1_000 });
    expect(estimateUnits([...modules.keys(), ':core:d'], modules).get(':core:d')).toBe(4);
  });
});

describe('a class that is too long', () => {
  const order = (seconds: Record<string, number>, more: Partial<SplitOrder> = {}): SplitOrder => {
    const timed = new Map(Object.entries(seconds).map(([method, one]) => [`p.T#${method}`, one]));
    const sum = Object.values(seconds).reduce((all, one) => all + one, 0);
    const known = { seconds: sum + 0.5, overheadSeconds: 0.5 };
    return { unit: 'p.T', methods: [...timed.keys()], past: known, estimate: 1, seconds: timed, limit: 10, ...more };
  };

  test('is divided: long methods alone, short ones together, the last part takes whatever else there is', () => {
    const parts = splitUnit(order({ 'long()': 40, 'a()': 3, 'b(int)': 1.5, 'c()': 3 }));
    expect(parts).toEqual([
      { unit: 'p.T#long()', selector: 's:p.T;long()', estimate: 40.5, partOf: 'p.T' },
      { unit: 'p.T#part-2', selector: 's:p.T;a();b(int)', estimate: 5, partOf: 'p.T' },
      { unit: 'p.T#rest', selector: 'x:p.T;long();a();b(int)', estimate: 3.5, partOf: 'p.T' },
    ]);
  });

  test('every method is in exactly one part, whatever they are called and take', () => {
    for (let count = 1; count < 60; count += 1) {
      const seconds = Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`m${i}(byte[],int)`, (i * 7919) % 23]),
      );
      const parts = splitUnit(order(seconds));
      const named = parts.flatMap(({ selector }) => (selector.startsWith('s:') ? selector.split(';').slice(1) : []));
      expect(new Set(named).size).toBe(named.length);
      const rest = parts.filter(({ selector }) => selector.startsWith('x:'));
      if (parts.length > 1) expect(rest.map(({ selector }) => selector.split(';').slice(1))).toEqual([named]);
      const work = parts.reduce((sum, { estimate }) => sum + estimate - 0.5, 0);
      expect(work).toBeCloseTo(Object.values(seconds).reduce((sum, one) => sum + one, 0));
      expect(new Set(parts.map(({ unit }) => unit)).size).toBe(parts.length);
    }
  });

  test('what every part would pay again keeps the parts few', () => {
    const seconds = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m${i}()`, 1]));
    const cheap = splitUnit(order(seconds));
    const costly = splitUnit(order(seconds, { past: { seconds: 60, overheadSeconds: 20 } }));
    expect(cheap.length).toBe(8);
    expect(costly.length).toBe(2);
  });

  test('a method that is new is expected to take what the others take', () => {
    const known = order({ 'a()': 8, 'b()': 4 });
    const parts = splitUnit({ ...known, methods: [...known.methods, 'p.T#new()'] });
    expect(parts.map(({ estimate }) => estimate)).toEqual([8.5, 6.5, 4.5]);
  });

  test('methods of a nested class keep its name', () => {
    const nested = order({ 'a()': 20 });
    const seconds = new Map([...nested.seconds, ['p.T$In#b()', 15]]);
    const [first, rest] = splitUnit({ ...nested, methods: [...seconds.keys()], seconds });
    expect([first?.selector, rest?.selector]).toEqual(['s:p.T;a()', 'x:p.T;a()']);
    const [, second] = splitUnit({ ...nested, methods: [...seconds.keys(), 'p.T#c()'], seconds });
    expect(second?.selector).toBe('s:p.T;c()');
  });

  test.each([
    ['it is not long', { limit: 1_000 }],
    ['there is no limit for it', { limit: undefined }],
    ['it has no past', { past: undefined }],
    ['it has one method', { methods: ['p.T#a()'] }],
  ] as [string, Partial<SplitOrder>][])('stays whole where %s', (_why, more) => {
    const parts = splitUnit({ ...order({ 'a()': 30, 'b()': 30 }), ...more } as SplitOrder);
    expect(parts.map(({ unit, selector }) => [unit, selector])).toEqual([['p.T', 'c:p.T']]);
  });

  test('what the configuration leaves out is in no part', () => {
    const parts = splitUnit(order({ 'a()': 20, 'b()': 20 }, { excluded: ['p.T#bad()'] }));
    expect(parts.map(({ selector }) => selector)).toEqual(['s:p.T;a()', 'x:p.T;a();bad()']);
    const whole = splitUnit(order({ 'a()': 1 }, { excluded: ['p.T#bad()'] }));
    expect(whole.map(({ unit, selector }) => [unit, selector])).toEqual([['p.T', 'x:p.T;bad()']]);
    const some = splitUnit(order({ 'a()': 1 }, { excluded: ['p.T#bad()'], only: true }));
    expect(some.map(({ selector }) => selector)).toEqual(['s:p.T;a()']);
  });
});

test('the limit is a quarter of a slot’s share, and never a trifle', () => {
  expect(splitLimit(800, 2)).toBe(100);
  expect(splitLimit(3, 64)).toBe(1);
});
