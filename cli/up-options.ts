import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findSecret, processEnvironment, temporalFromEnvironment } from '../config/env.ts';
import type { Settings } from '../config/schema.ts';
import { ExitError } from '../lib/exit-error.ts';
import type { UpOptions } from '../services/supervisor.ts';
import { type Progress, progressOnStderr } from '../setup/progress.ts';
import { migrate } from '../store/migrate.ts';
import { ROLES, rolesFor } from './commands/up.ts';
import type { Globals } from './context.ts';
import { endDetachedWork } from './detached-work.ts';
import { ensureEverything } from './ensure.ts';

const WORKER = fileURLToPath(new URL('../worker.ts', import.meta.url));

/** What `up` and `start` hand to the supervisor, after everything that the configuration needs is there. */
export async function upOptions(
  globals: Globals,
  settings: Settings,
  roles: readonly string[] = rolesFor(settings),
  progress: Progress = progressOnStderr(),
  { withoutSandbox = false } = {},
): Promise<Omit<UpOptions, 'interrupted'>> {
  const unknown = roles.filter((role) => !(ROLES as readonly string[]).includes(role));
  if (unknown.length > 0) throw new ExitError(2, `no role "${unknown.join('", "')}"; there are: ${ROLES.join(', ')}`);
  await ensureEverything(settings, progress, { withoutSandbox });
  return {
    dataDir: resolve(globals.data),
    configFile: resolve(globals.config),
    roles,
    workerFile: WORKER,
    migrate: async (databaseUrl) => {
      await migrate(databaseUrl);
    },
    endDetachedWork,
    env: processEnvironment(),
    services: { external: { temporal: temporalFromEnvironment(), databaseUrl: findSecret({ env: 'DATABASE_URL' }) } },
    progress,
  };
}
