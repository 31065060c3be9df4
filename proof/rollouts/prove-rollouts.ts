import { readFileSync } from 'node:fs';
import { takeDown } from '../../activities/deploy/environment.ts';
import { nodeFiles } from '../../activities/deploy/node.ts';
import { isUnderReplicated, known } from '../../decisions/kafka-rules/snapshot.ts';
import { type Fixture, openFixture, until } from '../../test/rollout/fixture.ts';
import type { Artifact, Build, RolloutOutcome } from '../../workflows/types.ts';
import { codeHere, type Kept, keep, keptIn, measuring } from '../kept-outcomes.ts';
import { type Ground, snapshot } from './cluster.ts';
import { ENVIRONMENTS, type EnvironmentName } from './environments.ts';
import { actsWords, type Case, candidateMaker, olderServerCommon } from './faults.ts';
import type { Trouble } from './troubles.ts';

export type RolloutProof = Kept & {
  kind: string;
  outcome: string;
  reasons: string[];
  /** Of each wave: its nodes and its gate, where it came to one. */
  waves: { targets: string[]; gate?: string }[];
  /** Nodes that the candidate reached. */
  touched: number;
  /** Every node runs what it is to run, nothing is under-replicated, and no acknowledged record is lost. */
  whole: boolean;
  problems: string[];
  /** Whether a seeded fault did what it is there for, as a node printed it; nothing where none is seeded. */
  acted?: boolean;
  seconds: number;
};

type Options = { file: string; counts: (one: Kept) => boolean; seconds: number; say: (line: string) => void };

/** What a proof needs beside the fixture: candidates, and what an environment begins with. */
type Bench = {
  fixture: Fixture;
  make(one: Case): Promise<Build>;
  initial: Record<EnvironmentName, Artifact[]>;
  up: Set<EnvironmentName>;
};

/** Rolls each case through a real cluster of three, one after another; what the file has that counts is not rolled again. */
export async function proveRollouts(
  cases: readonly (Case | Trouble)[],
  { file, counts, seconds, say }: Options,
): Promise<RolloutProof[]> {
  const done = keptIn<RolloutProof>(file, counts);
  const left = cases.filter(({ id }) => !done.some((one) => one.id === id));
  const deadline = Date.now() + seconds * 1000;
  if (left.length > 0) {
    const code = codeHere();
    const bench = await openBench();
    try {
      for (const one of left) {
        if (Date.now() > deadline) {
          say(`${seconds} s are over; run it again to go on`);
          break;
        }
        const measured = measuring(code);
        const proof = { ...(await prove(bench, one)), measured: measured() };
        done.push(proof);
        keep(file, proof);
        say(wordsOf(proof));
        const environment = environmentOf(one);
        if (!proof.whole || proof.outcome === 'frozen' || environment !== 'staging') await drop(bench, environment);
      }
    } finally {
      await bench.fixture.close();
    }
  }
  return done.filter(({ id }) => cases.some((one) => one.id === id));
}

const wordsOf = ({ id, outcome, seconds, measured, whole, problems, reasons }: RolloutProof) =>
  `${id}: ${outcome} in ${seconds} s at load ${measured?.load.begin} to ${measured?.load.end}, ${whole ? 'whole' : `NOT WHOLE: ${problems.join('; ')}`}; ${reasons[0] ?? ''}`;

async function openBench(): Promise<Bench> {
  const fixture = await openFixture(ENVIRONMENTS);
  const make = await candidateMaker(fixture.deps);
  const older = await olderServerCommon(fixture.deps);
  const bench = { fixture, initial: { staging: [], levels: [older] }, up: new Set<EnvironmentName>() };
  return { ...bench, make: (one) => make(one, Date.now()) };
}

const environmentOf = (one: Case | Trouble): EnvironmentName => ('environment' in one && one.environment) || 'staging';

async function raise({ fixture, up, initial }: Bench, environment: EnvironmentName): Promise<void> {
  if (up.has(environment)) return;
  await fixture.up(environment, initial[environment]);
  up.add(environment);
  const { frozen } = await fixture.state(environment).catch(() => ({ frozen: undefined }));
  if (frozen) await fixture.brake(environment, { kind: 'unfreeze', by: 'the proof', reason: 'begun afresh' });
}

/** A cluster that was left broken says nothing about the next candidate: that one has a new one. */
async function drop({ fixture, up }: Bench, environment: EnvironmentName): Promise<void> {
  await takeDown(environment, { dataDir: fixture.deps.dataDir, purge: true });
  up.delete(environment);
}

