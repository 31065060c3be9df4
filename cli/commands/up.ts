import type { Settings } from '../../config/schema.ts';
import { startUp, type UpOptions } from '../../services/supervisor.ts';
import { fired, untilInterrupted } from '../../services/until-interrupted.ts';
import type { Progress } from '../../setup/progress.ts';

/** The roles of one machine; `agent` joins them with the sandbox. */
export const ROLES = ['workflow', 'activity', 'suite', 'inbound'] as const;

/** What runs here by default: nothing comes in where nobody can ask. */
export const rolesFor = ({ support }: Settings): string[] =>
  ROLES.filter((role) => role !== 'inbound' || support.slack !== undefined);

/** `patchwright up`: runs everything until Ctrl-C, `patchwright down` or SIGTERM. Returns the exit status. */
export async function up(options: Omit<UpOptions, 'interrupted'>): Promise<0> {
  const say: Progress = options.progress;
  await untilInterrupted(
    (interrupted) => startUp({ ...options, interrupted }),
    async (running, interrupted) => {
      say('patchwright', `up, on ${running.dataDir}; Ctrl-C stops it`);
      await fired(interrupted);
    },
    (line) => say('patchwright', line),
  );
  say('patchwright', 'stopped');
  return 0;
}
