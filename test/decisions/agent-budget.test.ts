import { describe, expect, test } from 'vitest';
import { budgetLeft, budgetState, releaseState } from '../../decisions/agent-budget.ts';

const BUDGET = { turns: 10, tokens: 1_000, money: 5, minutes: 10 };
const NOTHING = { turns: 0, tokens: 0, money: 0, seconds: 0 };

describe('one run', () => {
  test.each([
    ['at its first turn', {}, 'on'],
    ['in the middle', { turns: 5, tokens: 500, money: 1, seconds: 60 }, 'on'],
    ['with one turn left', { turns: 9 }, 'last'],
    ['with as much left as one turn costs', { turns: 2, tokens: 700 }, 'last'],
    ['with nearly all of its time gone', { turns: 8, seconds: 545 }, 'last'],
    ['with no turn left', { turns: 10 }, 'over'],
    ['with no token left', { turns: 1, tokens: 1_000 }, 'over'],
    ['with no money left', { turns: 1, money: 5 }, 'over'],
    ['with no time left', { turns: 1, seconds: 600 }, 'over'],
  ])('%s', (_, spent, kind) => {
    expect(budgetState({ ...NOTHING, ...spent }, BUDGET).kind).toBe(kind);
  });

  test('says which of them ended it', () => {
    expect(budgetState({ ...NOTHING, turns: 1, seconds: 600 }, BUDGET)).toEqual({
      ...{ kind: 'over', reason: 'its budget of 10 minutes is used up' },
    });
  });
});

describe('all runs of a release', () => {
  const state = (own: object, all: object, running = 1) =>
    releaseState({ ...NOTHING, ...own }, BUDGET, { ...NOTHING, ...all, running });
  test.each<[what: string, own: object, all: object, running: number, kind: string]>([
    ['leave enough', { turns: 2 }, { turns: 4 }, 1, 'on'],
    ['leave one turn to the only one', { turns: 2 }, { turns: 9 }, 1, 'last'],
    ['leave one turn to each of three', { turns: 2 }, { turns: 7 }, 3, 'last'],
    ['leave less than a turn to each: nobody is ended while something is left', { turns: 2 }, { turns: 9 }, 3, 'last'],
    ['leave two turns to each of three', { turns: 1 }, { turns: 4 }, 3, 'on'],
    ['leave to each less than a turn of its size', { turns: 1, tokens: 100 }, { tokens: 800 }, 3, 'last'],
    ['leave to one alone two turns of its size', { turns: 1, tokens: 100 }, { tokens: 799 }, 1, 'on'],
    ['leave no turn', { turns: 1 }, { turns: 10 }, 1, 'over'],
    ['leave no token', {}, { tokens: 1_000 }, 1, 'over'],
    ['leave no time, which they spend together', { turns: 1 }, { seconds: 600 }, 3, 'over'],
    [
      'leave half of the time: runs beside each other do not take it from each other',
      { turns: 3 },
      { seconds: 300 },
      3,
      'on',
    ],
  ])('%s', (_, own, all, running, kind) => {
    expect(state(own, all, running).kind).toBe(kind);
  });

  test('say that it is the release whose budget is used up', () => {
    expect(state({}, { money: 5 })).toEqual({ kind: 'over', reason: "the release's budget of 5 of money is used up" });
  });
});

describe('the next run', () => {
  test('has the tighter of its own budget and what is left', () => {
    const release = { turns: 12, tokens: 10_000, money: 6, minutes: 30 };
    const spent = { turns: 5, tokens: 100, money: 4, seconds: 1_500 };
    expect(budgetLeft(BUDGET, release, spent)).toEqual({
      ...{ kind: 'some', budget: { turns: 7, tokens: 1_000, money: 2, minutes: 5 } },
    });
  });

  test.each([
    ['turns', { turns: 10 }, '10 turns'],
    ['tokens', { tokens: 1_001 }, '1000 tokens'],
    ['money', { money: 5 }, '5 of money'],
    ['time', { seconds: 600 }, '10 minutes'],
  ])('is not begun without %s', (_, spent, words) => {
    expect(budgetLeft(BUDGET, BUDGET, { ...NOTHING, ...spent })).toEqual({
      ...{ kind: 'none', reason: `the release's budget of ${words} is used up` },
    });
  });
});
