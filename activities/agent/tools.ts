import { armsOf } from '../../decisions/agent-roles.ts';
import { quoteProblems } from '../../decisions/diagnosis.ts';
import { hiddenWords } from '../../lib/hidden-characters.ts';
import { plainText } from '../../lib/plain-text.ts';
import { redact } from '../../lib/redact.ts';
import type { AgentOrder, AgentSubject, Arm, Diagnosis, Quote } from '../../workflows/agent-types.ts';
import type { Source } from '../../workflows/types.ts';
import type { Resource } from '../health/live-status.ts';
import type { Evidence } from './evidence.ts';
import type { RepairWorld } from './repair-tools.ts';
import { repairTool } from './repair-tools.ts';
import { keptReview } from './review.ts';
import type { Sources } from './sources.ts';
import { type Input, readCall, type ToolName } from './tool-inputs.ts';

/**
 * What a tool answered. `accepted`: the answer of the whole run. `refused`: an answer that code found wanting.
 * `tree`: what the files are now. `trial`: to be built and tried.
 */
export type Used = {
  text: string;
  accepted?: string;
  /** Of an accepted change: tests that it adds or touches. */
  tests?: string[];
  refused?: boolean;
  tree?: string;
  trial?: Source;
};

export type ToolWorld = {
  sources: Sources;
  evidence: Evidence;
  /** The whole of what an earlier call of this run was answered. */
  whole: (call: string) => Promise<string | undefined>;
  /** A body or a reference of a skill that the brief named, or why not. */
  skill: (name: string, file: string) => Promise<string>;
  /** Environments of the fork, and how one stands now. */
  environments: readonly string[];
  status?: (environment: string, resource?: Resource) => Promise<string>;
  /** What everyone may read of documents, or of past releases of the fork. */
  lookUp?: (where: Input<'look_up'>['in'], what: string) => Promise<string>;
  /** The change that is reviewed. */
  patch?: () => Promise<string>;
  /** Only where files are changed. */
  repair?: RepairWorld;
};

/**
 * Makes one call of the model's. None of these has an effect outside of the store and the run's own files; what is the
 * fork's runs in the sandbox or not at all. A call that is wrong is news for the model, never an error of ours.
 */
export async function applyTool(world: ToolWorld, order: AgentOrder, name: string, given: string): Promise<Used> {
  const call = readCall(order.role, world.environments, { name, given });
  if (typeof call === 'string') return { text: call };
  return use(world, order, call.name, call.input);
}

/** What the model gets to see of a text. */
export const asShown = (text: string) => redact(plainText(text, Number.POSITIVE_INFINITY));

async function use(world: ToolWorld, order: AgentOrder, name: ToolName, input: never): Promise<Used> {
  const { subject } = order;
  switch (name) {
    case 'read_file':
      return { text: await readLines(world, order, input) };
    case 'search': {
      const { arm, pattern, under }: Input<'search'> = input;
      const at = commitOf(world, subject, arm);
      return { text: at === undefined ? noArm(order, arm) : (await world.sources.search(at, pattern, under)).text };
    }
    case 'list_files': {
      const { arm, under }: Input<'list_files'> = input;
      const at = commitOf(world, subject, arm);
      return { text: at === undefined ? noArm(order, arm) : await world.sources.list(at, under) };
    }
    case 'compare':
      return { text: await compare(world, order, input) };
    case 'show_patch':
      return { text: await world.sources.showPatch(subject, (input as Input<'show_patch'>).commit) };
    case 'evidence':
      return { text: await world.evidence.read(subject, (input as Input<'evidence'>).what) };
    case 'status': {
      const { environment, resource }: Input<'status'> = input;
      return { text: await statusText(world, environment, resource) };
    }
    case 'look_up': {
      const { in: where, what }: Input<'look_up'> = input;
      return { text: (await world.lookUp?.(where, what)) ?? 'nothing can be looked up here' };
    }
    case 'read_skill': {
      const { name: skill, file }: Input<'read_skill'> = input;
      return { text: await world.skill(skill, file) };
    }
    case 'read_on': {
      const { call, from }: Input<'read_on'> = input;
      const text = await world.whole(call);
      return {
        text: text === undefined ? 'no earlier call of yours has this id' : text.slice(from, from + 12_000),
      };
    }
    case 'answer':
      return checkAnswer(world, subject, input);
    case 'review':
      return {
        text: 'taken',
        accepted: JSON.stringify(keptReview(order.role, input, (await world.patch?.()) ?? '')),
      };
    default:
      if (world.repair === undefined) throw new Error(`${name} needs a workspace, and this run has none`);
      return repairTool(world.repair, order, name, input);
  }
}

