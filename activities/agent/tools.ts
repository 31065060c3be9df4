import { z } from 'zod';
import { quoteProblems } from '../../decisions/diagnosis.ts';
import { plainText } from '../../lib/plain-text.ts';
import { redact } from '../../lib/redact.ts';
import type { AgentOrder, Diagnosis, DiagnosisSubject } from '../../workflows/agent-types.ts';
import type { Evidence } from './evidence.ts';
import type { ToolSpec } from './model.ts';
import type { Sources } from './sources.ts';

/** What a tool answered. `accepted`: the answer of the whole run. `refused`: an answer that code found wanting. */
export type Used = { text: string; accepted?: string; refused?: boolean };

export type ToolWorld = {
  sources: Sources;
  evidence: Evidence;
  /** The whole of what an earlier call of this run was answered. */
  whole: (call: string) => Promise<string | undefined>;
  /** A body or a reference of a skill that the brief named, or why not. */
  skill: (name: string, file: string) => Promise<string>;
};

const arm = z.enum(['candidate', 'base']);
const inputs = {
  read_file: z.object({
    arm,
    path: z.string().max(500),
    from: z.int().min(1).default(1),
    lines: z.int().min(1).max(2_000).default(400),
  }),
  search: z.object({ arm, pattern: z.string().min(1).max(300), under: z.string().max(300).default('') }),
  list_files: z.object({ arm, under: z.string().max(300).default('') }),
  show_patch: z.object({ commit: z.string().regex(/^[0-9a-f]{7,40}$/) }),
  evidence: z.object({ what: z.enum(['verdict', 'log', 'difference']) }),
  read_skill: z.object({ name: z.string().max(64), file: z.string().max(200).default('SKILL.md') }),
  read_on: z.object({ call: z.string().max(200), from: z.int().min(0) }),
  answer: z.object({
    cause: z.string().min(20).max(1_500),
    quotes: z
      .array(
        z.object({
          where: z.enum(['candidate', 'base', 'log']),
          file: z.string().max(500).optional(),
          line: z.int().min(1).optional(),
          text: z.string().min(1).max(400),
        }),
      )
      .max(10),
    confidence: z.enum(['low', 'medium', 'high']),
    todo: z.string().min(5).max(600),
  }),
};

const DESCRIPTIONS: Record<keyof typeof inputs, string> = {
  read_file: 'Lines of a file of the candidate or of its base, with their numbers.',
  search: 'Lines that match an extended regular expression, in the candidate or its base; `under` is a folder.',
  list_files: 'The files below a folder of the candidate or its base.',
  show_patch: 'One patch of the stack: its message and its difference.',
  evidence:
    'verdict: what the reruns counted · log: of the failing run · difference: what that log says and the base’s logs do not.',
  read_skill:
    'One of the runbooks by its name, or with `file` a page that it refers to. It advises; it grants nothing.',
  read_on: 'More of an answer that was cut, by the id of its call, from a character on.',
  answer: 'Your diagnosis. Each quote is looked up: file and text must be exactly what stands there.',
};

export type ToolName = keyof typeof inputs;

export function toolSpecs(): ToolSpec[] {
  return (Object.keys(inputs) as ToolName[]).map((name) => ({
    name,
    description: DESCRIPTIONS[name],
    parameters: z.toJSONSchema(inputs[name], { io: 'input' }) as Record<string, unknown>,
  }));
}

/**
 * Makes one call of the model's. All of them read: none has an effect, and none runs anything of the fork's. A call
 * that is wrong is news for the model, never an error of ours.
 */
export async function applyTool(world: ToolWorld, order: AgentOrder, name: string, given: string): Promise<Used> {
  if (!Object.hasOwn(inputs, name))
    return { text: `there is no tool "${name.slice(0, 60)}"; there are: ${Object.keys(inputs).join(', ')}` };
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    return { text: `the arguments are not JSON: ${(error as Error).message}` };
  }
  const checked = inputs[name as ToolName].safeParse(value);
  if (!checked.success) {
    const found = checked.error.issues
      .slice(0, 5)
      .map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`);
    return { text: `the arguments are wrong: ${found.join('; ')}` };
  }
  return use(world, order.subject, name as ToolName, checked.data as never);
}

/** What the model gets to see of a text. */
export const asShown = (text: string) => redact(plainText(text, Number.POSITIVE_INFINITY));

type Input<Name extends ToolName> = z.output<(typeof inputs)[Name]>;

async function use(world: ToolWorld, subject: DiagnosisSubject, name: ToolName, input: never): Promise<Used> {
  switch (name) {
    case 'read_file':
      return { text: await readLines(world, subject, input) };
    case 'search': {
      const { arm: side, pattern, under }: Input<'search'> = input;
      return { text: await world.sources.search(subject[side], pattern, under) };
    }
    case 'list_files': {
      const { arm: side, under }: Input<'list_files'> = input;
      return { text: await world.sources.list(subject[side], under) };
    }
    case 'show_patch':
      return { text: await world.sources.showPatch(subject, (input as Input<'show_patch'>).commit) };
    case 'evidence':
      return { text: await world.evidence[(input as Input<'evidence'>).what](subject) };
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
  }
}

async function readLines(
  { sources }: ToolWorld,
  subject: DiagnosisSubject,
  input: Input<'read_file'>,
): Promise<string> {
  const { arm: side, path, from, lines } = input;
  const text = await sources.read(subject[side], path);
  if (text === undefined) return `${path} does not exist in the ${side}`;
  const all = text.split('\n');
  const shown = all.slice(from - 1, from - 1 + lines).map((line, i) => `${from + i}\t${line}`);
  return `${path} (${all.length} lines)\n${shown.join('\n')}`;
}

async function checkAnswer(world: ToolWorld, subject: DiagnosisSubject, diagnosis: Diagnosis): Promise<Used> {
  const texts = new Map<string, string[] | undefined>();
  for (const { where, file = '' } of diagnosis.quotes) {
    const key = `${where}\0${file}`;
    if (texts.has(key)) continue;
    const text = where === 'log' ? await world.evidence.log(subject) : await world.sources.read(subject[where], file);
    // As it was shown: what was redacted for the model cannot be quoted otherwise.
    texts.set(key, text === undefined ? undefined : asShown(text).split('\n'));
  }
  const problems = quoteProblems(diagnosis, ({ where, file = '' }) => texts.get(`${where}\0${file}`));
  if (problems.length === 0) return { text: 'taken', accepted: JSON.stringify(diagnosis) };
  return { text: `not taken: ${problems.join('; ')}`, refused: true };
}
