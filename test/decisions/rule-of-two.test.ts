import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAgentActivities } from '../../activities/agent.ts';
import { createApprovalActivities } from '../../activities/approvals.ts';
import { createBuildActivities } from '../../activities/build.ts';
import { createCheckActivities } from '../../activities/checks.ts';
import { createEnvironmentRequestActivities } from '../../activities/environment-request.ts';
import { createEnvironmentUpActivities } from '../../activities/environment-up.ts';
import { createFinaliseActivities } from '../../activities/finalise.ts';
import { createFixActivities } from '../../activities/fixes.ts';
import { createGitActivities } from '../../activities/git.ts';
import { createKnowledgeActivities } from '../../activities/knowledge.ts';
import { createMemoryActivities } from '../../activities/memory.ts';
import { createPagingActivities } from '../../activities/paging.ts';
import { createPublishActivities } from '../../activities/publish.ts';
import { createRehearsalActivities } from '../../activities/rehearsal.ts';
import { createRecordActivities } from '../../activities/release-records.ts';
import { createRepairActivities } from '../../activities/repair.ts';
import { createReversibilityActivities } from '../../activities/reversibility.ts';
import { createRolloutActivities } from '../../activities/rollout.ts';
import { createStoryActivities } from '../../activities/story.ts';
import { createSuiteRunnerActivities } from '../../activities/suite-runner.ts';
import { createTicketActivities } from '../../activities/tickets.ts';
import { requireRuleOfTwo, TOUCHES } from '../../activities/touches.ts';
import { createWaiverActivities } from '../../activities/verdict-waiver.ts';
import { settingsSchema } from '../../config/schema.ts';
import { ruleOfTwoProblems, type Touches } from '../../decisions/rule-of-two.ts';

// Making activities uses none of what they are given.
const none = {} as never;
const FACTORIES = {
  createAgentActivities: () => createAgentActivities(none),
  createApprovalActivities: () => createApprovalActivities(none),
  createBuildActivities: () => createBuildActivities(none),
  createCheckActivities: () => createCheckActivities(none),
  createEnvironmentRequestActivities: () => createEnvironmentRequestActivities(none),
  createEnvironmentUpActivities: () => createEnvironmentUpActivities(none),
  createGitActivities: () => createGitActivities(none),
  createFinaliseActivities: () => createFinaliseActivities(none),
  createKnowledgeActivities: () =>
    createKnowledgeActivities({ settings: settingsSchema.parse({ forks: {} }), dataDir: '.' } as never),
  createRepairActivities: () => createRepairActivities(none),
  createTicketActivities: () => createTicketActivities(none),
  createFixActivities: () => createFixActivities({ settings: settingsSchema.parse({ forks: {} }), kinds: [] } as never),
  createMemoryActivities: () => createMemoryActivities(none),
  createPagingActivities: () => createPagingActivities(none),
  createPublishActivities: () => createPublishActivities(none),
  createRehearsalActivities: () => createRehearsalActivities(none),
  createRecordActivities: () => createRecordActivities(none),
  createReversibilityActivities: () => createReversibilityActivities(none),
  createRolloutActivities: () => createRolloutActivities(none),
  createStoryActivities: () => createStoryActivities(none),
  createSuiteRunnerActivities: () => createSuiteRunnerActivities(none),
  createWaiverActivities: () => createWaiverActivities(none),
};
const registered = Object.values(FACTORIES).flatMap((make) => Object.keys(make()));

describe('the rule of two', () => {
  const declared: Touches = {
    reads: ['untrusted-text', 'private-data'],
    steals: ['untrusted-text', 'private-data', 'outside-effects'],
    plain: [],
  };
  test.each([
    ['two of the three', ['reads', 'plain'], []],
    ['all three', ['reads', 'steals'], [expect.stringContaining('steals touches untrusted text, private data')]],
    ['one that says nothing', ['unheard'], [expect.stringContaining('unheard does not declare')]],
    ['a name that every object has', ['constructor'], [expect.stringContaining('constructor does not declare')]],
  ])('%s', (_, names, problems) => {
    expect(ruleOfTwoProblems(names, declared)).toEqual(problems);
  });

  test('a worker with such an activity ends before it takes work', () => {
    const reads = { takeTurn: () => undefined };
    expect(requireRuleOfTwo(reads)).toBe(reads);
    expect(() => requireRuleOfTwo({ ...reads, mailEverything: () => undefined })).toThrow(
      'this worker does not start: the activity mailEverything does not declare what it touches',
    );
  });
});

describe('what the worker registers', () => {
  const files = ['worker.ts', ...globSync('roles/*.ts', { cwd: join(import.meta.dirname, '../..') })];
  const worker = files.map((file) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8')).join('\n');

  test('comes from these factories, and every worker with activities asks first', () => {
    const used = new Set([...worker.matchAll(/\b(create\w+Activities)\(/g)].map(([, name]) => name));
    used.delete('createActivities');
    expect([...used].sort()).toEqual(Object.keys(FACTORIES).sort());
    expect(worker.match(/\bactivities(:| =) requireRuleOfTwo\(/g)).toHaveLength(3);
    expect(worker.match(/\bactivities(:| =) (?!requireRuleOfTwo)/g)).toBeNull();
  });

  test.each(registered)('%s touches two of the three at most', (name) => {
    expect(ruleOfTwoProblems([name], TOUCHES)).toEqual([]);
  });

  test('nothing else is declared', () => {
    expect(Object.keys(TOUCHES).sort()).toEqual(registered.sort());
  });

  test('what an agent does reads, and has no outside effect', () => {
    for (const name of Object.keys(FACTORIES.createAgentActivities()) as (keyof typeof TOUCHES)[]) {
      expect(TOUCHES[name]).not.toContain('outside-effects');
    }
  });
});
