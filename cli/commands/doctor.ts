import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { findSecret, temporalFromEnvironment } from '../../config/env.ts';
import { diagnose, diagnosisLines, diagnosisStatus } from '../../setup/doctor.ts';
import { thisMachine } from '../../setup/machine.ts';
import { allParts, libraryParts } from '../../setup/parts.ts';
import { progressOnStderr } from '../../setup/progress.ts';
import { type Globals, settingsOf } from '../context.ts';
import { print } from '../output.ts';

/**
 * `patchwright doctor`: each part, found or missing, its version, what needs it and the command
 * that gets it. `fix` fetches what Patchwright can fetch by itself. Returns the exit status: 3
 * when something that is required is missing.
 */
export async function doctor(globals: Globals, options: { fix?: boolean } = {}): Promise<0 | 3> {
  const machine = thisMachine();
  const external = {
    temporalAddress: temporalFromEnvironment()?.address,
    databaseUrl: findSecret({ env: 'DATABASE_URL' }),
  };
  // Without a configuration there is nothing that names libraries; a wrong one is an error.
  const libraries = existsSync(resolve(globals.config)) ? settingsOf(globals).libraries : {};
  const parts = [...allParts(machine, external), ...libraryParts(libraries, machine)];
  const diagnosis = await diagnose(parts, progressOnStderr(), options);
  print(globals, diagnosis, diagnosisLines(diagnosis));
  return diagnosisStatus(diagnosis);
}
