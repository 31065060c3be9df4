import type { Settings } from '../../config/schema.ts';
import { startUp, type UpOptions } from '../../services/supervisor.ts';
import { fired, untilInterrupted } from '../../services/until-interrupted.ts';
import type { Progress } from '../../setup/progress.ts';

export const ROLES = ['workflow', 'activity', 'suite', 'agent', 'inbound'] as const;

/**
 * What one machine runs by default: agents' commands only where there is a model that could ask for one, and nothing
 * that listens where nobody can ask.
 */
export const rolesFor = ({ model, support }: Pick<Settings, 'model' | 'support'>): string[] =>
  ROLES.filter(
    (role) => (role !== 'agent' || model !== undefined) && (role !== 'inbound' || support.slack !== undefined),
  );

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
