/**
 * What a step may come near (trust.md, *Rule of two*):
 *
 * - `untrusted-text`: words that a fork's authors, its programs and logs, or a model wrote; not digests, counts and
 *   fields of ours.
 * - `private-data`: sources, logs, the state of clusters, and secrets beyond the one credential of its own effect. What
 *   is copied by its digest without being read is not meant.
 * - `outside-effects`: it changes something that is not ours alone: a repository, a channel, a pager, a node.
 */
export type Touch = 'untrusted-text' | 'private-data' | 'outside-effects';

export type Touches = Readonly<Record<string, readonly Touch[]>>;

/**
 * Why steps may not be served, a sentence each: text that is obeyed by mistake must never find both something to steal
 * and a way to carry it out. A step that says nothing of itself counts as one that touches everything.
 */
export function ruleOfTwoProblems(names: readonly string[], declared: Touches): string[] {
  return names.flatMap((name) => {
    const touches = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (touches === undefined) return [`the activity ${name} does not declare what it touches: activities/touches.ts`];
    if (new Set(touches).size < 3) return [];
    return [`the activity ${name} touches untrusted text, private data and has outside effects: divide it`];
  });
}
