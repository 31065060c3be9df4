import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { diagnose, diagnosisLines, diagnosisStatus } from '../../setup/doctor.ts';
import { thisMachine } from '../../setup/machine.ts';
import { libraryParts } from '../../setup/parts.ts';
import { progressOnStderr } from '../../setup/progress.ts';
import { type Globals, settingsOf } from '../context.ts';
import { partsHere } from '../ensure.ts';
import { print } from '../output.ts';

/**
 * `patchwright doctor`: each part, found or missing, its version, what needs it and the command
 * that gets it. `fix` fetches what Patchwright can fetch by itself. Returns the exit status: 3
 * when something that is required is missing.
 */
export async function doctor(globals: Globals, options: { fix?: boolean } = {}): Promise<0 | 3> {
  const machine = thisMachine();
  // Without a configuration there is nothing that names libraries; a wrong one is an error.
  const settings = existsSync(resolve(globals.config)) ? settingsOf(globals) : undefined;
  const parts = [...partsHere(settings, machine), ...libraryParts(settings?.libraries ?? {}, machine)];
  const diagnosis = await diagnose(parts, progressOnStderr(), options);
  print(globals, diagnosis, diagnosisLines(diagnosis));
  return diagnosisStatus(diagnosis);
}
