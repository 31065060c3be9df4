import { statSync } from 'node:fs';
import { logger } from '../lib/log.ts';
import { loadSettings } from './load.ts';
import type { Settings } from './schema.ts';
import { secretsOf } from './secrets.ts';

/**
 * The settings of now: the file is read anew where it has changed since it was asked last. One that cannot be read, or
 * has a mistake in it, is told once in the log, and what held before goes on to hold.
 */
export function createPresentSettings(file: string, first: Settings): () => Settings {
  let settings = first;
  let read = stampOf(file);
  return () => {
    const stamp = stampOf(file);
    if (stamp === read) return settings;
    read = stamp;
    try {
      const anew = loadSettings(file);
      // For what it teaches the redaction: a secret of the new settings is one from now on.
      secretsOf(anew);
      settings = anew;
      logger('config').info('the configuration was read anew: people, groups and who is on call hold from now on');
    } catch (error) {
      logger('config').warn({ err: (error as Error).message }, 'the configuration is not read anew: it has a mistake');
    }
    return settings;
  };
}

/** Another one where the file is another one; a missing file has one too. */
function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.ino}/${stat.size}/${stat.mtimeMs}`;
}

/**
 * Settings that a ticket was opened with, but for who somebody is and what he may do: a person who was taken out may do
 * nothing from then on, and one who came may at once.
 */
export function withPresentPeople(of: Settings, now: Settings): Settings {
  const { onCall, responders } = now.support;
  return { ...of, people: now.people, groups: now.groups, support: { ...of.support, onCall, responders } };
}
