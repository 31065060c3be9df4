import type { RunningUp } from './supervisor.ts';

// One Ctrl-C reaches us twice when npm or the shim passes on what the terminal sent to all of us.
const SAME_PRESS_MS = 400;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Starts an `up`, does `work` with it, and stops it: when the work is done, when it fails, or
 * on the first Ctrl-C. A second Ctrl-C kills everything. Work that is to go on until the user
 * stops it awaits the signal. Returns what the work returned, undefined when interrupted.
 */
export async function untilInterrupted<T>(
  start: (interrupted: AbortSignal) => Promise<RunningUp>,
  work: (running: RunningUp, interrupted: AbortSignal) => Promise<T>,
  say: (line: string) => void,
): Promise<T | undefined> {
  const interruption = new AbortController();
  let running: RunningUp | undefined;
  let first = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    if (first === 0) {
      first = Date.now();
      say(`${signal}: stopping (once more to kill)`);
      interruption.abort();
    } else if (Date.now() - first > SAME_PRESS_MS) {
      say(`${signal}: killed`);
      running?.kill();
      process.exit(130);
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // A terminal that was closed takes no more lines: no reason to fall over before everything is stopped.
  process.stderr.on('error', onBrokenPipe);
  try {
    running = await start(interruption.signal);
    return await unlessInterrupted(work(running, interruption.signal), interruption.signal);
  } catch (error) {
    if (interruption.signal.aborted) return undefined;
    throw error;
  } finally {
    await running?.stop();
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.stderr.off('error', onBrokenPipe);
  }
}

function onBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}

/** Resolves when the signal fires. */
export function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Work that does not listen is left behind: its processes are stopped under it, or are not ours to stop. */
async function unlessInterrupted<T>(work: Promise<T>, interrupted: AbortSignal): Promise<T | undefined> {
  return Promise.race([work, fired(interrupted).then(() => undefined)]);
}
