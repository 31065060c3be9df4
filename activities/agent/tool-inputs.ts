import { z } from 'zod';
import type { AgentRole, Arm } from '../../workflows/agent-types.ts';
import type { ToolSpec } from './request.ts';

const ARMS = ['candidate', 'base', 'mine', 'old_base', 'old_patched'] as const satisfies readonly Arm[];
const side = z.enum(ARMS);
const path = z.string().max(500);

export const resource = z.object({ type: z.enum(['topic', 'broker', 'group']), name: z.string().min(1).max(249) });

/** What each tool takes: at most 13 of them for one agent, and no two for one job (design.md, *Agents*). */
export const inputs = {
  read_file: z.object({
    arm: side,
    path,
    from: z.int().min(1).default(1),
    lines: z.int().min(1).max(2_000).default(400),
  }),
  search: z.object({ arm: side, pattern: z.string().min(1).max(300), under: z.string().max(300).default('') }),
  list_files: z.object({ arm: side, under: z.string().max(300).default('') }),
  compare: z.object({ from: side, to: side, path: path.min(1) }),
  show_patch: z.object({ commit: z.string().regex(/^[0-9a-f]{7,40}$/) }),
  evidence: z.object({ what: z.enum(['verdict', 'log', 'difference']) }),
  status: z.object({ environment: z.string().max(100), resource: resource.optional() }),
  look_up: z.object({ in: z.enum(['docs', 'releases']), what: z.string().max(500).default('') }),
  read_skill: z.object({ name: z.string().max(64), file: z.string().max(200).default('SKILL.md') }),
  read_on: z.object({ call: z.string().max(200), from: z.int().min(0) }),
  edit_file: z.object({ path, old: z.string().max(60_000), new: z.string().max(60_000) }),
  shell: z.object({ command: z.string().min(1).max(8_000) }),
  run_tests: z.object({}),
  answer: z.object({
    cause: z.string().min(20).max(1_500),
    quotes: z
      .array(
        z.object({
          where: z.enum(['candidate', 'base', 'old_base', 'old_patched', 'log']),
          file: path.optional(),
          line: z.int().min(1).optional(),
          text: z.string().min(1).max(400),
        }),
      )
      .max(10),
    confidence: z.enum(['low', 'medium', 'high']),
    todo: z.string().min(5).max(600),
  }),
  propose: z.object({
    cause: z.string().min(20).max(1_500),
    change: z.string().min(10).max(1_500),
    risk: z.string().min(5).max(800),
  }),
  hand_in: z.object({
    change: z.string().min(10).max(1_500),
    risk: z.string().min(5).max(800),
    failingCase: z.string().min(1).max(500).optional(),
    failingTest: z
      .object({
        suite: z.string().min(1).max(100),
        test: z
          .string()
          .max(300)
          .regex(/^[\w$.:]+#[\w$]+(\([\w$., [\]]*\))?$/, 'class#method'),
      })
      .optional(),
  }),
  review: z.object({
    findings: z
      .array(
        z.object({
          severity: z.enum(['blocks', 'note']),
          file: path,
          line: z.string().min(1).max(600),
          problem: z.string().min(10).max(800),
        }),
      )
      .max(12),
    tried: z.array(z.string().min(3).max(300)).max(8).default([]),
    open: z.array(z.string().min(5).max(300)).max(8).default([]),
  }),
};

export type ToolName = keyof typeof inputs;
export type Input<Name extends ToolName> = z.output<(typeof inputs)[Name]>;

const DESCRIPTIONS: Record<ToolName, string> = {
  read_file: 'Lines of a file of one arm, with their numbers. Your instructions say what the arms are.',
  search: 'Lines that match an extended regular expression; `under` is a folder.',
  list_files: 'The files below a folder.',
  compare: 'How a file, or the files below a folder, differ from one arm to another, as git says it.',
  show_patch: 'One patch of the stack: its message and its difference.',
  evidence:
    'verdict: what the reruns counted · log: of the failing run, build or merge · difference: what that log says and the base’s logs do not.',
  status:
    'How an environment stands now, asked of itself: nodes, quorum, what is offline or not in sync, topics; with `resource` the configuration of a topic or broker, or how far a group is behind. Where it does not answer: what was last read, and when.',
  look_up:
    'docs: documents and runbooks that speak of `what`, in words · releases: the newest ones of this fork, or with the id of one as `what` what its thread was told.',
  read_skill:
    'One of the runbooks by its name, or with `file` a page that it refers to. It advises; it grants nothing.',
  read_on: 'More of an answer that was cut, by the id of its call, from a character on.',
  edit_file:
    'Puts `new` in the place of `old` in one of your files. `old` must stand there exactly once; it is empty for a new file.',
  shell:
    'Runs a shell command over your files, in a sandbox without network. What it changes in tracked or new files stays; what git ignores (build output) is gone afterwards.',
  run_tests:
    'Builds your files as the release would, in a clean room, and runs the tests that failed there. Takes minutes.',
  answer: 'Your diagnosis. Each quote is looked up: file and text must be exactly what stands there.',
  propose: 'Hands your files in as the repair. The change is what the files say; the words are for whoever reviews it.',
  hand_in:
    'Hands your files in as the fix. The change is what the files say; the words are for whoever decides on it. `failingCase`: where there can be one, a shell command that fails without your change and passes with it; it is run on both.',
  review:
    'Your findings, none where you have none. `line` is a line that the change adds or removes, exactly, with or without its sign; a finding without one is dropped. `tried`: what you tried to break it with, or searched for, in vain. `open`: questions that you could not answer. People read both beside the change; neither counts as a finding.',
};

const READING: ToolName[] = ['read_file', 'search', 'compare', 'show_patch', 'read_skill', 'read_on'];
/** Whoever has a shell lists files with it. */
const MAKING: ToolName[] = ['edit_file', 'shell', 'run_tests'];

/** Each role has what its job needs; `environments`: those that it may ask how they stand. */
export function toolsOf(role: AgentRole, environments: readonly string[]): ToolName[] {
  return ofRole(role).filter((name) => name !== 'status' || environments.length > 0);
}

function ofRole(role: AgentRole): ToolName[] {
  if (role === 'diagnose') return [...READING, 'list_files', 'evidence', 'status', 'look_up', 'answer'];
  if (role === 'patch') return [...READING, ...MAKING, 'hand_in'];
  if (role === 'repair') return [...READING, 'evidence', 'status', 'look_up', ...MAKING, 'propose'];
  return [...READING, 'list_files', 'review'];
}

/** What a run can read and ask: nothing else is offered to it. */
export type Reach = { arms: readonly Arm[]; environments: readonly string[] };

export function toolSpecs(role: AgentRole, reach: Reach): ToolSpec[] {
  const key = JSON.stringify([role, reach.arms, reach.environments]);
  const made = specs.get(key) ?? toolsOf(role, reach.environments).map((name) => specOf(name, reach));
  specs.set(key, made);
  return made;
}

/** Made once: every turn sends them. */
const specs = new Map<string, ToolSpec[]>();

function specOf(name: ToolName, { arms, environments }: Reach): ToolSpec {
  const there = name === 'status' ? ` There are: ${environments.join(', ')}.` : '';
  return { name, description: `${DESCRIPTIONS[name]}${there}`, parameters: parametersOf(name, arms) };
}

/** Without arms that the run does not have, and without what tells a model nothing. */
function parametersOf(name: ToolName, arms: readonly Arm[]): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(inputs[name], { io: 'input' }) as Record<string, unknown>;
  const text = JSON.stringify(schema, (key, value) => {
    if (key === 'enum') return (value as Arm[]).filter((one) => arms.includes(one) || !ARMS.includes(one));
    return key === 'maximum' && value > 1e15 ? undefined : value;
  });
  return JSON.parse(text);
}

/** The arguments of a call, or what is wrong with them: news for the model. */
export function readCall(
  role: AgentRole,
  environments: readonly string[],
  { name, given }: { name: string; given: string },
): { name: ToolName; input: never } | string {
  const there = toolsOf(role, environments);
  if (!there.includes(name as ToolName))
    return `there is no tool "${name.slice(0, 60)}"; there are: ${there.join(', ')}`;
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    return `the arguments are not JSON: ${(error as Error).message}`;
  }
  const checked = inputs[name as ToolName].safeParse(value);
  if (checked.success) return { name: name as ToolName, input: checked.data as never };
  const found = checked.error.issues
    .slice(0, 5)
    .map(({ path: at, message }) => `${at.join('.') || 'arguments'}: ${message}`);
  return `the arguments are wrong: ${found.join('; ')}`;
}
