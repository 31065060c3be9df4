/** Asks for the sandbox of the machine as this process finds it, and tells what it heard. */
import { openSandbox, requireSandbox } from '../../activities/sandbox/open.ts';
import type { ExitError } from '../../lib/exit-error.ts';

const dataDir = process.argv[2] ?? '';
const heard = await openSandbox({ dataDir });
const required = await requireSandbox({ dataDir }).then(
  () => ({ ran: true }),
  (error: ExitError) => ({ ran: false, error: error.message, status: error.exitStatus }),
);
process.stdout.write(`${JSON.stringify({ ...heard, ...required })}\n`);
