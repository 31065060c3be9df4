import { expect, test } from 'vitest';
import { z } from 'zod';
import { environmentSchema, librariesSchema } from '../../config/environment.ts';

const kafka = {
  system: 'kafka',
  provision: { combined: 3 },
  library: 'kafka-3.6.2',
  artifacts: { 'kafka-clients.jar': 'kafka-clients-3.6.2.jar' },
};
const plain = {
  system: 'process',
  targets: [{ name: 'east', files: { 'app.jar': 'app.jar' }, start: ['java'], ready: { log: 'ok' } }],
};

test('a Kafka environment needs four lines; the rest has defaults', () => {
  expect(environmentSchema.parse(kafka)).toMatchObject({
    driver: { kind: 'process' },
    initial: 'base',
    traffic: { recordsPerSecond: 240, trickle: 10 },
  });
  expect(environmentSchema.parse({ ...kafka, provision: { controllers: 3, brokers: 3 } }).system).toBe('kafka');
  expect(environmentSchema.parse(plain).system).toBe('process');
});

test.each([
  ['an unknown system', { ...kafka, system: 'flink' }, 'system'],
  ['both layouts at once', { ...kafka, provision: { combined: 3, brokers: 3 } }, 'provision'],
  ['no artifact', { ...kafka, artifacts: {} }, 'at least one artifact'],
  ['a jar with a folder', { ...kafka, artifacts: { a: '../b.jar' } }, 'the name of a jar in the library'],
  ['a word that does not exist', { ...kafka, traffic: { rate: 1 } }, '"rate"'],
  ['a driver that does not exist', { ...kafka, driver: { kind: 'helm' } }, 'driver.kind'],
  [
    'a file outside of the target',
    { ...plain, targets: [{ ...plain.targets[0], files: { a: '/etc/passwd' } }] },
    'without ..',
  ],
  [
    'a broken regular expression',
    { ...plain, targets: [{ ...plain.targets[0], ready: { log: '(' } }] },
    'Unterminated group',
  ],
  [
    'two ways to be ready',
    { ...plain, targets: [{ ...plain.targets[0], ready: { log: 'a', http: 'http://b' } }] },
    'ready',
  ],
  ['two targets of one name', { ...plain, targets: [plain.targets[0], plain.targets[0]] }, 'the same name'],
])('%s is refused, and the message says where', (_name, settings, words) => {
  const { success, error } = environmentSchema.safeParse(settings);
  expect(success).toBe(false);
  expect(error && z.prettifyError(error)).toContain(words);
});

test('a library is named coordinates', () => {
  expect(librariesSchema.parse({ 'kafka-3.6.2': { coordinates: ['a:b:1', 'a:c:1:sources'] } })).toMatchObject({
    'kafka-3.6.2': { transitive: true },
  });
  expect(librariesSchema.safeParse({ kafka: { coordinates: ['kafka-clients'] } }).error?.message).toContain(
    'group:artifact:version',
  );
});
