import { z } from 'zod';
import type { Settings } from '../../config/schema.ts';
import { hiddenWords } from '../../lib/hidden-characters.ts';
import type { AgentOrder } from '../../workflows/agent-types.ts';
import type { ConfigFields, FixPlan, Place } from '../../workflows/fix-types.ts';
import type { FixKind } from '../fixes/kind.ts';
import type { LogOf, Resource } from '../health/live-status.ts';
import type { ToolSpec } from './request.ts';
import type { Sources } from './sources.ts';
import { resource } from './tool-inputs.ts';
import { asShown, linesText, type Used } from './tools.ts';

/** What an investigation looks at beside source. All of it is read now, and none of it has an effect. */
export type Looks = {
  /** Documents that everyone may read: what is found may be shown to whoever decides. */
  knowledge: (question: string) => Promise<string>;
  /** Whether a quote stands in a document's chunk. */
  stands: (chunk: string, quote: string) => Promise<boolean>;
  status: (settings: Settings, environment: string, resource?: Resource) => Promise<string>;
  /** What a node logged. */
  log: (settings: Settings, environment: string, of: LogOf) => Promise<string>;
  /** What failed in a release: the verdicts, or of one test its verdict, its log, or the log's difference. */
  evidence: (of: {
    release: string;
    what: 'verdict' | 'log' | 'difference';
    test?: string | undefined;
  }) => Promise<string>;
  /** The newest releases (of a fork, where one is given), or the thread of one. */
  releases: (release?: string, fork?: string) => Promise<string>;
};

export type Investigating = { kinds: FixKind[]; looks: Looks };

type World = Investigating & {
  settings: Settings;
  sources: (place: string) => Sources;
  whole: (call: string) => Promise<string | undefined>;
  /** A body or a page of a runbook that the brief named, or why not. */
  skill: (name: string, file: string) => Promise<string>;
  /** What this run's earlier calls of a tool were given and answered. */
  answers: (tool: string) => Promise<{ given: string; text: string }[]>;
};

const path = z.string().max(500);
const commit = z.string().regex(/^[0-9a-f]{7,40}$/);
/** Places that a plan may quote beside source. */
const BESIDE_SOURCE = ['knowledge', 'status', 'logs', 'releases', 'evidence', 'search'] as const;
const LOG_OF = z
  .object({ environment: z.string(), node: z.string() })
  .transform(({ environment, node }) => `${environment}/${node}`);
const EVIDENCE_OF = z.object({ release: z.string() }).transform(({ release }) => release);
/** All that is quoted of a search. */
const IN_VAIN = 'nothing matches';
const SEARCH_FORM = `of one that found nothing "${IN_VAIN}" is quoted; a line that one found, in its repository by its path`;
const STATUS_FORM = 'ENVIRONMENT, ENVIRONMENT/topic/NAME, ENVIRONMENT/broker/NAME or ENVIRONMENT/group/NAME';
const names = (all: readonly string[]) => z.enum(all.length > 0 ? (all as [string, ...string[]]) : ['none']);

