import { createHash } from 'node:crypto';

/** One thing that settings or their files say of how a target is started. `kind`: as G1 tells changes apart. */
export type StartSetting = { kind: 'configuration' | 'jvm'; name: string; value: string };

/** What a target was started with, kept with its start: by digest, since a value may be a secret. */
export type KeptSetting = { kind: StartSetting['kind']; name: string; digest: string };

/** `salt`: of this start alone, so that equal values of two targets, or of two starts, are not seen to be equal. */
export function keptSettings(settings: readonly StartSetting[], salt: string): KeptSetting[] {
  return settings.map(({ kind, name, value }) => ({ kind, name, digest: digestOf(salt, name, value) }));
}

/** What is another now, is new, or is gone: names alone. */
export function changedSettings(
  kept: readonly KeptSetting[],
  now: readonly StartSetting[],
  salt: string,
): Omit<StartSetting, 'value'>[] {
  const left = new Map(kept.map((one) => [one.name, one]));
  const changed = now.filter(({ name, value }) => {
    const was = left.get(name);
    left.delete(name);
    return was?.digest !== digestOf(salt, name, value);
  });
  return [...changed, ...left.values()].map(({ kind, name }) => ({ kind, name }));
}

const digestOf = (salt: string, name: string, value: string) =>
  createHash('sha256')
    .update(JSON.stringify([salt, name, value]))
    .digest('hex');

/** `KEY=VALUE` lines, each a setting of its own; comments say nothing, and of two of one key the last one holds. */
export function settingsOfProperties(text: string): StartSetting[] {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, value = ''] = /^\s*([^#!=\s][^=]*?)\s*=(.*)$/.exec(line) ?? [];
    if (key !== undefined) values.set(key, value);
  }
  return [...values].map(([key, value]) => ({ kind: 'configuration', name: `properties.${key}`, value }));
}
