import { describe, expect, test } from 'vitest';
import { settingsSchema } from '../../config/schema.ts';
import { decidersOf, remindedWords, takeDecision, whyImpossible, whyNoChanges } from '../../decisions/approval.ts';
import { approvalCard } from '../../decisions/approval-card.ts';
import { needsOneWayApproval, oneWayQuestion } from '../../decisions/one-way-approval.ts';
import { repairQuestion, tooOften, whatIsAsked, wishWords } from '../../decisions/repair-approval.ts';
import type { ApprovalKind, ApprovalState, Decision } from '../../workflows/approval-types.ts';

const at = '2026-01-10T12:00:00.000Z';
const people = { ada: { email: ['ada@example.org', 'Ada@home.example'] }, bob: {}, cyd: {}, dan: {} };
const groups = { platform: ['ada', 'bob'] };
const policy = (needed: number, from: string[] = []) => ({ needed, from, expiresHours: 24 });

describe('who may decide', () => {
  test.each([
    ['everyone, where the policy names nobody', [], [], ['ada', 'bob', 'cyd', 'dan'].slice(0, 3)],
    ['a group', ['platform'], [], ['ada', 'bob']],
    ['a group and a person', ['platform', 'cyd'], [], ['ada', 'bob', 'cyd']],
    ['not who steered it', [], ['bob'], ['ada', 'cyd']],
    ['not the author of a patch, by the address in git', [], ['Ada L. <ADA@example.org>'], ['bob', 'cyd']],
    ['nor by another of hers', [], ['Ada <ada@HOME.example>'], ['bob', 'cyd']],
    ['a stranger who wrote a patch takes nobody away', [], ['eve@example.org'], ['ada', 'bob', 'cyd']],
  ] as const)('%s', (_what, from, excluded, deciders) => {
    const found = decidersOf(policy(1, [...from]), { people, groups }, { requester: 'dan', excluded });
    expect(found.deciders).toEqual(deciders);
    expect(found.barred).toMatchObject({ dan: 'asked for it' });
  });

  test('nor who may not read all of it, and is told that', () => {
    const asked = { requester: 'dan', excluded: ['bob', 'cyd'], unread: ['cyd'] };
    const found = decidersOf(policy(1), { people, groups }, asked);
    expect(found.deciders).toEqual(['ada']);
    expect(found.barred).toMatchObject({
      bob: 'wrote or steered it',
      cyd: expect.stringContaining('may not read all'),
    });
  });

  test('where nobody is left it says why, and what to change', () => {
    const found = decidersOf(policy(2, ['platform']), { people, groups }, { requester: 'ada', excluded: [] });
    expect(whyImpossible(found)).toMatch(/needs 2 and only 1 may decide \(ada asked for it; .*approvals in the config/);
  });
});

test('an address twice under one person is one person', () => {
  const people = { ada: { name: 'A', email: ['a@x.org', 'A@x.org'] } };
  expect(settingsSchema.safeParse({ forks: {}, people }).success).toBe(true);
});

const opened = (needed = 2): ApprovalState => ({
  question: {
    ...{ id: 'k-1/repair', kind: 'repair', settings: 's', title: 't', summary: '', binds: {} },
    ...{ requester: 'dan', excluded: [] },
  },
  open: {
    ...{ digest: 'd1', expiresAt: '2026-01-11T12:00:00.000Z', needed, deciders: ['ada', 'bob', 'cyd'] },
    barred: { dan: 'asked for it' },
  },
  decisions: [],
});

test.each<[ApprovalKind, string]>([
  ['fix', '(or reject, with --note; with --changes too it goes back to the agent)'],
  ['one-way-release', '(or reject, with --note)'],
])('a reminder says all that may be decided: %s', (kind, ways) => {
  const { question, open } = opened();
  const asked = { question: { ...question, kind }, open };
  expect(remindedWords(asked, [{ person: 'ada' }])).toContain('It waits for 1 of bob, cyd: npx patchwright approve');
  expect(remindedWords(asked, []).endsWith(ways)).toBe(true);
});

let nonces = 0;
const says = (person: string, change: Partial<Decision> = {}): Decision => {
  nonces += 1;
  return { person, digest: 'd1', decision: 'approve', nonce: `n${nonces}`, ...change };
};

describe('decisions', () => {
  test('so many people as the policy needs', () => {
    const state = opened();
    expect(takeDecision(state, says('ada'), at)).toEqual({ kind: 'counted', missing: 1 });
    expect(takeDecision(state, says('bob'), at)).toEqual({
      kind: 'counted',
      missing: 0,
      outcome: { kind: 'approved', by: ['ada', 'bob'] },
    });
  });

  test.each([
    ['reject', 'rejected'],
    ['changes', 'changes-requested'],
  ] as const)('one %s is enough', (decision, kind) => {
    const state = opened();
    takeDecision(state, says('ada'), at);
    expect(takeDecision(state, says('bob', { decision, note: 'not yet' }), at)).toMatchObject({
      outcome: { kind, by: ['bob'], note: 'not yet' },
    });
  });

  test.each<[string, Decision, string]>([
    ['another digest', says('ada', { digest: 'd2' }), 'it names d2'],
    ['by who asked', says('dan'), 'dan asked for it'],
    ['by a stranger', says('eve'), 'eve is nobody'],
    ['a no without a reason', says('ada', { decision: 'reject', note: '  ' }), 'a reason is needed'],
  ])('%s is refused and changes nothing', (_what, decision, reason) => {
    const state = opened();
    expect(takeDecision(state, decision, at)).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) });
    expect(state.decisions).toEqual([]);
    expect(state.outcome).toBeUndefined();
  });

  test('a person counts once, a replayed click not at all, and nothing after the end', () => {
    const state = opened();
    const first = says('ada');
    takeDecision(state, first, at);
    expect(takeDecision(state, first, at)).toMatchObject({ reason: expect.stringContaining('replay') });
    expect(takeDecision(state, says('ada'), at)).toMatchObject({ reason: 'ada has decided already' });
    takeDecision(state, says('bob'), at);
    expect(takeDecision(state, says('cyd'), at)).toMatchObject({ reason: 'it is over: approved by ada and bob' });
  });

  test('the expiry ends the authority', () => {
    const state = opened(1);
    expect(takeDecision(state, says('ada'), '2026-01-11T12:00:00.000Z')).toMatchObject({ kind: 'refused' });
    expect(takeDecision(state, says('ada'), '2026-01-11T11:59:59.999Z')).toMatchObject({ kind: 'counted' });
  });
});