/** The tools, with the names that this configuration has. */
function toolsOf(settings: Settings, kinds: readonly FixKind[], places: readonly Place[]) {
  const code = names(places.map(({ name }) => name));
  const able = kinds.filter((kind) => kind.targets(settings).length > 0);
  const targets = [...new Set(able.flatMap((kind) => kind.targets(settings)))];
  const fields = able.flatMap(({ fields: own }) => (own === undefined ? [] : [own.schema]));
  const quote = z.object({
    in: z.enum([...BESIDE_SOURCE, ...places.map(({ name }) => name)]),
    of: path.describe(
      `in a repository: a path · in knowledge: the id of a chunk · in status: ${STATUS_FORM} · in logs: ENVIRONMENT/NODE · in releases and evidence: a release · in search: the pattern: ${SEARCH_FORM}`,
    ),
    text: z.string().min(4).max(400),
  });
  const all = {
    read_file: z.object({
      ...{ in: code, path },
      from: z.int().min(1).default(1),
      lines: z.int().min(1).max(2_000).default(400),
    }),
    search: z.object({ in: code, pattern: z.string().min(1).max(300), under: z.string().max(300).default('') }),
    list_files: z.object({ in: code, under: z.string().max(300).default('') }),
    history: z.object({ in: code, path: z.string().max(500).default(''), commit: commit.optional() }),
    knowledge: z.object({ question: z.string().min(3).max(1_000) }),
    status: z.object({ environment: names(Object.keys(settings.environments)), resource: resource.optional() }),
    logs: z.object({
      environment: names(Object.keys(settings.environments)),
      node: z.string().min(1).max(100),
      containing: z.string().max(200).default(''),
    }),
    releases: z.object({ release: z.string().max(60).optional() }),
    evidence: z.object({
      release: z.string().min(1).max(60),
      what: z.enum(['verdict', 'log', 'difference']).default('verdict'),
      test: z.string().max(500).optional(),
    }),
    read_skill: z.object({ name: z.string().max(64), file: z.string().max(200).default('SKILL.md') }),
    read_on: z.object({ call: z.string().max(200), from: z.int().min(0) }),
    plan: z.object({
      kind: z.enum(['none', ...able.map(({ name }) => name)]),
      target: names(['', ...targets]),
      what: z.string().min(5).max(300),
      why: z.string().min(20).max(1_500),
      quotes: z.array(quote).max(8),
      ...(fields[0] !== undefined && { change: fields[0].optional() }),
    }),
  };
  const missing: string[] = [];
  if (places.length === 0) missing.push('read_file', 'search', 'list_files', 'history');
  if (Object.keys(settings.environments).length === 0) missing.push('status', 'logs');
  if (Object.keys(settings.forks).length === 0) missing.push('evidence');
  return Object.fromEntries(Object.entries(all).filter(([name]) => !missing.includes(name))) as typeof all;
}

type Tools = ReturnType<typeof toolsOf>;
type Plan = z.output<Tools['plan']> & { change?: ConfigFields };

const DESCRIPTIONS: Record<keyof Tools, string> = {
  read_file: 'Lines of a file of a repository, with their numbers.',
  search: 'Lines that match an extended regular expression; `under` is a folder.',
  list_files: 'The files below a folder.',
  history:
    'When a file, a folder or the whole was changed, newest first: commit, time, subject. With `commit` what that one changed.',
  knowledge: 'Documents and runbooks that everyone may read about a question, with the ids of their chunks.',
  status:
    'How an environment stands now, asked of itself: nodes, quorum, what is offline or not in sync, topics; with `resource` the configuration of a topic or broker, or how far a group is behind. Where it does not answer: what was last read, and when.',
  logs: 'Beginning and end of what a node of an environment logged; with `containing` only lines that have these words.',
  releases: 'The newest releases of the forks, or what was told in the thread of one.',
  evidence:
    'What failed in the suites of a release: a line for each test; with `test`, as it is named there, its verdict, the log of its failing run, or what that log says and the base’s logs do not.',
  read_skill:
    'One of the runbooks by its name, or with `file` a page that it refers to. It advises; it grants nothing.',
  read_on: 'More of an answer that was cut, by the id of its call, from a character on.',
  plan: 'What should be changed, and why. `change` only for a kind that has fields. `none` where nothing should be.',
};

export function investigationSpecs(
  settings: Settings,
  kinds: readonly FixKind[],
  places: readonly Place[],
): ToolSpec[] {
  const tools = toolsOf(settings, kinds, places);
  return (Object.keys(tools) as (keyof Tools)[]).map((name) => ({
    name,
    description: DESCRIPTIONS[name],
    parameters: z.toJSONSchema(tools[name], { io: 'input' }) as Record<string, unknown>,
  }));
}

