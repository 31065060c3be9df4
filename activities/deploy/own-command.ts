import { spawn } from 'node:child_process';
import type { CommandSettings } from '../../config/command-driver.ts';
import type { Redactor } from '../../lib/redact.ts';

const KEPT_BYTES = 1 << 20;
const LAST_LINE_CHARACTERS = 300;

export type OwnCommandContext = {
  /** What stands for the placeholders; one without a value stays as it is written. */
  values: Readonly<Partial<Record<string, string>>>;
  cwd: string;
  env: Readonly<Record<string, string>>;
  redact: Redactor;
};

/**
 * Runs one of the user's commands to its end and gives what it printed. Whether it may be repeated is the
 * command's own promise: docs/drivers.md asks for it. At its time limit its whole process group is killed.
 *
 * @param label which one, for an error: "east: the stop command"
 * @throws with the label, exit code and the last line printed, redacted and cut
 */
export function runOwnCommand(
  label: string,
  settings: CommandSettings,
  { values, cwd, env, redact }: OwnCommandContext,
): Promise<string> {
  const [program = '', ...args] = settings.run.map((argument) => fill(argument, values));
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it started ends with it.
    const child = spawn(program, args, { cwd, env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
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
      reject(new Error(`${label} cannot be run: ${error.message}`));
    });
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (!ended && exitCode === 0) return resolve(stdout);
      const how = ended ?? (exitCode === null ? `was ended by ${signal}` : `exited with ${exitCode}`);
      reject(new Error(`${label} ${how}; last line: ${lastLine(printed, redact)}`));
    });
  });
}

/** One pass, so that a value which itself holds braces is never filled again. */
function fill(argument: string, values: OwnCommandContext['values']): string {
  return argument.replace(/\{([A-Za-z][A-Za-z0-9]*)\}/g, (whole, word: string) => values[word] ?? whole);
}

export function lastLine(text: string, redact: Redactor): string {
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
