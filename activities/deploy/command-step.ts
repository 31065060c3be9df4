import { spawn } from 'node:child_process';
import { z } from 'zod';
import type { CommandSettings, CommandsSettings } from '../../config/command-driver.ts';
import type { Redactor } from '../../lib/redact.ts';
import type { ReadBack } from '../../workflows/types.ts';

const KEPT_BYTES = 1 << 20;
const LAST_LINE_CHARACTERS = 300;

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

/**
 * Runs one of the user's commands to its end and gives what it printed. Whether it may be repeated is the
 * command's own promise: docs/drivers.md asks for it. At its time limit its whole process group is killed.
 *
 * @throws naming target, step, exit code and the last line printed, redacted and cut
 */
export function runStep(step: Step, settings: CommandSettings, context: CommandContext): Promise<string> {
  const [program = '', ...args] = settings.run.map((argument) => fill(argument, context.values));
  const said = (text: string) => explain(step, text, context);
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it started ends with it.
    const child = spawn(program, args, {
      cwd: context.cwd,
      env: { ...context.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let stdout = '';
    let printed = '';
    let ended: string | undefined;
    const end = (why: string) => {
      ended ??= why;
      killGroup(child.pid);
    };
    const timer = setTimeout(() => end(`ran out of its ${settings.timeoutSeconds} s`), settings.timeoutSeconds * 1000);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      printed = (printed + text).slice(-KEPT_BYTES);
      if (stdout.length > KEPT_BYTES) end(`printed more than ${KEPT_BYTES} characters`);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-KEPT_BYTES);
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(said(`cannot be run: ${error.message}`)));
    });
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (!ended && exitCode === 0) return resolve(stdout);
      const how = ended ?? (exitCode === null ? `was ended by ${signal}` : `exited with ${exitCode}`);
      reject(new Error(said(`${how}; last line: ${lastLine(printed, context.redact)}`)));
    });
  });
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

/** One pass, so that a value which itself holds braces is never filled again. */
function fill(argument: string, values: CommandContext['values']): string {
  return argument.replace(/\{([A-Za-z][A-Za-z0-9]*)\}/g, (whole, word: keyof typeof values) => values[word] ?? whole);
}

function explain(step: Step, text: string, { values }: CommandContext): string {
  return `${values.target}: the ${step} command ${text}`;
}

function lastLine(text: string, redact: Redactor): string {
  const line = redact(text).trimEnd().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '(nothing was printed)' : line.slice(0, LAST_LINE_CHARACTERS);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // Gone already: that is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
