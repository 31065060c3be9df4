import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { takeDown } from '../../activities/deploy/environment.ts';
import { readKafka } from '../../activities/health/kafka.ts';
import { isUnderReplicated, known } from '../../decisions/kafka-rules/snapshot.ts';
import { CLIENTS_JAR } from '../../test/environment/small-kafka.ts';
import { type Fixture, openFixture, until } from '../../test/rollout/fixture.ts';
import { type Case, candidateMaker } from './faults.ts';
import { type Trouble, troubleWhenBaking } from './others.ts';

export type RolloutProof = {
  id: string;
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
  seconds: number;
};

const STAGING = 'staging';

/** The gates as they come: nothing here is tuned. */
const ENVIRONMENT = {
  system: 'kafka',
  provision: { combined: 3 },
  library: 'kafka-3.6.2',
  artifacts: { 'kafka-clients.jar': CLIENTS_JAR },
  initial: 'library',
  gates: { profile: 'compressed', laterBakeSeconds: 8 },
  rollout: { returnSeconds: 60, inSyncSeconds: 60, stopGraceSeconds: 20, blockedSeconds: 60 },
};

/** Rolls each case through a real cluster of three, one after another; what the file knows already is not rolled again. */
export async function proveRollouts(
  cases: readonly (Case | Trouble)[],
  { file, seconds, say }: { file: string; seconds: number; say: (line: string) => void },
): Promise<RolloutProof[]> {
  const done = readKept(file);
  const left = cases.filter(({ id }) => !done.some((one) => one.id === id));
  const deadline = Date.now() + seconds * 1000;
  if (left.length > 0) {
    const fixture = await openFixture({ [STAGING]: ENVIRONMENT });
    try {
      const make = await candidateMaker(fixture.deps);
      await fixture.up(STAGING);
      for (const one of left) {
        if (Date.now() > deadline) {
          say(`${seconds} s are over; run it again to go on`);
          break;
        }
        const proof = await prove(fixture, one, await make(one, Date.now()));
        done.push(proof);
        mkdirSync(dirname(file), { recursive: true });
        appendFileSync(file, `${JSON.stringify(proof)}\n`);
        say(
          `${proof.id}: ${proof.outcome} in ${proof.seconds} s, ${proof.whole ? 'whole' : `NOT WHOLE: ${proof.problems}`}; ${proof.reasons[0] ?? ''}`,
        );
        if (!proof.whole || proof.outcome === 'frozen') await afresh(fixture);
      }
    } finally {
      await fixture.close();
    }
  }
  return done.filter(({ id }) => cases.some((one) => one.id === id));
}

function readKept(file: string): RolloutProof[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as RolloutProof);
}

async function prove(
  fixture: Fixture,
  one: Case | Trouble,
  candidate: Parameters<Fixture['rollOut']>[2],
): Promise<RolloutProof> {
  const { id, kind } = one;
  const trouble = 'expected' in one ? one : undefined;
  await trouble?.before?.(fixture, STAGING);
  const began = Date.now();
  const release = `kafka-${began}`;
  const before = await digests(fixture);
  const asked = await fixture.requested(STAGING, release, candidate);
  if (trouble) await troubleWhenBaking(fixture, { environment: STAGING, rollout: `${release}/1/${STAGING}` }, trouble);
  const outcome = await asked.result();
  await trouble?.after?.(fixture, STAGING);
  const seconds = Math.round((Date.now() - began) / 1000);
  const report = await fixture.report(release);
  // Held or frozen in the middle, it stays as it is for a person to look at: whole means that nothing is missing.
  const wanted = ['held', 'frozen'].includes(outcome.kind)
    ? await digests(fixture)
    : outcome.kind === 'promoted'
      ? before.map(() => candidate.artifacts[0]!.sha256)
      : before;
  const problems = await unwhole(fixture, wanted);
  if (trouble && !trouble.expected.includes(outcome.kind)) {
    problems.push(`it should have been ${trouble.expected.join(' or ')}`);
  }
  if ((report.traffic?.lost ?? 0) > 0) problems.push(`${report.traffic?.lost} records lost`);
  return {
    ...{ id, kind, seconds, problems },
    outcome: outcome.kind,
    reasons: 'reasons' in outcome ? outcome.reasons : [],
    waves: report.waves.map(({ targets, gate }) => ({ targets, ...(gate && { gate: gate.kind }) })),
    touched: report.targets.filter(({ state }) => state !== 'planned').length,
    whole: problems.length === 0,
  };
}

const digests = async (fixture: Fixture) =>
  (await fixture.facts(STAGING)).flatMap(({ artifacts }) => artifacts.map(({ sha256 }) => sha256));

async function unwhole(fixture: Fixture, wanted: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  const run = await digests(fixture);
  if (run.join() !== wanted.join()) problems.push('a node holds another artifact than it is to');
  try {
    await until(
      'nothing is under-replicated',
      async () => {
        const targets = await fixture.driver(STAGING).targets();
        const { partitions } = await readKafka(targets, await fixture.facts(STAGING));
        return known(partitions).length > 0 && !known(partitions).some(isUnderReplicated);
      },
      30_000,
    );
  } catch (error) {
    problems.push((error as Error).message);
  }
  return problems;
}

/** A cluster that was left broken says nothing about the next candidate. */
async function afresh(fixture: Fixture): Promise<void> {
  await takeDown(STAGING, { dataDir: fixture.deps.dataDir, purge: true });
  await fixture.up(STAGING);
  const state = await fixture.state(STAGING);
  if (state.frozen) await fixture.brake(STAGING, { kind: 'unfreeze', by: 'the proof', reason: 'begun afresh' });
}
