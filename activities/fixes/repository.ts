import { codeName } from '../../config/code.ts';
import { verdictOf } from '../../decisions/failing-case.ts';
import type { Git } from '../../git/clone.ts';
import { pushCommit } from '../../git/push.ts';
import { hasSameLines } from '../../git/same-lines.ts';
import { commitsSince } from '../../git/ticket-change.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { redact } from '../../lib/redact.ts';
import type { GitChange, Verification } from '../../workflows/fix-types.ts';
import { logWords } from '../sandbox/log.ts';
import {
  createGitChanges,
  type GitFixDeps,
  proposalOf,
  requireCode,
  sizeWords,
  touchesCheck,
  wordsOf,
} from './git-change.ts';
import { EffectRefused, type FixAt, type FixKind, type Proof } from './kind.ts';
import { NO_ROOM, notMerged, ofItsOwn, ownRef, whyNoBranch, whyNoUndo } from './own-branch.ts';

/** What a change touches beside the one file that it may. */
async function othersThan(git: Git, only: string, { base, commit }: { base: string; commit: string }) {
  const changed = await git('diff', '--name-only', '-z', '--no-renames', base, commit);
  return changed.split('\0').filter((path) => path !== '' && path !== only);
}

const RISK = 'Whatever deploys or reads this branch gets the change at once.';

