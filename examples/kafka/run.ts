import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export type RunOptions = {
  cwd?: string;
  /** Written to the command's standard input. */
  input?: string | Iterable<string | Buffer>;
};

/**
 * Runs one command without a shell and returns its standard output. A command that cannot be started or
 * ends with anything but 0 is an error that carries the end of what it said.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(command, args, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
    child.once('close', resolve);
  });
  const written = pipeline(Readable.from(inputOf(options)), child.stdin).catch((error: NodeJS.ErrnoException) => {
    // A command that ends before it has read everything breaks the pipe; its exit status says why.
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
  const [exitCode] = await Promise.all([ended, written]);
  const stdout = Buffer.concat(out).toString('utf8');
  if (exitCode === 0) return stdout;
  const said = `${Buffer.concat(err).toString('utf8')}\n${stdout}`.trim().split('\n').slice(-12).join('\n');
  throw new Error(`${command} ${args.join(' ')} ended with ${exitCode}:\n${said}`);
}

function inputOf({ input }: RunOptions): Iterable<string | Buffer> {
  if (input === undefined) return [];
  return typeof input === 'string' ? [input] : input;
}
