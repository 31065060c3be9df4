import { z } from 'zod';
import type { CommandSettings, CommandsSettings } from '../../config/command-driver.ts';
import type { Redactor } from '../../lib/redact.ts';
import type { ReadBack } from '../../workflows/types.ts';
import { lastLine, runOwnCommand } from './own-command.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'a sha256 in lower-case hexadecimal');
const artifacts = z.array(z.strictObject({ name: z.string().min(1), sha256: digest }));
const readBackSchema = z.strictObject({ artifacts, commit: z.string() });
const factsSchema = z
  .strictObject({
    running: z.boolean(),
    /** It runs and serves; without it whatever runs is ready. */
    ready: z.boolean().optional(),
    /** Changes with every start: a pid with its start time, a systemd invocation, a container's id. */
    restartToken: z.string().min(1).optional(),
    /** How it ended last, where the target knows. */
    exitCode: z.int().optional(),
    version: z.string().optional(),
    /** As in readBack, hashed now: then one command tells all, and readBack is run only where the commit counts. */
    artifacts: artifacts.optional(),
  })
  .refine(({ running, restartToken }) => !running || restartToken !== undefined, {
    path: ['restartToken'],
    message: 'needed while it runs: without it nobody can tell one start from another',
  });
export type CommandFacts = z.output<typeof factsSchema>;

export type CommandContext = {
  values: {
    target: string;
    host: string;
    artifact?: string;
    file?: string;
    sha256?: string;
    version?: string;
    commit?: string;
  };
  cwd: string;
  env: Readonly<Record<string, string>>;
  redact: Redactor;
};

type Step = Exclude<keyof CommandsSettings, 'kind'>;

/** Runs one step of the driver to its end and gives what it printed (own-command.ts). */
export function runStep(step: Step, settings: CommandSettings, context: CommandContext): Promise<string> {
  return runOwnCommand(labelOf(step, context), settings, context);
}

/** What is on the target's disk and which commit runs there, as the user's command says it. */
export async function readBackByCommand(settings: CommandSettings, context: CommandContext): Promise<ReadBack> {
  return parse('readBack', readBackSchema, await runStep('readBack', settings, context), context);
}

/** Whether the target runs, as the user's command says it. */
export async function factsByCommand(settings: CommandSettings, context: CommandContext): Promise<CommandFacts> {
  return parse('facts', factsSchema, await runStep('facts', settings, context), context);
}

function parse<T>(step: Step, schema: z.ZodType<T>, stdout: string, context: CommandContext): T {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    throw new Error(explain(step, `printed no JSON; last line: ${lastLine(stdout, context.redact)}`, context));
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new Error(explain(step, `printed JSON of another shape: ${context.redact(issues)}`, context));
}

const labelOf = (step: Step, { values }: CommandContext) => `${values.target}: the ${step} command`;

function explain(step: Step, text: string, context: CommandContext): string {
  return `${labelOf(step, context)} ${text}`;
}