async function statusText({ environments, status }: ToolWorld, environment: string, resource?: Resource) {
  if (!environments.includes(environment) || status === undefined)
    return `there is no environment "${environment}" here; there are: ${environments.join(', ')}`;
  return status(environment, resource);
}

const noArm = ({ role, subject }: AgentOrder, arm: Arm) =>
  `there is no arm "${arm}" here; there are: ${armsOf(role, subject).join(', ')}`;

function commitOf({ repair }: Pick<ToolWorld, 'repair'>, subject: AgentSubject, arm: Arm): string | undefined {
  switch (arm) {
    case 'mine':
      return repair?.tree;
    case 'old_base':
      return subject.old?.base;
    case 'old_patched':
      return subject.old?.patched;
    default:
      return subject[arm];
  }
}

const ARM_WORDS: Record<Arm, string> = {
  candidate: 'the candidate',
  base: 'the base',
  mine: 'your files',
  old_base: 'the old base',
  old_patched: 'the patch on its old base',
};

async function readLines(world: ToolWorld, order: AgentOrder, input: Input<'read_file'>): Promise<string> {
  const { arm, path, from, lines } = input;
  const at = commitOf(world, order.subject, arm);
  if (at === undefined) return noArm(order, arm);
  const text = await world.sources.read(at, path);
  if (text === undefined) return `${path} does not exist in ${ARM_WORDS[arm]}`;
  return linesText(path, text, { from, lines });
}

/** Lines of a file with their numbers; and what of it nobody sees in plain text. */
export function linesText(path: string, text: string, { from, lines }: { from: number; lines: number }): string {
  const all = text.split('\n');
  const shown = all.slice(from - 1, from - 1 + lines).map((line, i) => `${from + i}\t${line}`);
  const hidden = hiddenWords(text);
  return `${path} (${all.length} lines${hidden === '' ? '' : `; ${hidden}`})\n${shown.join('\n')}`;
}

async function compare(world: ToolWorld, order: AgentOrder, { from, to, path }: Input<'compare'>): Promise<string> {
  const [before, after] = [commitOf(world, order.subject, from), commitOf(world, order.subject, to)];
  if (before === undefined) return noArm(order, from);
  if (after === undefined) return noArm(order, to);
  const said = await world.sources.compare(before, after, path);
  return said === '' ? `${path} is the same in ${ARM_WORDS[from]} and in ${ARM_WORDS[to]}` : said;
}

async function checkAnswer(world: ToolWorld, subject: AgentSubject, diagnosis: Diagnosis): Promise<Used> {
  const texts = new Map<string, string[] | undefined>();
  for (const { where, file = '' } of diagnosis.quotes) {
    const key = `${where}\0${file}`;
    if (texts.has(key)) continue;
    const text = await quoted(world, subject, where, file);
    // As it was shown: what was redacted for the model cannot be quoted otherwise.
    texts.set(key, text === undefined ? undefined : asShown(text).split('\n'));
  }
  const problems = quoteProblems(diagnosis, ({ where, file = '' }) => texts.get(`${where}\0${file}`));
  if (problems.length === 0) return { text: 'taken', accepted: JSON.stringify(diagnosis) };
  return { text: `not taken: ${problems.join('; ')}`, refused: true };
}

async function quoted(world: ToolWorld, subject: AgentSubject, where: Quote['where'], file: string) {
  if (where === 'log') return world.evidence.read(subject, 'log');
  const at = commitOf(world, subject, where);
  return at === undefined ? undefined : world.sources.read(at, file);
}
