import type { WorkflowFailedError } from '@temporalio/client';
import { Command, CommanderError } from 'commander';
import { logLevel } from '../config/env.ts';
import { ConfigurationError } from '../config/load.ts';
import { ExitError } from '../lib/exit-error.ts';
import { setLogLevel } from '../lib/log.ts';
import type { Globals } from './context.ts';
import { groupsFor } from './groups.ts';

/** What a command returns is the exit status; what it throws is said in words (design, *Interfaces that hold*). */
export type Action = (globals: Globals) => Promise<number>;

/** Puts a command's own options together with the global ones and keeps its exit status. */
export type Register = (program: Command, run: (command: Command, action: Action) => Promise<void>) => void;

async function main(argv: readonly string[]): Promise<number> {
  setLogLevel(logLevel());
  let status = 0;
  const program = new Command('patchwright')
    .description('Builds, tests and rolls out the patched forks of a data platform. Nobody watches.')
    .option('--data <dir>', 'the data folder', '.patchwright')
    .option('--config <file>', 'the configuration', 'patchwright.yaml')
    .option('--json', 'one JSON document on standard output; logs go to standard error', false)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  const run = async (command: Command, action: Action) => {
    status = await action(command.optsWithGlobals() as Globals);
  };
  for (const { load } of groupsFor(argv)) (await load())(program, run);
  try {
    await program.parseAsync(argv as string[], { from: 'user' });
    return status;
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): number {
  // Commander has already said what was wrong with the words of the call, or shown the help asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ExitError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitStatus;
  }
  if (error instanceof ConfigurationError) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  const failed = rootOfFailure(error);
  if (failed !== undefined) {
    process.stderr.write(`${failed}\n`);
    return 4;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 4;
}

/** What went wrong at the bottom of a workflow that failed; the layers above it only say that it did. */
function rootOfFailure(error: unknown): string | undefined {
  // By its name: the client is loaded by those commands alone that speak with Temporal.
  if (!isWorkflowFailure(error)) return undefined;
  let at: Error = error;
  while (at.cause instanceof Error) at = at.cause;
  return at.message;
}

const isWorkflowFailure = (error: unknown): error is WorkflowFailedError =>
  error instanceof Error && error.name === 'WorkflowFailedError';

process.exitCode = await main(process.argv.slice(2));
