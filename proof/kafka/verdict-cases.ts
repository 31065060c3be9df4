import { randomFrom, shuffled } from '../../lib/random.ts';
import { FAULT_KINDS, type FaultKind, faultCode, LEFT, withFault } from './fault-kinds.ts';
import type { ProofPatch } from './fork.ts';
import { harmlessPatches, nameOf } from './harmless.ts';

/** Classes of which each test makes one object, and hardly anything else does; their tests are `<class>Test`. */
const PLACES = [
  'clients/admin/internals/AbortTransactionHandler',
  'clients/admin/internals/DescribeProducersHandler',
  'clients/admin/internals/FenceProducersHandler',
  'clients/admin/internals/ListTransactionsHandler',
  'clients/producer/RoundRobinPartitioner',
  'clients/producer/UniformStickyPartitioner',
  'common/cache/LRUCache',
  'common/config/provider/DirectoryConfigProvider',
  'common/config/provider/EnvVarConfigProvider',
  'common/memory/GarbageCollectedMemoryPool',
  'common/security/oauthbearer/internals/secured/Retry',
  'common/security/plain/internals/PlainSaslServer',
  'common/utils/CircularIterator',
  'common/utils/FixedOrderMap',
].map((path) => `org/apache/kafka/${path}`);

/** How many of each kind: 40 in all, the common ones more often. */
const SHARES: Record<FaultKind, number> = {
  always: 6,
  hang: 4,
  'race-50': 6,
  'race-10': 6,
  order: 5,
  load: 4,
  'static-initialiser': 3,
  leak: 3,
  pair: 3,
};

/** Patches that no fault needs. */
const HARMLESS = 5;

export type VerdictCase = {
  /** `fault-07` or `clean-12`: the same seed, the same case. */
  id: string;
  kind: FaultKind | 'clean';
  stack: ProofPatch[];
  /** Positions in the stack of what is to be named; none for a clean stack. */
  guilty: number[];
  /** The test class that the fault shows in. */
  test?: string;
  /** Outside of this test method nothing happens. */
  onlyIn?: string;
};

type Published = { sources: ReadonlyMap<string, string>; tests: ReadonlyMap<string, string> };

export const faultyTests = () => PLACES.map((path) => `${path.replaceAll('/', '.')}Test`);

/** `count` faults, every kind by its share, and as many clean stacks; in turns, so that half a run has of both. */
export function verdictCases(published: Published, seed: number, count: number): VerdictCase[] {
  const kinds = kindsFor(count);
  return kinds.flatMap((kind, index) => [
    faultCase(published, seed, index + 1, kind),
    cleanCase(published, seed, index + 1),
  ]);
}

/** The kinds in turns, each as often as its share of the whole asks for. */
function kindsFor(count: number): FaultKind[] {
  const all = Object.values(SHARES).reduce((sum, share) => sum + share, 0);
  const wanted = FAULT_KINDS.flatMap((kind) =>
    Array.from({ length: SHARES[kind] }, (_, n) => ({ kind, at: (n + 0.5) / SHARES[kind] })),
  ).sort((a, b) => a.at - b.at);
  return Array.from({ length: count }, (_, index) => wanted[index % all]?.kind ?? 'always');
}

function faultCase(published: Published, seed: number, number: number, kind: FaultKind): VerdictCase {
  const random = randomFrom(seed * 1_000 + number);
  const places = shuffled(PLACES, random).map((place) => placeAt(published, place));
  // One test that hangs says as much as ten, and costs a tenth.
  const place = kind === 'hang' ? places.find(({ methods }) => methods.length > 0) : places[0];
  if (place === undefined) throw new Error('no test makes an object by itself');
  const { path, source, methods } = place;
  const narrow = kind === 'hang' || random() < 0.5;
  const onlyIn = narrow ? methods[Math.floor(random() * methods.length)] : undefined;
  // Counts what an earlier test leaves behind: alone, a test never gets there.
  const size = kind === 'leak' && random() < 0.5 ? 8 : 2;
  const scope = kind === 'order' || kind === 'leak' || kind === 'static-initialiser' ? undefined : onlyIn;
  const text = withFault(source, nameOf(path), faultCode(kind, { onlyIn: scope, size }));
  const guilty: ProofPatch[] = [{ subject: `Change ${nameOf(path)}`, files: { [path]: text } }];
  if (kind === 'pair') guilty.push({ subject: 'Add a class', files: { [LEFT.path]: LEFT.text } });
  const harmless = harmlessPatches(published.sources, random, { count: HARMLESS, avoid: new Set([path]) });
  const stack = shuffled([...guilty, ...harmless], random);
  return {
    ...{ id: `fault-${String(number).padStart(2, '0')}`, kind, stack },
    guilty: guilty.map((patch) => stack.indexOf(patch)),
    test: `${path.replaceAll('/', '.').replace(/\.java$/, '')}Test`,
    ...(scope === undefined ? {} : { onlyIn: scope }),
  };
}

function placeAt({ sources, tests }: Published, place: string) {
  const path = `${place}.java`;
  const source = sources.get(path);
  const test = tests.get(`${place}Test.java`);
  if (source === undefined || test === undefined) throw new Error(`${path} is not published with its test`);
  return { path, source, methods: methodsMaking(test, nameOf(path)) };
}

function cleanCase({ sources }: Published, seed: number, number: number): VerdictCase {
  const random = randomFrom(seed * 1_000 + 500 + number);
  const stack = harmlessPatches(sources, random, { count: HARMLESS + 1, avoid: new Set() });
  return { id: `clean-${String(number).padStart(2, '0')}`, kind: 'clean', stack, guilty: [] };
}

/** The test methods in which an object of the class is made. */
function methodsMaking(test: string, className: string): string[] {
  return test
    .split(/(?=^ {4}@(?:Test|ParameterizedTest)\b)/m)
    .flatMap((part) => {
      const name = /public void (\w+)\(|void (\w+)\(/.exec(part);
      return name && new RegExp(`new ${className}\\b`).test(part) ? [name[1] ?? name[2] ?? ''] : [];
    })
    .filter((name) => name !== '' && !/^(setUp|setup|tearDown|before|init)/i.test(name));
}
