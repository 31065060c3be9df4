import { type Settings, settingsSchema } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import { readSettings } from '../store/releases.ts';
import type { Digest } from '../workflows/types.ts';
import { permanent } from './failures.ts';

/** Reads the settings that a release was started with, once a worker. What has a digest never changes. */
export function createSettingsReader(db: Db): (digest: Digest) => Promise<Settings> {
  const known = new Map<Digest, Settings>();
  return async (digest) => {
    const found = known.get(digest);
    if (found !== undefined) return found;
    const checked = settingsSchema.safeParse(await readSettings(db, digest));
    if (!checked.success) {
      const problem = checked.error.issues[0];
      throw permanent(
        'BadConfiguration',
        `another version of Patchwright wrote these settings (${problem?.path.join('.')}: ${problem?.message}); stop it and start \`patchwright up\` anew, so that all of it is of one version`,
      );
    }
    const settings = checked.data;
    known.set(digest, settings);
    return settings;
  };
}
