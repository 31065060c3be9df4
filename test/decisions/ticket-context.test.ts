import { expect, test } from 'vitest';
import { fitLayers } from '../../decisions/agent-context.ts';
import { codeWords, environmentsNamed, filesThatSpeak } from '../../decisions/ticket-context.ts';

test.each<[what: string, text: string, words: string[]]>([
  [
    'names before long words',
    'Why does fetch.min.bytes of ConsumerFetcher refuse?',
    ['fetch.min.bytes', 'ConsumerFetcher', 'refuse'],
  ],
  ['long words where there are no names', 'why are connections refused', ['connections', 'refused']],
  ['nothing of what leads nowhere', 'why is it so?', []],
  ['each once, without the end of a sentence', 'SumTest, SumTest.', ['SumTest']],
  [
    'eight at the most',
    Array.from({ length: 20 }, (_, i) => `name_${i}`).join(' '),
    [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `name_${i}`),
  ],
])('of what people wrote lead to files: %s', (_, text, words) => {
  expect(codeWords(text)).toEqual(words);
});

test('files whose names speak of it come first, then those with the most lines', () => {
  const found = [
    { path: 'b/Other.java', lines: 9 },
    { path: 'a/Other.java', lines: 9 },
    { path: 'limits.conf', lines: 1 },
    { path: 'c/Few.java', lines: 2 },
  ];
  expect(filesThatSpeak(found, ['Limits'])).toEqual(['limits.conf', 'a/Other.java', 'b/Other.java', 'c/Few.java']);
  const many = Array.from({ length: 30 }, (_, i) => ({ path: `${i}`, lines: i }));
  expect(filesThatSpeak(many, [])).toEqual(['29', '28', '27', '26', '25', '24']);
});

test('an environment is named as a whole word', () => {
  expect(environmentsNamed('Staging-2 is slow, prod is not: production?', ['staging', 'prod', 'staging-2'])).toEqual([
    ...['prod', 'staging-2'],
  ]);
});

test('a layer has another title where it holds something else', () => {
  const texts = { changed: 'a', annotations: 'b', outline: 'c', runbooks: 'd', memory: 'e', status: 'f' };
  const { text, given } = fitLayers(texts, { changed: 'What changed lately' });
  expect(text).toMatch(/^## What changed lately\na\n\n## Owners/);
  expect(given.map(({ title }) => title)[0]).toBe('What changed lately');
});