/** A change of files in a repository of `support.repositories`: proven by its check, pushed onto its branch. */
export function repositoryKind(deps: GitFixDeps): FixKind<GitChange> {
  const changes = createGitChanges(deps);
  const tipOf = async (git: Git, repository: string, ref: string) =>
    (await git('ls-remote', '--', repository, ref)).split(/\s/)[0] ?? '';

  /** Fast-forward only: a branch that moved in this very moment refuses it. */
  const push = async (at: FixAt, change: GitChange, commit: string, next: string) => {
    const { target, ref } = change;
    const pushed = await changes.within(at, codeName(target), (git, { repository }) =>
      pushCommit(git, repository, commit, ref),
    );
    // What the server said is looked at once more, before anybody is told that nothing was done.
    if (pushed.kind === 'refused' && !(await isThere(at, change, commit)))
      throw new EffectRefused(refusedWords(change, pushed.words, next));
  };

  /** A branch of its own is at what was approved, and has nothing more: people merge all of it. */
  const isThere = (at: FixAt, { target, ref, onto }: GitChange, commit: string) =>
    changes.within(at, codeName(target), async (git, { repository }) => {
      const tip = await tipOf(git, repository, ref);
      if (tip === '' || onto !== undefined) return tip === commit;
      return (await git.tryGit(['merge-base', '--is-ancestor', commit, tip])).exitCode === 0;
    });

  /** As a commit of its own, in a merge, or as the same lines by another commit. */
  const merged = (at: FixAt, { target, onto, commit, base }: GitChange) =>
    changes.within(at, codeName(target), async (git, { repository }) => {
      const tip = onto === undefined ? '' : await tipOf(git, repository, onto);
      if (tip === '') return false;
      if ((await git.tryGit(['merge-base', '--is-ancestor', commit, tip])).exitCode === 0) return true;
      return hasSameLines(git, { tip, commit, base });
    });

  return {
    name: 'repository',
    targets: ({ support }) => Object.keys(support.repositories),
    code: codeName,

    async draft(at, plan, made) {
      const proposal = proposalOf(made);
      const { target } = plan;
      return changes.within(at, codeName(target), async (git, { branch }) => {
        // What the agent was given: its own branch may have moved since, which is seen before it is applied.
        const base = proposal.base ?? (await git.resolve(branch, 'branch'));
        const words = wordsOf(at, plan);
        const commit = await changes.commitOf(git, { name: codeName(target), base, proposal, words });
        const others = plan.only === undefined ? [] : await othersThan(git, plan.only, { base, commit });
        if (others.length > 0)
          return {
            kind: 'refused',
            reasons: [`only ${plan.only} may be changed, and it changes ${others.join(', ')}`],
          };
        const inverse = await changes.inverseOf(git, { base, commit }, at.ticket);
        const { tree, patch, failingCase } = proposal;
        const goes = goesTo(at, target, commit, branch);
        const change: GitChange = { kind: 'repository', target, base, commit, tree, patch, inverse, ...goes };
        return { kind: 'drafted', change: { ...change, ...(failingCase !== undefined && { failingCase }) } };
      });
    },

    again: (at, plan, change) =>
      changes.within(at, codeName(change.target), async (git, { branch }) => {
        const onto = await git.resolve(branch, 'branch');
        const made = await changes.rebased(git, { change, onto, words: wordsOf(at, plan) });
        if (made.kind === 'refused') return made;
        const { onto: _, ...again } = made.change;
        const inverse = await changes.inverseOf(git, again, at.ticket);
        return { kind: 'drafted', change: { ...again, ...goesTo(at, change.target, again.commit, branch), inverse } };
      }),

    async prove(at, change): Promise<Proof> {
      const name = codeName(change.target);
      const { check } = at.settings.support.repositories[change.target] ?? {};
      const shown = await changes.proveCase(at, name, change);
      if (!shown.proven || check === undefined) {
        const lines = check === undefined ? [`${change.target} has no \`check\`: nothing else was tried`] : [];
        const nothing = change.failingCase === undefined && { shown: 'nothing' as const };
        return { ...shown, lines: [...shown.lines, ...lines], ...nothing };
      }
      const own = touchesCheck((await deps.artifacts.read(change.patch)).toString('utf8'), check);
      if (own.length > 0)
        return {
          proven: false,
          lines: [
            `it changes ${own.join(', ')}, by which it is checked: nothing is shown; take that out of the change`,
          ],
        };
      const code = requireCode(at.settings, name);
      const run = (commit: string, key: string) =>
        changes.checkCommit({ name, code, commit, command: check, key: `${at.run}/check-${key}` });
      const [before, after] = [await run(change.base, 'before'), await run(change.commit, 'after')];
      const line = `check of ${change.target}: before: ${before.words}; with the change: ${after.words}`;
      const alone = change.failingCase === undefined && { shown: 'checked' as const };
      return { proven: after.kind === 'passed', lines: [...shown.lines, line], ...alone };
    },

    async describe(_at, { target, base, commit, inverse, patch, ref, onto }) {
      const text = (await deps.artifacts.read(patch)).toString('utf8');
      const what = [`${target}, ${ref}: ${sizeWords(text)}, as ${commit.slice(0, 12)} on ${base.slice(0, 12)}`];
      if (onto !== undefined) return ofItsOwn(what, { ref, onto });
      return {
        what,
        risk: RISK,
        inverse: `the commit ${inverse.slice(0, 12)}, which puts the files of ${base.slice(0, 12)} back`,
      };
    },

    merged,

    async mayNot(at, change) {
      if (change.onto === undefined) return undefined;
      return changes.within(at, codeName(change.target), async (git, { repository }) => {
        const [own, above] = [await tipOf(git, repository, change.ref), await tipOf(git, repository, NO_ROOM)];
        return whyNoBranch(change, { own, above });
      });
    },

    moved: (at, { target, base, commit, ref: pushed, onto: ref = pushed }) =>
      changes.within(at, codeName(target), async (git, { repository }) => {
        const tip = await tipOf(git, repository, ref);
        if (tip === base || tip === commit) return undefined;
        if (tip === '') return [`${ref} of ${target} is gone`];
        const came = await commitsSince(git, base, tip);
        return [
          `${ref} of ${target} was ${base.slice(0, 12)} and is ${tip.slice(0, 12)}`,
          ...came.map((line) => `+ ${line}`),
        ];
      }),

    apply: (at, change) => ({
      readBack: async () => ((await isThere(at, change, change.commit)) ? { words: pushedWords(change) } : undefined),
      perform: async () => {
        await push(at, change, change.commit, otherBranch(change));
        return { words: pushedWords(change) };
      },
    }),

    verify: (at, change) => verify(at, change),

    async undo(at, change) {
      if (change.onto !== undefined) return { kind: 'not', reason: whyNoUndo(change) };
      const tip = await changes.within(at, codeName(change.target), (git, { repository }) =>
        tipOf(git, repository, change.ref),
      );
      if (tip !== change.commit && tip !== change.inverse)
        return {
          kind: 'not',
          reason: `${change.ref} of ${change.target} went on to ${tip.slice(0, 12)}: it is no longer ours alone`,
        };
      const words = `${change.inverse.slice(0, 12)} on ${change.ref} of ${change.target} takes it back`;
      return {
        kind: 'may',
        steps: {
          readBack: async () => ((await isThere(at, change, change.inverse)) ? { words } : undefined),
          perform: async () => {
            await push(at, change, change.inverse, BY_HAND);
            return { words };
          },
        },
      };
    },
  };

  /** The branch as it is now, in a fresh checkout: its files, the failing case, the check. */
  async function verify(at: FixAt, change: GitChange): Promise<Verification> {
    const { target, commit, failingCase, onto } = change;
    const ref = onto ?? change.ref;
    if (onto !== undefined && !(await merged(at, change))) return { kind: 'inconclusive', words: notMerged(change) };
    const name = codeName(target);
    const { check } = at.settings.support.repositories[target] ?? {};
    const tip = await changes.within(at, name, (git, { repository }) => tipOf(git, repository, ref));
    if (tip === '' || (onto === undefined && !(await isThere(at, change, commit))))
      return { kind: 'failed', words: `${ref} of ${target} does not have ${commit.slice(0, 12)}` };
    const commands = [
      ...(failingCase === undefined ? [] : [['sh', '-c', failingCase]]),
      ...(check === undefined ? [] : [check]),
    ];
    if (commands.length === 0)
      return {
        kind: 'read-back',
        words: `${ref} of ${target} has ${onto === undefined ? '' : 'the lines of '}${commit.slice(0, 12)}; there is no check, and no failing case`,
      };
    const code = requireCode(at.settings, name);
    for (const [i, command] of commands.entries()) {
      const found = await changes.checkCommit({ name, code, commit: tip, command, key: `${at.run}/verify-${i}` });
      if (found.kind !== 'passed')
        return {
          kind: verdictOf(found.kind),
          words: `${target} at ${tip.slice(0, 12)}: its check: ${found.ended}; ${logWords(found.log)}`,
        };
    }
    const how = onto === undefined ? 'read back' : `merged into ${onto}`;
    return { kind: 'verified', words: `${how}, and checked at ${tip.slice(0, 12)} of ${target}` };
  }
}