describe('changes', () => {
  test.each<[ApprovalKind, boolean]>([
    ['repair', true],
    ['fix', true],
    ['one-way-release', false],
    ['finalise', false],
    ['unhold', false],
  ])('of a question of the kind %s can be asked for: %s; there is a button for it where they can', (kind, can) => {
    const { question, open } = opened();
    expect(whyNoChanges({ kind }, says('ada', { decision: 'changes' }))).toEqual(
      can ? undefined : expect.stringMatching(/no agent stands behind .* approve it, or reject it and say why/),
    );
    for (const decision of ['approve', 'reject'] as const) expect(whyNoChanges({ kind }, { decision })).toBe(undefined);
    const { card, text } = approvalCard({ ...question, kind }, open);
    expect(card.changes).toBe(can);
    expect(text.includes('--changes')).toBe(can);
  });

  test('whoever asked for them decides no more on what came of it, and the next question says what was asked', () => {
    const wishes = [wishWords(['bob'], ' no cast '), wishWords(['cyd'], 'x'.repeat(3_000))];
    const question = repairQuestion({
      ...{ id: 'k-1/1/repair/abc/2', release: 'k-1', settings: 's', requestedBy: 'dan', into: 'c'.repeat(40) },
      ...{ source: { fork: 'k', commit: 'd'.repeat(40), version: '1' }, patch: 'p', ref: 'r' },
      ...{ patches: [{ author: 'Ada <ada@example.org>', subject: 'A', commit: 'c'.repeat(40) }], steered: ['bob'] },
      ...{ summary: whatIsAsked('It fails.', wishes), details: 'e' },
    });
    const { deciders, barred } = decidersOf(policy(1), { people, groups }, question);
    expect({ deciders, barred }).toMatchObject({ deciders: ['cyd'], barred: { bob: 'wrote or steered it' } });
    expect(question.summary).toMatch(
      /^It fails\.\nSince then, .*\nbob asks for: no cast\ncyd asks for: x+… \(cut here\)$/,
    );
    expect(question.summary.length).toBeLessThan(1_500);
    expect(whatIsAsked('It fails.', [])).toBe('It fails.');
    expect(tooOften(wishes)).toMatch(/^2 changes were shown to people, and each was sent back: bob asks for: no cast/);
  });
});

describe('a one-way candidate', () => {
  test.each([
    [['staging', 'production'], 'staging', false],
    [['staging', 'production'], 'production', true],
    [['only'], 'only', true],
  ])('of %j: %s needs it: %s', (environments, environment, needs) => {
    expect(needsOneWayApproval(environments, environment)).toBe(needs);
  });

  test('is asked about with its reasons, bound to its artifacts, and not of its authors', () => {
    const question = oneWayQuestion({
      ...{ id: 'kafka-1/1/one-way/abc', release: 'kafka-1', settings: 's', requestedBy: 'dan' },
      candidate: { commit: 'c'.repeat(40), version: '1', digest: 'd'.repeat(64) },
      reasons: ['touches record schemas: a.json'],
      patches: [{ author: 'Ada <ada@example.org>', subject: 'Change it' }],
      environments: ['production'],
      steered: ['bob'],
    });
    expect(question).toMatchObject({ requester: 'dan', excluded: ['Ada <ada@example.org>', 'bob'] });
    expect(question.binds).toMatchObject({ artifacts: 'd'.repeat(64), reasons: 'touches record schemas: a.json' });
    expect(question.summary).toContain('- touches record schemas: a.json');
  });
});

describe('people in the configuration', () => {
  const parse = (change: object) => settingsSchema.safeParse({ forks: {}, ...change });
  test.each([
    [
      'one account of two people',
      { people: { ada: { name: 'A', email: 'A@x.org' }, al: { name: 'B', email: 'a@x.org' } } },
      'one person would count as two',
    ],
    [
      'an address of two people, one of several',
      { people: { ada: { name: 'A', email: ['a@x.org', 'A@y.org'] }, al: { name: 'B', email: 'a@y.org' } } },
      'one person would count as two',
    ],
    ['a group of nobody', { groups: { platform: ['ada'] } }, 'nobody is called "ada"'],
    ['a policy that names nobody known', { approvals: { fix: { from: ['ops'] } } }, 'neither a person nor a group'],
    [
      'a group called like a person',
      { people: { ada: { name: 'A' } }, groups: { ada: ['ada'] } },
      'a person has this name',
    ],
  ])('%s is refused', (_what, change, words) => {
    expect(
      parse(change)
        .error?.issues.map(({ message }) => message)
        .join(),
    ).toContain(words);
  });
});
