import { expect, test } from 'vitest';
import { withoutWords } from '../../decisions/audit-words.ts';

test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
  [
    'a decision without its note',
    { decision: 'reject', digest: 'd', note: 'SAID' },
    { decision: 'reject', digest: 'd' },
  ],
  [
    'a refusal without its reason',
    { decision: 'approve', digest: 'd', refused: 'SAID' },
    { decision: 'approve', digest: 'd' },
  ],
  [
    'an end without what was said to it',
    { outcome: { kind: 'rejected', by: ['bob'], note: 'SAID' } },
    { outcome: { kind: 'rejected', by: ['bob'] } },
  ],
  ['a use', { use: 'T:C:1/1/1/apply' }, { use: 'T:C:1/1/1/apply' }],
  ['whatever else there may come', { constructor: 'SAID', words: 'SAID' }, {}],
])('%s', (_name, entry, kept) =>
  expect(withoutWords(entry, 'T:C:1 is for others')).toEqual({ ...kept, withheld: 'T:C:1 is for others' }),
);