/** Makes one call. It only reads; a call that is wrong is news for the model, never an error of ours. */
export async function investigate(world: World, order: AgentOrder, name: string, given: string): Promise<Used> {
  const places = order.subject.places ?? [];
  const tools = toolsOf(world.settings, world.kinds, places);
  if (!Object.hasOwn(tools, name)) return { text: `there is no tool "${name.slice(0, 60)}"` };
  const read = readArguments<unknown>(tools[name as keyof Tools], given);
  return 'problem' in read ? { text: read.problem } : use(world, places, name as keyof Tools, read.value as never);
}

function readArguments<T>(schema: z.ZodType<T>, given: string): { value: T } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    return { problem: `the arguments are not JSON: ${(error as Error).message}` };
  }
  const checked = schema.safeParse(value);
  if (checked.success) return { value: checked.data };
  const found = checked.error.issues
    .slice(0, 5)
    .map(({ path: at, message }) => `${at.join('.') || 'arguments'}: ${message}`);
  return { problem: `the arguments are wrong: ${found.join('; ')}` };
}

async function use(world: World, places: readonly Place[], name: keyof Tools, input: never): Promise<Used> {
  const { looks, settings } = world;
  switch (name) {
    case 'read_file': {
      const { in: place, path: file, from, lines }: z.output<Tools['read_file']> = input;
      const text = await textOf(world, places, place, file);
      if (text === undefined) return { text: `${file} does not exist in ${place}` };
      return { text: linesText(file, text, { from, lines }) };
    }
    case 'search': {
      const { in: place, pattern, under }: z.output<Tools['search']> = input;
      return { text: (await world.sources(place).search(commitOf(places, place), pattern, under)).text };
    }
    case 'list_files': {
      const { in: place, under }: z.output<Tools['list_files']> = input;
      return { text: await world.sources(place).list(commitOf(places, place), under) };
    }
    case 'history': {
      const { in: place, path: of, commit: one }: z.output<Tools['history']> = input;
      return { text: await world.sources(place).history(commitOf(places, place), of, one) };
    }
    case 'knowledge':
      return { text: await looks.knowledge((input as z.output<Tools['knowledge']>).question) };
    case 'status': {
      const { environment, resource: of }: z.output<Tools['status']> = input;
      return { text: await looks.status(settings, environment, of) };
    }
    case 'releases':
      return { text: await looks.releases((input as z.output<Tools['releases']>).release) };
    case 'logs': {
      const { environment, ...of }: z.output<Tools['logs']> = input;
      return { text: await looks.log(settings, environment, of) };
    }
    case 'evidence':
      return { text: await looks.evidence(input as z.output<Tools['evidence']>) };
    case 'read_skill': {
      const { name: skill, file }: z.output<Tools['read_skill']> = input;
      return { text: await world.skill(skill, file) };
    }
    case 'read_on': {
      const { call, from }: z.output<Tools['read_on']> = input;
      const text = await world.whole(call);
      return { text: text === undefined ? 'no earlier call of yours has this id' : text.slice(from, from + 12_000) };
    }
    case 'plan':
      return checkPlan(world, places, input);
  }
}

const commitOf = (places: readonly Place[], place: string) => places.find(({ name }) => name === place)?.commit ?? '';
const textOf = (world: World, places: readonly Place[], place: string, file: string) =>
  world.sources(place).read(commitOf(places, place), file);

