import { type Settings, settingsSchema } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import { readSettings } from '../store/releases.ts';
import type { Digest } from '../workflows/types.ts';

/** Reads the settings that a release was started with, once a worker. What has a digest never changes. */
export function createSettingsReader(db: Db): (digest: Digest) => Promise<Settings> {
  const known = new Map<Digest, Settings>();
  return async (digest) => {
    const found = known.get(digest);
    if (found !== undefined) return found;
    const settings = settingsSchema.parse(await readSettings(db, digest));
    known.set(digest, settings);
    return settings;
  };
}
