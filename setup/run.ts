import { spawn } from 'node:child_process';
import { dieWithParent } from '../lib/die-with-parent.ts';

export interface RunOptions {
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  /** For the error: "cannot WHAT". */
  what: string;
  /** True: an exit code other than 0, or a missing command, is an answer and not an error. */
  mayFail?: boolean;
  /** Told each line of output as it comes. */
  onLine?: (line: string) => void;
  /** Ends the command when it fires. */
  signal?: AbortSignal | undefined;
}

/** Runs a command to its end. Throws with the end of its output when it fails. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  { cwd, env, what, mayFail = false, onLine, signal }: RunOptions,
): Promise<{ exitCode: number; stdout: string; output: string }> {
  // An interrupted set-up leaves no build running on its own.
  const [program = '', ...rest] = dieWithParent('TERM', [command, ...args]);
  const child = spawn(program, rest, { cwd, env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'], signal });
  let stdout = '';
  let output = '';
  let line = '';
  const take = (text: string) => {
    output = (output + text).slice(-200_000);
    if (!onLine) return;
    const lines = (line + text).split(/\r?\n/);
    line = lines.pop() ?? '';
    lines.forEach(onLine);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    take(text);
  });
  child.stderr.setEncoding('utf8').on('data', take);
  const exitCode = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(127);
    });
    child.once('close', (code, signal) => resolve(code ?? (signal ? 128 : 1)));
  });
  if (signal?.aborted) throw new Error(`interrupted: ${what}`);
  if (exitCode !== 0 && !mayFail) {
    const tail = output.trim().split('\n').slice(-12).join('\n');
    throw new Error(`cannot ${what}: ${[command, ...args].join(' ').slice(0, 300)} ended with ${exitCode}:\n${tail}`);
  }
  return { exitCode, stdout, output };
}
