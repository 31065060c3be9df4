import { findSecret, temporalFromEnvironment } from '../config/env.ts';
import type { Settings } from '../config/schema.ts';
import { resolveLibrary } from '../setup/libraries.ts';
import { thisMachine } from '../setup/machine.ts';
import type { Part } from '../setup/part.ts';
import { allParts } from '../setup/parts.ts';
import type { Progress } from '../setup/progress.ts';

/** The parts of this machine, with what the user's own servers replace. */
export function partsHere(interrupted?: AbortSignal): Part[] {
  return allParts(thisMachine(interrupted), {
    temporalAddress: temporalFromEnvironment()?.address,
    databaseUrl: findSecret({ env: 'DATABASE_URL' }),
  });
}

/**
 * Everything that the configuration needs on this machine: tools, servers, libraries. What is there is only
 * looked at, so that a second start is quick; what was interrupted carries on.
 *
 * @throws ExitError 3 naming what is missing and the command that gets it.
 */
export async function ensureEverything(
  settings: Settings,
  progress: Progress,
  interrupted?: AbortSignal,
): Promise<void> {
  for (const part of partsHere(interrupted)) {
    if (part.required) await part.ensure(progress);
  }
  const machine = thisMachine(interrupted);
  for (const library of Object.values(settings.libraries)) await resolveLibrary(library, machine, progress);
}