/** A plan counts whose target is of its kind, whose fields are in order, and whose quotes are there. */
async function checkPlan(world: World, places: readonly Place[], plan: Plan): Promise<Used> {
  const { kind: name, target, what, why, change } = plan;
  if (name === 'none') return { text: 'taken', accepted: JSON.stringify({ kind: 'none', why }) };
  const kind = world.kinds.find((one) => one.name === name);
  const there = kind?.targets(world.settings) ?? [];
  const problems = there.includes(target) ? [] : [`${name} has no target "${target}"; there are: ${there.join(', ')}`];
  const fielded = kind?.fields !== undefined;
  if (fielded && change === undefined) problems.push(`${name} needs \`change\``);
  if (plan.quotes.length === 0) problems.push('it quotes nothing: quote what it rests on');
  for (const quote of plan.quotes) {
    const isSearch = quote.in === 'search';
    if (isSearch ? await isInVain(world, quote) : await stands(world, places, quote)) continue;
    const status = quote.in === 'status' && !isStatus(quote.of) ? ` (\`of\` is ${STATUS_FORM})` : '';
    const form = isSearch ? ` (${SEARCH_FORM})` : status;
    problems.push(`"${quote.text.slice(0, 120)}" does not stand in ${quote.of} of ${quote.in}${form}`);
  }
  if (problems.length > 0) return { text: `not taken: ${problems.join('; ')}`, refused: true };
  const quoted = plan.quotes.filter(({ in: where }) => places.some((place) => place.name === where));
  const rests = quoted.map(({ in: place, of: path }) => ({ place, path }));
  const planned: FixPlan = { kind: name as FixPlan['kind'], target, what, why, rests };
  const accepted: FixPlan = { ...planned, ...(fielded && change && { change }) };
  return { text: 'taken', accepted: JSON.stringify(accepted) };
}

type Quote = { in: string; of: string; text: string };

/**
 * Whether a search of this run found nothing, and the quote says so. A line that one found is of a file: only by its path
 * it is known who may read what rests on it.
 */
async function isInVain({ answers }: World, { of, text }: Quote): Promise<boolean> {
  const asked = z.object({ pattern: z.literal(of) });
  return (
    squeeze(text) === IN_VAIN &&
    (await answers('search')).some((one) => one.text === IN_VAIN && !('problem' in readArguments(asked, one.given)))
  );
}

/** What nobody sees in a file is quoted by the words that were shown of it. */
const withHeading = (text: string | undefined) => (text === undefined ? undefined : `${hiddenWords(text)}\n${text}`);

const isStatus = (of: string) => /^[^/]+(\/(topic|broker|group)\/.+)?$/.test(of);

async function stands(world: World, places: readonly Place[], { in: where, of, text }: Quote): Promise<boolean> {
  const { looks, settings } = world;
  const has = (source: string) => squeeze(source).includes(squeeze(text));
  if (where === 'knowledge') return looks.stands(of, text);
  if (where === 'logs' || where === 'evidence') return (await told(world, where, of)).some((one) => has(one));
  const [environment = '', type, ...rest] = of.split('/');
  const named = resource.safeParse({ type, name: rest.join('/') });
  const asked = named.success ? named.data : undefined;
  const known = Object.hasOwn(settings.environments, environment);
  if (where === 'status' && !known) return false;
  if (where === 'status' && (await statusTold(world, environment, asked)).some(has)) return true;
  const source =
    where === 'status'
      ? await looks.status(settings, environment, asked)
      : where === 'releases'
        ? await looks.releases(of)
        : withHeading(await textOf(world, places, where, of));
  // As it was shown: what was redacted for the model cannot be quoted otherwise.
  return source !== undefined && has(asShown(source));
}

/** What this run was told: a log that was turned over meanwhile is quoted all the same. */
const OF_CALL = { logs: LOG_OF, evidence: EVIDENCE_OF };

async function told({ answers }: World, tool: keyof typeof OF_CALL, of: string): Promise<string[]> {
  return (await answers(tool)).flatMap(({ given, text }) => {
    const call = readArguments<string>(OF_CALL[tool], given);
    return 'problem' in call || call.value !== of ? [] : [text];
  });
}

/** What this run was told of it: times and lags are others by now, and an honest quote of them still counts. */
async function statusTold(
  { settings, kinds, answers }: World,
  environment: string,
  asked: Resource | undefined,
): Promise<string[]> {
  const { status } = toolsOf(settings, kinds, []);
  return (await answers('status')).flatMap(({ given, text }) => {
    const call = readArguments(status, given);
    if ('problem' in call || call.value.environment !== environment) return [];
    const { type, name } = call.value.resource ?? {};
    return type === asked?.type && name === asked?.name ? [text] : [];
  });
}

const squeeze = (text: string) => text.replace(/\s+/g, ' ').trim();
