import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BareGit, bareGit } from './git.ts';
import { applyPatch, BASE_REF, BRANCH_REF, STACK_REF, TAG_REF } from './make-fork.ts';
import { type PatchFile, readPatch } from './patch-file.ts';

/** Where the release pipeline notes what was last released; pushes start from there. */
export const RELEASED_REF = 'refs/patchwright/released';

export const PUSH_KINDS = [
  'good',
  'breaks-tests',
  'flaky',
  'breaks-cluster',
  'breaks-cluster-fixed',
  'conflicts',
] as const;

export type PushKind = (typeof PUSH_KINDS)[number];

/** `corrects`: a patch that this one takes the place of, should it have been released. */
type Kind = { patches: readonly string[]; corrects?: string; expect: string };

/** What `example push` knows. The patches of a kind are tried in order: the first that is not released yet is pushed. */
const KINDS: Record<PushKind, Kind> = {
  good: { patches: ['good-1', 'good-2'], expect: 'released' },
  'breaks-tests': { patches: ['breaks-tests'], expect: 'held: TopicTest fails every time' },
  flaky: {
    patches: ['flaky'],
    expect: 'held: tests of the record accumulator fail now and then, and only with it',
  },
  'breaks-cluster': { patches: ['breaks-cluster'], expect: 'passes every test and harms a running cluster' },
  'breaks-cluster-fixed': {
    patches: ['breaks-cluster-fixed'],
    corrects: 'breaks-cluster',
    expect: 'released: the brokers themselves are exempt',
  },
  conflicts: { patches: ['conflicts'], expect: 'held: the stack no longer applies to its base' },
};

export type PushOrder = {
  repository: string;
  kind: string;
  /** The commit that was last released; by default the ref `refs/patchwright/released`, or else the first stack. */
  releasedTip?: string;
};

/** `commit` is the new tip of the branch, or of the base for `conflicts`. */
export type Push = { commit: string; summary: string };

const PUSHES = join(dirname(fileURLToPath(import.meta.url)), 'pushes');

/**
 * Puts one more patch on what was last released: `main` becomes that tip plus the patch, whatever was pushed
 * and not released before. `conflicts` leaves the stack and moves the base. The same push makes the same commit,
 * so that repeating it changes nothing. Throws for a kind that does not exist, naming those that do.
 */
export async function pushExample({ repository, kind, releasedTip }: PushOrder): Promise<Push> {
  if (!isPushKind(kind))
    throw new Error(`there is no push named ${JSON.stringify(kind)}: take one of ${PUSH_KINDS.join(', ')}`);
  const git = bareGit(repository);
  const tip = await releasedCommit(git, releasedTip);
  const base = await baseBelow(git, tip);
  return kind === 'conflicts' ? moveBase(git, { tip, base }) : pushPatch(git, { tip, base, kind });
}

export function isPushKind(kind: string): kind is PushKind {
  return (PUSH_KINDS as readonly string[]).includes(kind);
}

async function pushPatch(
  git: BareGit,
  { tip, base, kind }: { tip: string; base: string; kind: PushKind },
): Promise<Push> {
  const released = await subjectsSince(git, base, tip);
  const { patches: names, corrects, expect } = KINDS[kind];
  const patches = names.map(readPush);
  const next = patches.find(({ subject }) => !released.has(subject));
  if (!next) {
    await git.updateRefs({ [BRANCH_REF]: tip, [BASE_REF]: base });
    return {
      commit: tip,
      summary: `everything that ${kind} pushes is already released; main is at ${tip.slice(0, 12)}`,
    };
  }
  const corrected = corrects === undefined ? undefined : readPush(corrects);
  const commit = await applyPatch(git, tip, next, corrected && released.has(corrected.subject) ? corrected : undefined);
  // The base goes back to what the tip stands on: an earlier `conflicts` must not hold this push too.
  await git.updateRefs({ [BRANCH_REF]: commit, [BASE_REF]: base });
  return { commit, summary: `pushed ${describe(next, commit)} to main; expected: ${expect}` };
}

async function moveBase(git: BareGit, { tip, base }: { tip: string; base: string }): Promise<Push> {
  const patch = readPush('conflicts');
  const original = await commitOf(git, TAG_REF);
  if (base !== original) {
    await git.updateRefs({ [BRANCH_REF]: tip, [BASE_REF]: base });
    return { commit: base, summary: `what was released already stands on the moved base ${base.slice(0, 12)}` };
  }
  const commit = await applyPatch(git, base, patch);
  await git.updateRefs({ [BRANCH_REF]: tip, [BASE_REF]: commit });
  return { commit, summary: `pushed ${describe(patch, commit)} to upstream; expected: ${KINDS.conflicts.expect}` };
}

const readPush = (name: string) => readPatch(join(PUSHES, `${name}.patch`));

const describe = (patch: PatchFile, commit: string) => `${commit.slice(0, 12)} "${patch.subject}"`;

async function releasedCommit(git: BareGit, given: string | undefined): Promise<string> {
  if (given !== undefined) return (await git.git(['rev-parse', '--verify', '--quiet', `${given}^{commit}`])).trim();
  return (await git.commitOf(RELEASED_REF)) ?? (await commitOf(git, STACK_REF));
}

/** The base that a tip stands on: the moved one once a release has taken it in, else the original. */
async function baseBelow(git: BareGit, tip: string): Promise<string> {
  const current = await commitOf(git, BASE_REF);
  return (await git.isAncestor(current, tip)) ? current : commitOf(git, TAG_REF);
}

async function commitOf(git: BareGit, ref: string): Promise<string> {
  const commit = await git.commitOf(ref);
  if (commit === undefined) throw new Error(`the example's repository has no ${ref}: it was not made by makeFork`);
  return commit;
}

async function subjectsSince(git: BareGit, base: string, tip: string): Promise<Set<string>> {
  const subjects = await git.git(['log', '--format=%s', `${base}..${tip}`]);
  return new Set(subjects.split('\n').filter((subject) => subject !== ''));
}
