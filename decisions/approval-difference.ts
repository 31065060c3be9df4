/** What people said yes to last, of the same kind and fork. */
export type ApprovedBefore = {
  id: string;
  by: readonly string[];
  at: string;
  version: string;
  commit: string;
  base: { commit: string; version: string };
  /** As its approval binds them. */
  reasons: string;
};

/** One patch of both stacks, by what it does and not by its commit, which changes with every base. */
export type PatchPair = { kind: 'same' | 'changed' | 'gone' | 'new'; subject: string };

const SIGNS: Readonly<Record<string, PatchPair['kind']>> = { '=': 'same', '!': 'changed', '<': 'gone', '>': 'new' };

/** What `git range-diff --no-patch` prints: `1:  abc1234 = 1:  def5678 Subject`. */
export function parseRangeDiff(text: string): PatchPair[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(?:\d+|-):\s+\S+ ([=!<>])\s+(?:\d+|-):\s+\S+ (.*)$/.exec(line);
    const kind = SIGNS[match?.[1] ?? ''];
    return kind ? [{ kind, subject: match?.[2] ?? '' }] : [];
  });
}

/**
 * What is another than what was approved last, in lines; whoever decides need not read it all again.
 *
 * @param patches `unknown` where the stack of then is no longer in our clone
 */
export function differenceWords(
  before: ApprovedBefore,
  now: { base: { commit: string; version: string }; commit: string; reasons: readonly string[] },
  patches: readonly PatchPair[] | 'unknown',
): string[] {
  const head = `Since ${before.by.join(' and ')} approved ${before.id} (${before.version}) on ${before.at.slice(0, 10)}:`;
  if (before.commit === now.commit && before.reasons === now.reasons.join('; ')) return [head, '- nothing changed'];
  const rebased = before.base.commit !== now.base.commit;
  const base = rebased ? `${named(before.base)} → ${named(now.base)}` : 'unchanged';
  const added = now.reasons.filter((reason) => !before.reasons.includes(reason));
  const less = before.reasons === now.reasons.join('; ') ? 'unchanged' : 'less than before';
  const range = (from: string, to: string) => `${from.slice(0, 12)}..${to.slice(0, 12)}`;
  const [then, today] = [range(before.base.commit, before.commit), range(now.base.commit, now.commit)];
  return [
    head,
    `- base: ${base}`,
    `- patches: ${patches === 'unknown' ? 'the stack of then is no longer in our clone' : patchWords(patches, rebased)}`,
    `- why it is one-way: ${added.length > 0 ? `new: ${added.join('; ')}` : less}`,
    ...(patches === 'unknown' ? [] : [`- in full: git range-diff ${then} ${today}`]),
  ];
}

const named = ({ commit, version }: { commit: string; version: string }) => `${version} (${commit.slice(0, 12)})`;

function patchWords(patches: readonly PatchPair[], rebased: boolean): string {
  const of = (kind: PatchPair['kind']) => patches.filter((patch) => patch.kind === kind).map(({ subject }) => subject);
  const words = (what: string, subjects: string[]) => (subjects.length > 0 ? [`${what}: ${subjects.join(', ')}`] : []);
  return [
    `${of('same').length} unchanged`,
    ...words(rebased ? 'changed on the new base' : 'changed', of('changed')),
    ...words('new', of('new')),
    ...words('gone', of('gone')),
  ].join('; ');
}