async function prove(bench: Bench, one: Case | Trouble): Promise<RolloutProof> {
  const { fixture } = bench;
  const environment = environmentOf(one);
  const trouble: Partial<Trouble> = 'expected' in one ? one : {};
  await raise(bench, environment);
  const began = Date.now();
  const release = `kafka-${began}`;
  const candidate = await bench.make(one);
  const rollout = `${release}/1/${environment}`;
  const another = () => bench.make({ id: `${one.id}-another`, kind: one.kind });
  const ground: Ground = { fixture, environment, release, rollout, candidate, another };
  await trouble.before?.(ground);
  const before = await digests(ground);
  const problems: string[] = [];
  const outcome = await rolledWith(ground, trouble, problems);
  const report = await fixture.report(release);
  await trouble.after?.(ground);
  const others = trouble.holds?.();
  problems.push(...(await unwhole(ground, others ? before.map(() => others) : wantedAfter(ground, outcome, before))));
  const touched = report.targets.filter(({ state }) => state !== 'planned').length;
  problems.push(...notAsExpected(trouble, outcome, touched));
  if (trouble.again) problems.push(...(await onceMore(ground, trouble.again)));
  const lost = (await fixture.report(release)).traffic?.lost ?? 0;
  if (lost > 0) problems.push(`${lost} records lost`);
  const seeded = !trouble.expected && one.kind !== 'harmless' && !one.otherCommit;
  return {
    ...{ id: one.id, kind: one.kind, touched, problems, ...(seeded && { acted: await acted(ground, one.id) }) },
    outcome: outcome.kind,
    reasons: 'reasons' in outcome ? outcome.reasons : [],
    waves: report.waves.map(({ targets, gate }) => ({ targets, ...(gate && { gate: gate.kind }) })),
    whole: problems.length === 0,
    seconds: Math.round((Date.now() - began) / 1000),
  };
}

/**
 * Rolls it, and troubles it where it has come that far; a roll-out that ends before is not troubled. What goes wrong
 * with the trouble itself is a problem of the proof: the roll-out is waited for all the same.
 */
async function rolledWith(
  ground: Ground,
  { meanwhile, inTheWatch }: Partial<Trouble>,
  problems: string[],
): Promise<RolloutOutcome> {
  const trying = (trouble: Promise<void>) =>
    trouble.catch((error: Error) => void problems.push(`the trouble itself: ${error.message}`));
  const { fixture, environment, release, rollout, candidate } = ground;
  const asked = await fixture.requested(environment, release, candidate);
  const ended = asked.result();
  if (meanwhile) {
    const step = async () => (await fixture.progress(rollout).catch(() => undefined))?.step;
    const baking = until('the first wave bakes', async () => (await step()) === 'bake', 600_000);
    const first = await Promise.race([ended, baking]);
    if (first === true) await trying(meanwhile(ground));
  }
  const outcome = await ended;
  if (outcome.kind !== 'promoted') return outcome;
  if (inTheWatch) await trying(inTheWatch(ground));
  // Where it is watched, what the watch says is the last word.
  return fixture.client.workflow.getHandle(`rollout:${rollout}`).result() as Promise<RolloutOutcome>;
}

async function acted({ fixture, environment }: Ground, id: string): Promise<boolean> {
  const targets = await fixture.driver(environment).targets();
  return targets.some(({ dir }) => readFileSync(nodeFiles.stdout(dir), 'utf8').includes(actsWords(id)));
}

function notAsExpected({ expected, because, reaches }: Partial<Trouble>, outcome: RolloutOutcome, touched: number) {
  const problems: string[] = [];
  if (expected && !expected.includes(outcome.kind)) problems.push(`it should have been ${expected.join(' or ')}`);
  const reasons = 'reasons' in outcome ? outcome.reasons : [];
  if (because && !reasons.some((reason) => because.test(reason))) problems.push(`no reason is like ${because}`);
  if (reaches !== undefined && touched > reaches) problems.push(`${touched} nodes were touched, and not ${reaches}`);
  return problems;
}

/** The same release once more, now that nothing is in its way. */
async function onceMore(ground: Ground, again: RolloutOutcome['kind']): Promise<string[]> {
  const { fixture, environment, release, candidate } = ground;
  const before = await digests(ground);
  const outcome = await fixture.rollOut(environment, release, candidate);
  const problems = outcome.kind === again ? [] : [`once more it ended ${outcome.kind}, and not ${again}`];
  return [...problems, ...(await unwhole(ground, wantedAfter(ground, outcome, before)))];
}

/** By node. Undefined: held or frozen in the middle it stays as it is, for a person to look at. */
function wantedAfter({ candidate }: Ground, { kind }: RolloutOutcome, before: string[][]): string[][] | undefined {
  if (kind === 'held' || kind === 'frozen') return undefined;
  return kind === 'promoted' ? before.map(() => candidate.artifacts.map(({ sha256 }) => sha256)) : before;
}

const digests = async ({ fixture, environment }: Ground): Promise<string[][]> =>
  (await fixture.facts(environment)).map(({ artifacts }) => artifacts.map(({ sha256 }) => sha256));

async function unwhole(ground: Ground, wanted: string[][] | undefined): Promise<string[]> {
  const problems: string[] = [];
  const held = await digests(ground);
  const strange = held.some((some, node) => some.some((digest) => !wanted?.[node]?.includes(digest)));
  if (wanted && strange) problems.push('a node holds another artifact than it is to');
  try {
    await until(
      'nothing is under-replicated',
      async () => {
        const { partitions } = await snapshot(ground);
        return known(partitions).length > 0 && !known(partitions).some(isUnderReplicated);
      },
      30_000,
    );
  } catch (error) {
    problems.push((error as Error).message);
  }
  return problems;
}
