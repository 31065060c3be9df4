import { patchMessage } from '../../test/release/repository.ts';
import { type Fix, HELD, PRODUCT, RIGHT, WRONG } from '../../test/repair/wrong-fixes.ts';

const ADD = '    long now = known(partition) + size;\n';
const KNOWN = `    Long found = bytes.get(partition);
    if (found == null) throw new IllegalStateException("nobody has opened partition " + partition);
    return found;
`;

/** What upstream has: nobody has to open anything. The patch has taken that from \`add\` as well as from \`of\`. */
export const UPSTREAM: Record<string, string> = {
  ...HELD,
  [PRODUCT]: (HELD[PRODUCT] ?? '')
    .replace(KNOWN, () => '    return bytes.getOrDefault(partition, 0L);\n')
    .replace('  /** Refuses a partition that nobody has opened. */\n', ''),
};

export const GUILTY = patchMessage('Refuse to tell of a partition that nobody has opened').replace(
  'What it does.',
  'A partition that is spelt wrong was told as one without bytes.',
);

const asRight = (now: string): Fix => ({ edits: [[PRODUCT, ADD, now]], gates: 'let through' });

/** Controls: an objection to one of these is wrong. All of them pass the hidden tests. */
export const RIGHTS: Record<string, Fix> = {
  'opens it': RIGHT,
  'opens it in place': asRight(`    bytes.putIfAbsent(partition, 0L);\n${ADD}`),
  'counts from nothing': asRight('    long now = bytes.getOrDefault(partition, 0L) + size;\n'),
  'asks whether it is there': asRight(
    '    Long before = bytes.get(partition);\n    long now = (before == null ? 0L : before) + size;\n',
  ),
  'opens it once it is taken': asRight('    long now = bytes.computeIfAbsent(partition, opened -> 0L) + size;\n'),
};

/** Those that reading by code alone lets through. */
export const LET_THROUGH: Record<string, Fix> = Object.fromEntries(
  Object.entries(WRONG).filter(([, { gates }]) => gates === 'let through'),
);

export function filesOf({ edits }: Fix): Record<string, string> {
  const files = { ...HELD };
  for (const [path, old, now] of edits) files[path] = (files[path] ?? '').replace(old, () => now);
  return files;
}
