import type { RanArtifact, RehearsalFrom, RehearsalOutcome, Rehearsed } from '../workflows/rehearsal-types.ts';
import type { Reversibility } from './kafka-rules/one-way.ts';

/** Whether going back is to be tried, from what the patches touch. */
export function wantsRehearsal(when: 'always' | 'touching' | 'never', judged: Reversibility): boolean {
  return when === 'always' || (when === 'touching' && judged.kind === 'one-way');
}

type Runs = Omit<RehearsalFrom, 'artifacts'> & { nodes: readonly (readonly RanArtifact[])[] };

/**
 * What is to be gone back to: everything that runs on a node of the environments and is not the candidate, each once,
 * at the first environment where it runs.
 */
export function whatToGoBackTo(runs: readonly Runs[], candidate: readonly RanArtifact[]): RehearsalFrom[] {
  const isCandidate = (ran: readonly RanArtifact[]) =>
    ran.every(({ name, sha256 }) => candidate.some((one) => one.name === name && one.sha256 === sha256));
  const found = new Map<string, RehearsalFrom>();
  for (const { nodes, ...environment } of runs) {
    for (const ran of nodes) {
      const artifacts = [...ran].sort((a, b) => (a.name < b.name ? -1 : 1));
      const key = JSON.stringify([artifacts, environment.metadataVersion]);
      if (artifacts.length > 0 && !isCandidate(artifacts) && !found.has(key))
        found.set(key, { ...environment, artifacts });
    }
  }
  return [...found.values()];
}

/** Of a node: the heap that the throw-away cluster gives it, and what a JVM takes beside it. */
const NODE_MB = 420;

/** How many nodes there is memory for; undefined where there is none for a single one. */
export function nodesFor(wanted: 1 | 3, freeMb: number): 1 | 3 | undefined {
  if (wanted === 3 && freeMb >= 3 * NODE_MB) return 3;
  return freeMb >= NODE_MB ? 1 : undefined;
}

export type RehearsalStep = 'begin' | 'upgrade' | 'downgrade';

/**
 * What a step says that did not work. Only the way back tells that there is none: what fails before the candidate runs
 * is not its doing (undefined: to be tried again), and a candidate that does not run cannot be gone back from.
 */
export function failedStep(
  step: RehearsalStep,
  reasons: string[],
  { nodes, seconds }: { nodes: number; seconds: number },
): RehearsalOutcome | undefined {
  switch (step) {
    case 'begin':
      return undefined;
    case 'upgrade':
      return { kind: 'impossible', reasons: reasons.map((reason) => `on the candidate: ${reason}`) };
    case 'downgrade':
      return {
        kind: 'one-way',
        ...{ nodes, seconds },
        reasons: reasons.map((reason) => `after the downgrade: ${reason}`),
      };
  }
}

/**
 * Reversibility once it was tried. What failed is one-way, whatever the patches touch; so is what could not be tried
 * though it was to be. A rehearsal that passed unmakes no reason: it tried some writes and not all (K18).
 */
export function afterRehearsals(judged: Reversibility, rehearsed: readonly Rehearsed[]): Reversibility {
  const against = rehearsed.flatMap(({ from, outcome }) => {
    if (outcome.kind === 'reversible') return [];
    const how = outcome.kind === 'one-way' ? 'the downgrade rehearsal to' : 'could not rehearse the downgrade to';
    const end = outcome.kind === 'one-way' ? ' failed' : '';
    return [`${how} ${from}${end}: ${outcome.reasons.join('; ')}`.slice(0, 600)];
  });
  const reasons = judged.kind === 'one-way' ? judged.reasons : [];
  return against.length === 0 ? judged : { kind: 'one-way', rule: 'K18', reasons: [...reasons, ...against] };
}

/** A line for the thread, the report and whoever is asked for approval. */
export function rehearsalWords({ environment, from, outcome }: Rehearsed): string {
  const what = `Downgrade rehearsal to ${from} (as ${environment})`;
  if (outcome.kind === 'impossible')
    return `${what}: could not be done, which proves nothing: ${outcome.reasons.join('; ')}`;
  const where = `${outcome.nodes === 1 ? 'one node' : `${outcome.nodes} nodes`}, ${Math.round(outcome.seconds)} s`;
  if (outcome.kind === 'one-way') return `${what}: it does not go back (${where}): ${outcome.reasons.join('; ')}`;
  const { records, transactional, keys, offsets } = outcome.counts;
  return `${what}: it goes back (${where}): ${records} records, ${transactional} transactional ones, ${keys} compacted keys and ${offsets} committed offsets as they were`;
}

const TELLING_LINES = 3;
const LINE_CHARACTERS = 240;

/** The lines of a node's own output that tell why it ended: its first errors, and what caused them. */
export function tellingLines(output: string): string[] {
  const lines = output.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => /\b(ERROR|FATAL)\b|^Caused by: |^Exception in /.test(line));
  const told = errors.length > 0 ? errors.slice(0, TELLING_LINES) : lines.filter(Boolean).slice(-TELLING_LINES);
  return [...new Set(told)].map((line) => line.slice(0, LINE_CHARACTERS));
}
