/**
 * Whether a run of characters looks drawn at random rather than written by a person.
 *
 * Shannon's entropy alone takes long camel-case test names for secrets. What tells them apart is how
 * often neighbours change their class (lower, upper, digit, other): random base64 changes at some 64 %
 * of its places, `testShouldNotCommitOffsetsWhenV3GroupIsEmpty` at 30 %. Commits, digests and UUIDs
 * are random by nature but are names, not secrets: hexadecimal is let through.
 */
export function looksRandom(text: string): boolean {
  const value = text.replace(/=+$/, '');
  if (value.length < 32 || /^[0-9a-fA-F-]+$/.test(value)) return false;
  if (!/\d/.test(value) || !/[a-z]/.test(value) || !/[A-Z]/.test(value)) return false;
  return entropyBits(value) >= 4 && classChanges(value) >= 0.45;
}

/** Shannon's entropy in bits a character. */
export function entropyBits(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

function classChanges(text: string): number {
  let changes = 0;
  for (let index = 1; index < text.length; index += 1) {
    if (classOf(text[index] ?? '') !== classOf(text[index - 1] ?? '')) changes += 1;
  }
  return changes / (text.length - 1);
}

function classOf(character: string): 'lower' | 'upper' | 'digit' | 'other' {
  if (character >= 'a' && character <= 'z') return 'lower';
  if (character >= 'A' && character <= 'Z') return 'upper';
  return character >= '0' && character <= '9' ? 'digit' : 'other';
}
