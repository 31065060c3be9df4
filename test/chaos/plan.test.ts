import { describe, expect, test } from 'vitest';
import { environmentsForBrokers } from '../../chaos/broker.ts';
import { planKills, planRolloutKills } from '../../chaos/plan.ts';

describe('planned kills', () => {
  const options = { kills: 30, meanGapMs: 4_000, brokers: true };

  test('follow from the seed alone', () => {
    expect(planKills(7, options)).toEqual(planKills(7, options));
    expect(planKills(7, options)).not.toEqual(planKills(8, options));
  });

  test.each([1, 2, 3])('hit each kind before any comes twice (seed %i)', (seed) => {
    const kinds = planKills(seed, options).map(({ target }) => target);
    expect(new Set(kinds.slice(0, 7)).size).toBe(7);
    expect(kinds).toHaveLength(30);
  });

  test('leave brokers alone where there are none', () => {
    const kinds = planKills(1, { ...options, brokers: false }).map(({ target }) => target);
    expect(kinds).not.toContain('broker');
  });

  test('of roll-outs leave suites and brokers alone', () => {
    const kinds = new Set(planRolloutKills(1, options).map(({ target }) => target));
    expect([...kinds].sort()).toEqual(['PostgreSQL', 'Temporal', 'supervisor', 'worker activity', 'worker workflow']);
  });

  test('come within bounded time', () => {
    for (const { afterMs, pick } of planKills(5, { ...options, kills: 1_000 })) {
      expect(afterMs).toBeLessThanOrEqual(16_000);
      expect(pick).toBeLessThan(1);
    }
  });
});

describe('a broker may be killed', () => {
  const environments = ['staging', 'production'];
  const nodesIn = (name: string) => (name === 'staging' ? 3 : 6);
  const look = { release: 'kafka-1', outcome: null, open: {}, done: {} };

  test.each([
    ['in both while it builds', { step: 'build' }, ['staging', 'production']],
    ['not in the first that may be about to roll', { step: 'suite:fast' }, ['production']],
    ['not in the one that rolls', { step: 'rollout:staging', done: { staging: 1 } }, ['production']],
    ['not where an entry is open', { step: 'rollout:staging', open: { production: 1 } }, []],
    ['in the one that soaks', { step: 'rollout:staging', done: { staging: 3 } }, ['staging']],
    ['in the one that is behind', { step: 'rollout:production', done: { staging: 3, production: 2 } }, ['staging']],
  ])('%s', (_, seen, expected) => {
    expect(environmentsForBrokers(environments, { ...look, ...seen }, nodesIn)).toEqual(expected);
  });
});
