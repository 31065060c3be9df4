import { findSecret, type SecretRef } from './env.ts';
import type { Settings } from './schema.ts';

/**
 * The values of every reference to a secret that the configuration holds, as far as they are here: for a command that
 * reads texts and must not pass one of them on.
 */
export function knownSecrets(settings: Settings | Settings['clusters']): string[] {
  return referencesIn(settings).flatMap((reference) => secretOf(reference) ?? []);
}

/** Whoever runs a command need not be allowed to read the files of the service's secrets: then he has none to tell. */
function secretOf(reference: SecretRef): string | undefined {
  try {
    return findSecret(reference);
  } catch (error) {
    // Nor is a folder one that was named in the place of a file: whatever reads it says so.
    if (['EACCES', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function referencesIn(value: unknown): SecretRef[] {
  if (value === null || typeof value !== 'object') return [];
  const [[name, text] = [], ...others] = Object.entries(value);
  const isReference = others.length === 0 && (name === 'env' || name === 'file') && typeof text === 'string';
  return isReference ? [value as SecretRef] : Object.values(value).flatMap(referencesIn);
}
