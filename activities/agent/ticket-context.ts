import { join } from 'node:path';
import { codeName, codeOf } from '../../config/code.ts';
import type { Settings } from '../../config/schema.ts';
import { fitLayers, type LayerName } from '../../decisions/agent-context.ts';
import { outlineOf, outlineText } from '../../decisions/code-outline.ts';
import { OWNER_FILES } from '../../decisions/code-owners.ts';
import { isSource } from '../../decisions/proposal/types.ts';
import { codeWords, environmentsNamed, filesThatSpeak } from '../../decisions/ticket-context.ts';
import { ensureCommit } from '../../git/clone.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { listReleases } from '../../store/releases.ts';
import type { Place } from '../../workflows/fix-types.ts';
import type { Digest } from '../../workflows/types.ts';
import { type ContextDeps, environmentPart } from './context.ts';
import { givenMemory, memoryLayer } from './memory-layer.ts';
import { createSources, type Sources } from './sources.ts';
import { asShown } from './tools.ts';
import type { BriefRecord, Item } from './transcript.ts';

export type TicketContextDeps = ContextDeps & {
  /** Documents that everyone may read and that speak of a question. */
  documents?: (question: string) => Promise<string>;
};

/** `paths`: files that a plan quotes, in the first of the places. `about`: what people wrote, or what is planned. */
export type TicketContextOrder = {
  ticket: string;
  settings: Digest;
  about: string;
  places: readonly Place[];
  paths?: readonly string[];
};

/** Places are looked into one after the other; whoever has more reads them with the tools. */
const MOST_PLACES = 6;
const MOST_ENVIRONMENTS = 3;
const MOST_RELEASES = 3;
const RULES = 2_500;
const OWNERS = 1_000;

const TITLES: Partial<Record<LayerName, string>> = {
  changed: 'What changed lately',
  annotations: 'House rules and owners',
  outline: 'Outline of files that speak of it',
  runbooks: 'Documents that everyone may read',
};

/** The layers of a ticket's agent: their text, as it is shown, and what is kept of them for people. */
export type TicketContext = { text: string } & Pick<BriefRecord, 'layers' | 'memories'>;

/**
 * The same layers as a release's agent has, of what a ticket's agent works on. What it says is read by people who decide,
 * whoever reads along in the thread: so nothing is given that not everyone may read, neither documents nor memories, nor
 * files of a repository that has readers of its own. Reads only, but that what is recalled is kept as given.
 */
export async function assembleTicketContext(
  deps: TicketContextDeps,
  order: TicketContextOrder,
): Promise<TicketContext> {
  const settings = await deps.settings(order.settings);
  const open = order.places.filter(({ name }) => isForEveryone(settings, name)).slice(0, MOST_PLACES);
  const looked = await Promise.all(open.map((place) => lookInto(deps, settings, place, order)));
  const places = open.map(({ name }) => name);
  const about = { places, question: order.about, audience: [], of: order.ticket, settings };
  const memories = (await deps.recall?.({ ...about, ...(order.paths && { paths: [...order.paths] }) })) ?? [];
  const shut = order.places.length - open.length;
  const others = shut === 0 ? [] : [`${shut} more, of which nothing is given here; the tools read them`];
  const of = (part: keyof Looked) => [...looked.map((one) => one[part]), ...others].join('\n\n') || 'no source';
  const { text, given } = fitLayers(
    {
      changed: of('changed'),
      annotations: of('rules'),
      outline: of('outline'),
      // Headings of its own are below those of the layers.
      runbooks: ((await deps.documents?.(order.about)) ?? 'none are configured').replace(/^#{1,2} /gm, '### '),
      memory: memoryLayer(memories),
      status: await statusLayer(deps, settings, order.about, places),
    },
    TITLES,
  );
  return { text: asShown(text), layers: given, memories: memories.map(givenMemory) };
}

/** Behind what the brief says; what was given is kept with the run. */
export function withLayers(
  { items, record }: { items: Item[]; record: BriefRecord },
  { text, layers, memories }: TicketContext,
): { items: Item[]; record: BriefRecord } {
  const last = items.at(-1);
  const more = { ...last, content: `${String(last?.content ?? '')}\n\n${text}` };
  return { items: [...items.slice(0, -1), more], record: { ...record, layers, ...(memories && { memories }) } };
}

/** A repository with readers of its own is read with the tools alone. */
export const isForEveryone = ({ support }: Settings, name: string): boolean =>
  !Object.entries(support.repositories).some(([one, { readers }]) => codeName(one) === name && readers !== undefined);

type Looked = { changed: string; rules: string; outline: string };

async function lookInto(
  deps: TicketContextDeps,
  settings: Settings,
  { name, commit }: Place,
  { about, paths = [] }: TicketContextOrder,
): Promise<Looked> {
  const mirror = join(deps.dataDir, 'git', `${name}.git`);
  const code = codeOf(settings, name);
  // Another host may have looked it up.
  if (code !== undefined) await ensureCommit(deps, mirror, code.repository, commit);
  const sources = createSources(deps, mirror);
  const releases = name in settings.forks ? await listReleases(deps.db, { fork: name, limit: MOST_RELEASES }) : [];
  const past = releases.map(({ id, ref, outcome }) => `release ${id} of ${ref}: ${outcome?.kind ?? 'goes on'}`);
  const history = (await sources.history(commit, '')).split('\n', 5);
  const words = codeWords(about);
  const spoken = paths.length > 0 ? paths : filesThatSpeak(await sources.matches(commit, words), words);
  return {
    changed: [`### ${name}, newest first`, ...history, ...past].join('\n'),
    rules: await rulesOf(sources, name, commit),
    outline: await outlineLines(sources, { name, commit, paths: spoken }),
  };
}

async function rulesOf(sources: Sources, name: string, commit: string): Promise<string> {
  const owners = await Promise.all(OWNER_FILES.map((file) => sources.read(commit, file)));
  const owned = owners.find((text) => text !== undefined)?.slice(0, OWNERS) ?? 'no file names any';
  const rules = (await sources.read(commit, 'AGENTS.md'))?.slice(0, RULES) ?? 'there is none';
  return `### AGENTS.md of ${name}\n${rules}\n### Owners in ${name} (CODEOWNERS)\n${owned}`;
}

async function outlineLines(
  sources: Sources,
  { name, commit, paths }: { name: string; commit: string; paths: readonly string[] },
): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    const text = await sources.read(commit, path);
    if (text === undefined) continue;
    parts.push(
      isSource(path) ? outlineText(path, outlineOf(path, text)) : `${path} (${text.split('\n').length} lines)`,
    );
  }
  return [`### ${name}`, ...(parts.length === 0 ? ['no file that its words lead to'] : parts)].join('\n');
}

/** Those that are named, then those that the places are rolled out to; of the others their names. */
async function statusLayer(
  deps: TicketContextDeps,
  settings: Settings,
  about: string,
  places: readonly string[],
): Promise<string> {
  const all = Object.keys(settings.environments);
  const named = environmentsNamed(about, all);
  const rolled = places.flatMap((name) => settings.forks[name]?.release.environments ?? []);
  const chosen = [...new Set([...named, ...rolled])].slice(0, MOST_ENVIRONMENTS);
  const parts = await Promise.all(chosen.map((name) => environmentPart(deps, settings, name)));
  const others = all.filter((name) => !chosen.includes(name)).map((name) => oneLine(name, 100));
  const rest = others.length === 0 ? [] : [`Not looked at here: ${others.join(', ')}`];
  return [...parts, ...rest].join('\n\n') || 'there is no environment';
}
