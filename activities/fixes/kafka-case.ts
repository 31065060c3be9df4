import { setTimeout as sleep } from 'node:timers/promises';
import type { CaseKind } from '../../decisions/failing-case.ts';
import { caseWords } from '../../decisions/kafka-case.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { ConfigCase } from '../../workflows/fix-types.ts';
import type { TargetInfo } from '../deploy/driver.ts';
import { readConfigs, readPartitions } from '../health/kafka-config.ts';
import { readLag } from '../health/kafka-groups.ts';

/** `missing`: the cluster has not what the case asks for. */
export type CaseEnd = { kind: CaseKind; words: string; missing?: true };

const LOOK_MS = 1_000;
const NOBODY = {
  kind: 'undecided',
  words: 'the group has committed nothing there: whether it reads it is not known',
  missing: true,
} as const;

/**
 * Looks whether a typed failing case holds now. It reads only: nothing is written into a topic, where others would read
 * it. What does not answer is `undecided`, never `failed`.
 */
export async function tryCase(targets: readonly TargetInfo[], found: ConfigCase): Promise<CaseEnd> {
  try {
    const end = await look(targets, found);
    return { ...end, words: `${caseWords(found)}: ${end.words}` };
  } catch (error) {
    return { kind: 'undecided', words: `${caseWords(found)}: ${oneLine((error as Error).message, 200)}` };
  }
}

function look(targets: readonly TargetInfo[], found: ConfigCase): Promise<CaseEnd> {
  switch (found.is) {
    case 'value':
      return holds(targets, found);
    case 'lag':
      return catchesUp(targets, found);
    case 'takes-writes':
      return takesWrites(targets, found.topic);
  }
}

type Of<Is extends ConfigCase['is']> = Extract<ConfigCase, { is: Is }>;

async function holds(targets: readonly TargetInfo[], { resource, key, value }: Of<'value'>): Promise<CaseEnd> {
  const values = await readConfigs(targets, resource, [key]);
  if (values === undefined) return { kind: 'failed', words: `there is no such ${resource.type}`, missing: true };
  const is = values.find(({ name }) => name === key)?.effective ?? 'nothing';
  return { kind: is === value ? 'passed' : 'failed', words: `it is ${is}` };
}

async function catchesUp(targets: readonly TargetInfo[], found: Of<'lag'>): Promise<CaseEnd> {
  const { group, topic, below, withinSeconds } = found;
  for (const deadline = Date.now() + withinSeconds * 1_000; ; await sleep(LOOK_MS)) {
    const lag = await readLag(targets, group, topic);
    if (lag === undefined) return NOBODY;
    if (lag < below) return { kind: 'passed', words: `it lags by ${lag}` };
    if (Date.now() >= deadline) return { kind: 'failed', words: `it still lags by ${lag}` };
  }
}

async function takesWrites(targets: readonly TargetInfo[], topic: string): Promise<CaseEnd> {
  const partitions = (await readPartitions(targets)).filter((one) => one.topic === topic);
  if (partitions.length === 0) return { kind: 'failed', words: 'there is no such topic', missing: true };
  const [least] = (await readConfigs(targets, { type: 'topic', name: topic }, ['min.insync.replicas'])) ?? [];
  const wanted = Number(least?.effective ?? Number.NaN);
  if (!Number.isInteger(wanted)) return { kind: 'undecided', words: 'its min.insync.replicas is not told' };
  const bad = partitions.filter(({ leader, inSync }) => leader < 0 || inSync < wanted);
  const names = bad.slice(0, 5).map(({ partition, inSync }) => `${partition} (${inSync} in sync)`);
  if (bad.length === 0) return { kind: 'passed', words: `each has ${wanted} or more` };
  return { kind: 'failed', words: `${bad.length} have not ${wanted}: partition ${names.join(', ')}` };
}
