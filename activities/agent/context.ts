import { join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import {
  fitLayers,
  type GivenLayer,
  type LayerName,
  type Suspects,
  stackLines,
} from '../../decisions/agent-context.ts';
import { outlineText } from '../../decisions/code-outline.ts';
import { OWNER_FILES, ownersOf } from '../../decisions/code-owners.ts';
import { ensureCommit } from '../../git/clone.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { pastVerdicts, testPast } from '../../store/agent-context.ts';
import { listReleases } from '../../store/releases.ts';
import { nameBuild, recentRollouts, whatRuns } from '../../store/rollout-report.ts';
import type { Digest, Patch } from '../../workflows/types.ts';
import type { LiveStatus } from '../health/live-status.ts';
import type { RecallAboutCode } from '../memory.ts';
import { givenMemory, memoryLayer } from './memory-layer.ts';
import { type CodeOutline, createOutlines, type OutlineDeps } from './outlines.ts';
import { createSkills, type LoadedSkills, type SkillSummary } from './skills.ts';
import { createSources, type Sources } from './sources.ts';
import type { GivenMemory } from './transcript.ts';

export type ContextDeps = OutlineDeps & {
  settings: (digest: Digest) => Promise<Settings>;
  /** What verified fixes have taught; a worker that runs commands alone has none of it. */
  recall?: RecallAboutCode;
  /** How environments stand; without it only what the store has is given. */
  status?: LiveStatus;
};

/**
 * What an agent works on. `failing`: the unit of a suite run that it is about, where there is one. `suspects`: patches
 * that it is about; of the others each has a line, and what they alone change is left out.
 */
export type ContextOrder = {
  release: string;
  settings: Digest;
  fork: string;
  base: string;
  candidate: string;
  patches: readonly Patch[];
  failing?: { suiteRun: string; unit: string };
  suspects?: Suspects;
};

/** The six layers as they are given, what was given of each, and the skills with the digests that hold for this run. */
export type Context = { text: string; layers: GivenLayer[]; skills: SkillSummary[]; memories: GivenMemory[] };

/**
 * Assembles the context of an agent's run, by code and from what we hold: nothing here is asked of a model. Reads only;
 * what it returns is not redacted yet.
 */
export async function assembleContext(deps: ContextDeps, order: ContextOrder): Promise<Context> {
  const settings = await deps.settings(order.settings);
  const fork = settings.forks[order.fork];
  const mirror = join(deps.dataDir, 'git', `${order.fork}.git`);
  // Another host may have cut it.
  for (const commit of [order.candidate, ...(order.suspects?.commits ?? [])]) {
    if (fork !== undefined) await ensureCommit(deps, mirror, fork.repository, commit);
  }
  const sources = createSources(deps, mirror);
  const whole = await createOutlines(deps).of(order.fork, order.base, order.candidate);
  const { outline, others } = narrow(whole, await touchedBy(sources, order.suspects));
  const loaded = await createSkills(fork?.agent.skills).load();
  // Whoever reads a release reads what its agents say: nobody's own memories, but what everyone may read.
  const about = { places: [order.fork], paths: outline.changed.map(({ path }) => path), audience: [] };
  const memories = (await deps.recall?.({ ...about, of: order.release, settings })) ?? [];
  const texts: Record<LayerName, string> = {
    changed: await changedLayer(deps, order, outline, others),
    annotations: await annotationsLayer(sources, order, outline),
    outline: outlineLayer(outline),
    runbooks: runbooksLayer(loaded),
    memory: memoryLayer(memories),
    status: await statusLayer(deps, settings, fork?.release.environments ?? []),
  };
  const { text, given } = fitLayers(texts);
  return { text, layers: given, skills: loaded.skills, memories: memories.map(givenMemory) };
}

/** Paths that the suspected patches change; undefined where none is more suspected than another. */
async function touchedBy(sources: Sources, suspects: Suspects | undefined): Promise<Set<string> | undefined> {
  if (suspects === undefined) return undefined;
  const lists = await Promise.all(suspects.commits.map((commit) => sources.changed(`${commit}^`, commit)));
  return new Set(lists.flat().map(({ path }) => path));
}

/** `others`: changed files that no suspected patch touches. */
function narrow(whole: CodeOutline, touched: Set<string> | undefined): { outline: CodeOutline; others: number } {
  if (touched === undefined) return { outline: whole, others: 0 };
  const changed = whole.changed.filter(({ path }) => touched.has(path));
  const files = whole.files.filter(({ path }) => touched.has(path));
  return { outline: { changed, files, unread: 0 }, others: whole.changed.length - changed.length };
}

const section = (title: string, lines: readonly string[], none: string) =>
  `### ${title}\n${lines.length === 0 ? none : lines.join('\n')}`;

async function changedLayer(
  { db }: ContextDeps,
  order: ContextOrder,
  { changed }: CodeOutline,
  others: number,
): Promise<string> {
  const { fork, release, failing } = order;
  const files = changed.map(({ path, lines }) => `${path} ${lines ? `+${lines.added} -${lines.removed}` : '(binary)'}`);
  const rest = others === 0 ? [] : [`… and ${others} that only the other patches change`];
  const releases = (await listReleases(db, { fork, limit: 9 })).filter(({ id }) => id !== release).slice(0, 8);
  return [
    section('Files, base to candidate', [...files.slice(0, 150), ...rest], 'none'),
    ...(failing === undefined ? [] : await failingSections(db, fork, failing)),
    section(
      'Past releases of the fork, newest first',
      releases.map(({ id, startedAt, outcome }) => {
        const reasons = outcome && 'reasons' in outcome ? `: ${oneLine(outcome.reasons[0] ?? '', 200)}` : '';
        return `${id} ${startedAt.toISOString().slice(0, 10)} ${outcome?.kind ?? 'goes on'}${reasons}`;
      }),
      'this is the first',
    ),
  ].join('\n\n');
}

/** Of what never ran (a conflict, a build) there is no past. */
async function failingSections(
  db: ContextDeps['db'],
  fork: string,
  { unit, suiteRun }: NonNullable<ContextOrder['failing']>,
): Promise<string[]> {
  const past = await testPast(db, fork, unit);
  const verdicts = await pastVerdicts(db, { fork, unit, not: suiteRun });
  return [
    section(
      'The failing class in the suites so far, this one with them',
      past.map(({ name, runs, failures, failureRate, seconds }) => {
        return `${name}: failed in ${failures} of ${runs} runs (newest weigh most: ${(failureRate * 100).toFixed(1)} %), ${seconds.toFixed(1)} s`;
      }),
      'it has no history',
    ),
    section(
      'Earlier verdicts on it',
      verdicts.map(({ release: id, test, kind, message }) => `${id} ${test}: ${kind}: ${oneLine(message, 160)}`),
      'none',
    ),
  ];
}

async function annotationsLayer(sources: Sources, order: ContextOrder, { changed }: CodeOutline): Promise<string> {
  const { candidate, patches, suspects } = order;
  const rules = await sources.read(candidate, 'AGENTS.md');
  return [
    section('The patch stack, oldest first', stackLines(patches, suspects), 'it is empty'),
    section('Owners of what changed (CODEOWNERS)', await ownerLines(sources, candidate, changed), 'no file names any'),
    section('AGENTS.md of the fork', rules === undefined ? [] : [rules], 'there is none'),
  ].join('\n\n');
}

async function ownerLines(sources: Sources, commit: string, changed: CodeOutline['changed']): Promise<string[]> {
  for (const file of OWNER_FILES) {
    const text = await sources.read(commit, file);
    if (text === undefined) continue;
    const owned = ownersOf(
      text,
      changed.slice(0, 100).map(({ path }) => path),
    );
    return owned.map(({ path, owners }) => `${path}: ${owners.slice(0, 10).join(' ') || 'nobody'}`);
  }
  return [];
}

function outlineLayer({ files, unread }: CodeOutline): string {
  const more = unread === 0 ? [] : [`… and ${unread} more changed sources`];
  return (
    [...files.map(({ path, declarations }) => outlineText(path, declarations)), ...more].join('\n') ||
    'no source changed'
  );
}

/** The first step of each skill. What is wrong with one is said: whoever wrote it may look here. */
function runbooksLayer({ skills, problems }: LoadedSkills): string {
  const lines = skills.map(({ name, description }) => `${name}: ${description}`);
  return [...lines, ...problems.map((problem) => `left out: ${oneLine(problem, 300)}`)].join('\n');
}

/** Each environment as it answers now, then what the store knows of it: what runs there by its last read-back. */
async function statusLayer(deps: ContextDeps, settings: Settings, environments: readonly string[]): Promise<string> {
  const parts = await Promise.all(environments.map((name) => environmentPart(deps, settings, name)));
  return parts.join('\n\n') || 'the fork is rolled out nowhere';
}

export async function environmentPart({ db, status }: ContextDeps, settings: Settings, name: string): Promise<string> {
  const live = status === undefined ? [] : [await status.brief(settings, name)];
  const targets = (await whatRuns(db, name)).map(
    (target) => `${target.target}: ${nameBuild(target)} since ${target.since}`,
  );
  const rollouts = (await recentRollouts(db, name, 3)).map(({ rollout, version, outcome }) => {
    const reasons = outcome && 'reasons' in outcome ? `: ${oneLine(outcome.reasons[0] ?? '', 200)}` : '';
    return `roll-out ${rollout} of ${version}: ${outcome?.kind ?? 'goes on'}${reasons}`;
  });
  const stored = [...targets, ...rollouts];
  const none = stored.length === 0 ? ['nothing was brought up or rolled out here yet'] : stored;
  return section(name, [...live, 'By the store, as it was last read back:', ...none], '');
}
