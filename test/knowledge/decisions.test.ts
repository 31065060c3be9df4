import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../config/load.ts';
import { fuse, quoteStands, readableBy, speaksOfIt, worthGiving } from '../../decisions/knowledge.ts';
import { questionWords, searchedWords, stem } from '../../decisions/knowledge-words.ts';
import { LABELLED, UNANSWERED } from './labelled.ts';

describe('who may read', () => {
  const sources = [
    { name: 'open', readers: 'everyone' as const },
    { name: 'team', readers: ['platform'] },
    { name: 'ada', readers: ['ada'] },
    { name: 'both', readers: ['platform', 'cy'] },
  ];
  const groups = { platform: ['ada', 'bob'] };
  test.each([
    ['nobody reads what everyone may', [], ['open']],
    ['a stranger too', ['mallory'], ['open']],
    ['a member reads what is the group’s', ['bob'], ['open', 'team', 'both']],
    ['a person may be named', ['ada'], ['open', 'team', 'ada', 'both']],
    ['together only what each may', ['ada', 'bob'], ['open', 'team', 'both']],
    ['one stranger among them takes it from all', ['ada', 'mallory'], ['open']],
    ['by different ways', ['ada', 'cy'], ['open', 'both']],
    ['the name of a group is nobody', ['platform'], ['open']],
    ['nor is a name of the language', ['constructor', '__proto__'], ['open']],
  ])('%s', (_, audience, readable) => {
    expect(readableBy(sources, groups, audience).map(({ name }) => name)).toEqual(readable);
  });
});

test.each([
  [
    'what both lists name comes first',
    [
      ['a', 'b', 'c'],
      ['c', 'd'],
    ],
    ['c', 'a', 'b', 'd'],
  ],
  ['one list stays as it is', [['x', 'a', 'm']], ['x', 'a', 'm']],
  ['equal ones by id', [['b'], ['a']], ['a', 'b']],
  ['nothing is nothing', [[], []], []],
])('%s', (_, lists, fused) => expect(fuse(lists)).toEqual(fused));

test.each([
  ['what speaks of it is given', 'abc', 'abc'],
  ['of the rest the first two', 'a-b-c-d', 'a-b-cd'],
  ['in their order', '---a', '--a'],
  ['nothing is nothing', '', ''],
])('%s', (_, places, given) => {
  const of = (names: string) => [...names].map((name) => ({ name, ...(name === '-' && { speaks: false }) }));
  expect(
    worthGiving(of(places))
      .map(({ name }) => name)
      .join(''),
  ).toBe(given);
});

describe('whether enough is found', () => {
  const chunk = (id: string, text: string, similarity?: number) => ({ id, words: searchedWords(text), similarity });
  const kafka = [
    chunk('disk', 'Lower the retention of topics before the disk of a broker is full.'),
    chunk('lag', 'A consumer of a topic lags behind its broker.'),
    chunk('quorum', 'Kafka controllers of a broker configure a quorum.'),
  ];
  test.each([
    ['its words stand in one', 'What do I do when the disks of brokers are full?', kafka, ['disk']],
    ['its rare word stands nowhere', 'How do I configure the frobnicator plugin of Kafka?', kafka, []],
    ['it is about something else', 'How do I bake bread?', kafka, []],
    ['it has no words', 'how do I do it?', kafka, []],
    ['there is nothing', 'full disk', [], []],
    ['a vector is near', 'no room left', [chunk('disk', 'retention', 0.8), chunk('lag', 'lag', 0.1)], ['disk']],
  ])('%s', (_, question, candidates, speaking) => {
    expect([...speaksOfIt(question, candidates, 0.5)]).toEqual(speaking);
  });

  const all = LABELLED.map(({ name, title, text }) => ({ id: name, words: searchedWords(`${title} ${text}`) }));
  test('what shares no word with the question changes nothing', () => {
    const others = Array.from({ length: 200 }, (_, i) => chunk(`other-${i}`, 'Owls hunt at night.', 0.1));
    for (const question of [...UNANSWERED, ...LABELLED.map(({ far }) => far)])
      expect(speaksOfIt(question, [...all, ...others], 0.5)).toEqual(speaksOfIt(question, all, 0.5));
  });

  test('of the labelled questions, near ones nearly all and unanswerable ones nearly never', () => {
    const right = (key: 'near' | 'far') =>
      LABELLED.filter((one) => speaksOfIt(one[key], all, 0.5).has(one.name)).length / LABELLED.length;
    const wrong = UNANSWERED.filter((question) => speaksOfIt(question, all, 0.5).size > 0);
    expect({ near: right('near') >= 0.9, far: right('far') >= 0.7, wrong }).toEqual({
      near: true,
      far: true,
      wrong: [],
    });
  });
});

