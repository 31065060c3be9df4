import { createHash } from 'node:crypto';
import { readProperties } from '../../lib/java-properties.ts';

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

/** As names of settings are written; what stands elsewhere may be a piece of a value, say of a key with lines. */
const NAME = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/;

/** A file of Java's properties, each a setting of its own; what is not called as settings are is one, and not named. */
export function settingsOfProperties(text: string): StartSetting[] {
  const entries = [...readProperties(text)];
  const others = entries.filter(([key]) => !NAME.test(key));
  const named = entries.filter(([key]) => NAME.test(key)).map(([key, value]) => setting(`properties.${key}`, value));
  return others.length === 0 ? named : [...named, setting('properties (others)', JSON.stringify(others))];
}

const setting = (name: string, value: string): StartSetting => ({ kind: 'configuration', name, value });
