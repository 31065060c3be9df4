import { spawn } from 'node:child_process';

export type RunResult = { exitCode: number; stdout: string; stderr: string };

export type RunCommand = (
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string>; timeoutMs?: number; maxBytes?: number; signal?: AbortSignal },
) => Promise<RunResult>;

/** It printed more than it may, and was ended. */
export class TooMuchOutput extends Error {
  override name = 'TooMuchOutput';
}

/**
 * Runs a short command to its end: an argument array, no shell, an environment of the caller's choice and
 * nothing else. A non-zero exit is a result, not an error.
 *
 * @throws when the command cannot be started, runs out of time, or prints more than `maxBytes` (16 MiB; `TooMuchOutput`).
 */
export const run: RunCommand = (command, args, options) =>
  new Promise((resolve, reject) => {
    const { cwd, env, timeoutMs = 120_000, maxBytes = 16 << 20, signal } = options;
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      signal,
    });
    const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let bytes = 0;
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) child.kill('SIGKILL');
        else chunks[name].push(chunk);
      });
    }
    child.on('error', (error) => reject(new Error(`${command} cannot be run: ${error.message}`)));
    child.on('close', (exitCode, killedBy) => {
      if (bytes > maxBytes)
        return reject(new TooMuchOutput(`${command} ${args[0] ?? ''} printed more than ${maxBytes} bytes`));
      if (exitCode === null)
        return reject(new Error(`${command} ${args[0] ?? ''} was ended by ${killedBy} (limit ${timeoutMs} ms)`));
      resolve({
        exitCode,
        stdout: Buffer.concat(chunks.stdout).toString('utf8'),
        stderr: Buffer.concat(chunks.stderr).toString('utf8'),
      });
    });
  });