test.each([
  ['as it stands', 'Lower retention.bytes of the largest topics', true],
  ['over a line break', 'largest topics before the disk is full', true],
  ['a word or two', 'the disk', false],
  ['nothing', '   ', false],
  ['with another number', 'Lower retention.bytes to 5 of the largest', false],
])('a quote %s', (_, quote, stands) => {
  const text = 'Lower retention.bytes of the largest\n  topics before the disk is full.';
  expect(quoteStands(quote, text)).toBe(stands);
});

test.each([
  ['brokers', 'broker'],
  ['replicas', 'replica'],
  ['configuring', 'configur'],
  ['configured', 'configur'],
  ['configure', 'configur'],
  ['stopped', 'stop'],
  ['stopping', 'stop'],
  ['policies', 'policy'],
  ['string', 'string'],
  ['status', 'status'],
  ['class', 'class'],
  ['lag', 'lag'],
])('the stem of %s is %s', (word, cut) => expect(stem(word)).toBe(cut));

test('the words of a question are those that carry it, each once', () => {
  expect(questionWords('Hi, how do I stop the KafkaRaftClient? Stopping brokers: log.retention.ms')).toEqual([
    'stop',
    'kafkaraftclient',
    'kafka',
    'raft',
    'client',
    'broker',
    'log',
    'retention',
    'ms',
  ]);
  expect(
    questionWords(`${'word '.repeat(10_000)}${Array.from({ length: 500 }, (_, i) => `w${i}`).join(' ')}`).length,
  ).toBeLessThan(60);
  expect(searchedWords('new KafkaRaftClients(the log)')).toBe('new kafkaraftclient kafka raft client log');
});

describe('the configuration', () => {
  const problems = (sources: string) => {
    try {
      parseSettings(`forks: {}\npeople: {ada: {name: Ada}}\nknowledge:\n  sources: ${sources}\n`, 'p.yaml', '/srv/p');
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  test.each([
    [
      'a source without a place',
      '[{name: a, readers: everyone}]',
      /exactly one of: folder, repository, fork, releases, tickets/,
    ],
    ['one with two', '[{name: a, folder: x, repository: y, readers: everyone}]', /exactly one of/],
    ['one that says not who may read it', '[{name: a, folder: x}]', /readers: nothing was found/],
    [
      'a reader who is nobody',
      '[{name: a, folder: x, readers: [eve]}]',
      /neither a person nor a group is called "eve"/,
    ],
    ['no reader at all', '[{name: a, folder: x, readers: []}]', /at least 1/],
    [
      'two of one name',
      '[{name: a, folder: x, readers: everyone}, {name: a, folder: y, readers: [ada]}]',
      /two sources/,
    ],
    ['a path that leads out', '[{name: a, folder: x, paths: [../y], readers: everyone}]', /a path inside/],
    ['a fork that is not there', '[{name: a, fork: x, readers: everyone}]', /no fork "x" is configured/],
    ['a ref of a folder', '[{name: a, folder: x, ref: main, readers: everyone}]', /ref belongs to/],
  ])('refuses %s', (_, sources, said) => expect(problems(sources)).toMatch(said));

  test('resolves folders from its own', () => {
    const text = 'forks: {}\nknowledge: {sources: [{name: a, folder: runbooks, readers: everyone}]}\n';
    expect(parseSettings(text, 'p.yaml', '/srv/p').knowledge.sources[0]?.folder).toBe('/srv/p/runbooks');
  });
});
