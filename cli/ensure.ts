import { SANDBOX_PART } from '../activities/sandbox/part.ts';
import { findSecret, temporalFromEnvironment } from '../config/env.ts';
import type { Settings } from '../config/schema.ts';
import { resolveLibrary } from '../setup/libraries.ts';
import { type Machine, thisMachine } from '../setup/machine.ts';
import type { Part } from '../setup/part.ts';
import { allParts } from '../setup/parts.ts';
import type { Progress } from '../setup/progress.ts';

/** The parts of this machine, with what the user's own servers replace. */
export function partsHere(settings: Settings | undefined, machine: Machine): Part[] {
  const external = {
    temporalAddress: temporalFromEnvironment()?.address,
    databaseUrl: findSecret({ env: 'DATABASE_URL' }),
  };
  const forks = Object.values(settings?.forks ?? {});
  const sandboxed = forks.length === 0 || forks.some(({ sandbox }) => sandbox !== 'none');
  return allParts(machine, external, { sandboxed });
}

/**
 * Everything that the configuration needs on this machine: tools, servers, libraries. What is there is only
 * looked at, so that a second start is quick; what was interrupted carries on.
 *
 * `withoutSandbox`: where this machine has none, that is told, and everything else goes on: brakes and
 * environments must work all the same, and what needs the sandbox says so by itself.
 *
 * @throws ExitError 3 naming what is missing and the command that gets it.
 */
export async function ensureEverything(
  settings: Settings,
  progress: Progress,
  { withoutSandbox = false }: { withoutSandbox?: boolean } = {},
): Promise<void> {
  const machine = thisMachine();
  for (const part of partsHere(settings, machine)) {
    if (!part.required) continue;
    try {
      await part.ensure(progress);
    } catch (error) {
      if (part.name !== SANDBOX_PART || !withoutSandbox) throw error;
      progress(part.name, (error as Error).message);
    }
  }
  for (const library of Object.values(settings.libraries)) await resolveLibrary(library, machine, progress);
}