/** Onto the branch, or where that takes no push onto one of its own: by the commit, so that no text names it. */
function goesTo({ settings }: FixAt, target: string, commit: string, branch: string): Pick<GitChange, 'ref' | 'onto'> {
  const onto = `refs/heads/${branch}`;
  const own = settings.support.repositories[target]?.land === 'branch';
  return own ? { ref: ownRef(commit), onto } : { ref: onto };
}

/** In the ticket's thread: the server's words are others', and stand in quotes. `next`: what whoever reads it can do. */
const refusedWords = ({ target, ref }: GitChange, words: string, next: string) =>
  `the server of ${target} refuses a push onto ${ref}, and did not take it: “${oneLine(redact(words), 300)}”. ${next}`;

const otherBranch = ({ target, onto }: GitChange) =>
  onto !== undefined
    ? 'Nothing was changed. Let the account that Patchwright pushes with make branches below patchwright/; then hand it off again'
    : `Nothing was changed. Let the account that Patchwright pushes with do so, or name a branch that it may push to under support.repositories.${target}.branch, or set support.repositories.${target}.land to branch, and it goes to a branch of its own that people merge; then hand it off again`;
const BY_HAND = 'The change stands: revert it by hand, or let the account that Patchwright pushes with do so';

const pushedWords = ({ commit, ref, target }: GitChange) => `${commit.slice(0, 12)} is on ${ref} of ${target}`;
