import { createHmac } from 'node:crypto';
import { readProperties } from '../../lib/java-properties.ts';

/** One thing that settings or their files say of how a target is started. `kind`: as G1 tells changes apart. */
export type StartSetting = { kind: 'configuration' | 'jvm'; name: string; value: string };

/**
 * What a target was started with, kept with its start: by digest, since a value may be a secret. `by`: which key the
 * digests are of; by another one nothing can be compared.
 */
export type KeptSettings = { by: string; of: { kind: StartSetting['kind']; name: string; digest: string }[] };

/**
 * `key`: of the data folder, so that nobody who has the record alone tries values. `salt`: of this start alone, so that
 * equal values of two targets, or of two starts, are not seen to be equal.
 */
export type Digesting = { key: Buffer; salt: string };

export function keptSettings(settings: readonly StartSetting[], digesting: Digesting): KeptSettings {
  const of = settings.map(({ kind, name, value }) => ({ kind, name, digest: digestOf(digesting, name, value) }));
  return { by: nameOfKey(digesting.key), of };
}

/** What is another now, is new, or is gone: names alone. Undefined where it was kept by a key that is no more. */
export function changedSettings(
  kept: KeptSettings,
  now: readonly StartSetting[],
  digesting: Digesting,
): Omit<StartSetting, 'value'>[] | undefined {
  if (kept.by !== nameOfKey(digesting.key)) return undefined;
  const left = new Map(kept.of.map((one) => [one.name, one]));
  const changed = now.filter(({ name, value }) => {
    const was = left.get(name);
    left.delete(name);
    return was?.digest !== digestOf(digesting, name, value);
  });
  return [...changed, ...left.values()].map(({ kind, name }) => ({ kind, name }));
}

/** The key has other uses: what is signed here says what for. */
const signed = (key: Buffer, what: readonly string[]) =>
  createHmac('sha256', key)
    .update(JSON.stringify(['start-settings', ...what]))
    .digest('hex');
const digestOf = ({ key, salt }: Digesting, name: string, value: string) => signed(key, [salt, name, value]);
const nameOfKey = (key: Buffer) => signed(key, []).slice(0, 16);

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
