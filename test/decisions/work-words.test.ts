import { expect, test } from 'vitest';
import { investigationSpecs } from '../../activities/agent/investigate.ts';
import { toolsOf } from '../../activities/agent/tool-inputs.ts';
import type { Settings } from '../../config/schema.ts';
import { durationWords } from '../../decisions/duration-words.ts';
import { answerWorkWords, toolWords, triesWords, workText, writesWords } from '../../decisions/work-words.ts';

test.each([
  ['read_file', { in: 'repo.limits', path: 'limits.conf' }, 'reads source of repo.limits'],
  ['status', { environment: 'staging', resource: { type: 'topic', name: 'orders' } }, 'looks how staging stands'],
  ['status', { environment: 'the key is 1234' }, 'looks how an environment stands'],
  ['logs', { environment: 'staging', node: 'the key is 1234' }, 'reads what nodes of staging logged'],
  ['search', { in: 'the key is 1234', pattern: 'x' }, 'searches the source'],
  ['knowledge', { question: 'the key is 1234' }, 'looks in the documentation'],
  ['the key is 1234', {}, 'makes a call'],
  ['toString', {}, 'makes a call'],
])('%s of %j is shown without what a model wrote', (name, given, words) => {
  expect(toolWords(name, JSON.stringify(given), ['repo.limits', 'staging'])).toBe(words);
});

test('every tool of whoever works on a ticket has words', () => {
  const environments = { staging: {} };
  const settings = { environments, forks: { kafka: {} } } as unknown as Settings;
  const offered = [
    ...investigationSpecs(settings, [], [{ name: 'repo.limits', commit: '' }]).map(({ name }) => name),
    ...(['patch', 'review-tests'] as const).flatMap((role) => toolsOf(role, Object.keys(environments))),
  ];
  expect(offered).toContain('history');
  expect(offered.filter((name) => toolWords(name, '{}', []) === 'makes a call')).toEqual([]);
});

test('one message has each run in a line, the last ones, and where to read on', () => {
  const run = { role: 'investigate', calls: 3, seconds: 75 } as const;
  expect(
    workText('T:C:1', [
      { ...run, ended: 'answered' },
      { ...run, role: 'patch', calls: 1, doing: 'tries the change' },
      { ...run, role: 'proof', calls: 0, doing: triesWords('stack-patch') },
      { ...run, role: 'proof', calls: 0, ended: 'refused' },
      { ...run, role: 'proof', calls: 0, ended: 'answered' },
    ]),
  ).toBe(`An agent looked into it: 3 calls, 75 s
An agent makes the change: it tries the change (1 call, 75 s)
Code tries it: builds the branch without it and with it (75 s)
Code tried it: 75 s, and it is not taken
Code tried it: 75 s
To read on: npx patchwright agent runs T:C:1`);
  const many = workText(
    'T',
    Array.from({ length: 12 }, () => ({ ...run, ended: 'gave-up' as const })),
  );
  expect(many.split('\n')).toHaveLength(12);
  expect(many).toMatch(/^… 2 earlier runs\nAn agent looked into it: 3 calls, 75 s, and came to no end that counts/);
});

test('an answer says what was found, how often the model was asked, and how long it took', () => {
  expect(writesWords({ places: 1, asked: 0, seconds: 1 })).toContain('one place found; the model writes it');
  expect(writesWords({ places: 2, asked: 1, seconds: 1 })).toContain('what was written is not there');
  expect(answerWorkWords('T', 'answered', { places: 2, asked: 2, seconds: 4 })).toBe(
    'Looked for an answer: 2 places found, the model asked 2 times, 4 s. To read on: npx patchwright ticket show T',
  );
  expect(answerWorkWords('T', 'unanswered', { places: 0, asked: 0, seconds: 0 })).toContain('no places found, 0 s');
});

test.each([
  [0.4, '0 s'],
  [119, '119 s'],
  [600, '10 min'],
  [3 * 3_600, '3 h'],
  [72 * 3_600, '3 days'],
])('%d seconds are %s', (seconds, words) => expect(durationWords(seconds)).toBe(words));
