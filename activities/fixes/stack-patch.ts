import { NO_TEST } from '../../decisions/failing-case.ts';
import { commitsSince } from '../../git/ticket-change.ts';
import type { GitChange, Verification } from '../../workflows/fix-types.ts';
import { createGitChanges, type GitFixDeps, proposalOf, requireCode, sizeWords, wordsOf } from './git-change.ts';
import type { FixAt, FixKind } from './kind.ts';

/** Where the patch lies in the fork's repository: a release starts from there. The branch is never moved. */
export const ticketRef = ({ ticket, fix }: Pick<FixAt, 'ticket' | 'fix'>) =>
  `refs/patchwright/tickets/${ticket.replace(/[^A-Za-z0-9-]/g, '-')}/${fix.slice(ticket.length + 1)}`;

export type StackPatchDeps = GitFixDeps & {
  /** How the release of a ticket's reference ended; undefined where there is none, or it goes on. */
  releaseOf: (fork: string, ref: string) => Promise<{ id: string; outcome?: { kind: string } } | undefined>;
};

const RISK =
  'It becomes a candidate: suites, gates and the approvals of a release still stand between it and production.';

/**
 * A new patch on a fork's stack. It is built and its suites run before anybody is asked (workflows/proof.ts), and it is
 * applied as a reference of ours, which goes on as a release.
 */
export function stackPatchKind(deps: StackPatchDeps): FixKind<GitChange> {
  const changes = createGitChanges(deps);
  const trailers = (at: FixAt, failingCase: string | undefined) => ({
    Reason: `ticket ${at.ticket}`,
    'Upstream-Status': 'Pending',
    'Drop-When': 'upstream has it, or the ticket turns out to have another cause',
    ...(failingCase !== undefined && { Check: failingCase }),
  });
  const refNow = (at: FixAt, { target, ref }: GitChange) =>
    changes.within(at, target, async (git, { repository }) => {
      const listed = await git('ls-remote', '--', repository, ref);
      return listed.split(/\s/)[0] ?? '';
    });

  return {
    name: 'stack-patch',
    targets: ({ forks }) => Object.keys(forks),
    code: (target) => target,

    async draft(at, plan, made) {
      const proposal = proposalOf(made);
      const { target } = plan;
      const { tree, patch, failingCase, failingTest } = proposal;
      return changes.within(at, target, async (git, { branch }) => {
        const base = proposal.base ?? (await git.resolve(branch, 'branch'));
        const words = wordsOf(at, plan, trailers(at, failingCase));
        const commit = await changes.commitOf(git, { name: target, base, proposal, words });
        const drafted: GitChange = {
          ...{ kind: 'stack-patch', target, base, commit, tree, patch, inverse: '', ref: ticketRef(at) },
          ...(failingCase !== undefined && { failingCase }),
          ...(failingTest !== undefined && { failingTest }),
        };
        return { kind: 'drafted', change: drafted };
      });
    },

    again: (at, plan, change) =>
      changes.within(at, change.target, async (git, { branch }) => {
        const onto = await git.resolve(branch, 'branch');
        return changes.rebased(git, { change, onto, words: wordsOf(at, plan, trailers(at, change.failingCase)) });
      }),

    async prove(at, change) {
      if (change.failingCase !== undefined) return changes.proveCase(at, change.target, change);
      // A named test is run once it is built (workflows/fix-make.ts).
      return change.failingTest === undefined
        ? { proven: true, shown: 'checked', lines: [NO_TEST] }
        : { proven: true, lines: [] };
    },

    async describe(at, { target, base, commit, patch, ref }) {
      const text = (await deps.artifacts.read(patch)).toString('utf8');
      const { environments } = requireCode(at.settings, target).release;
      return {
        what: [
          `a patch on the stack of ${target}: ${sizeWords(text)}, as ${commit.slice(0, 12)} on ${base.slice(0, 12)}`,
          `pushed as ${ref}, and released from there through ${environments.join(', ') || 'its suites'}`,
        ],
        risk: RISK,
        inverse: 'the reference is deleted; what a release rolled out it rolls back itself; the branch was never moved',
      };
    },

    moved: (at, { target, base }) =>
      changes.within(at, target, async (git, { branch }) => {
        const tip = await git.resolve(branch, 'branch');
        if (tip === base) return undefined;
        const came = await commitsSince(git, base, tip);
        return [
          `the branch of ${target} was ${base.slice(0, 12)} and is ${tip.slice(0, 12)}`,
          ...came.map((line) => `+ ${line}`),
        ];
      }),

    apply: (at, change) => ({
      readBack: async () => ((await refNow(at, change)) === change.commit ? { words: pushedWords(change) } : undefined),
      perform: () =>
        changes.within(at, change.target, async (git, { repository }) => {
          await git('push', '--quiet', '--force', '--', repository, `${change.commit}:${change.ref}`);
          return { words: pushedWords(change) };
        }),
    }),

    async verify(_at, { target, ref }): Promise<Verification> {
      const found = await deps.releaseOf(target, ref);
      if (found?.outcome === undefined) return { kind: 'inconclusive', words: `no release of ${ref} has ended` };
      const kind = found.outcome.kind === 'released' ? 'verified' : 'failed';
      return { kind, words: `${found.id} is ${found.outcome.kind}` };
    },

    async undo(at, change) {
      const now = await refNow(at, change);
      if (now !== change.commit && now !== '')
        return { kind: 'not', reason: `${change.ref} is ${now.slice(0, 12)} by now, which is another fix` };
      const words = `${change.ref} was deleted; the branch of ${change.target} was never moved`;
      return {
        kind: 'may',
        steps: {
          readBack: async () => ((await refNow(at, change)) === '' ? { words } : undefined),
          perform: () =>
            changes.within(at, change.target, async (git, { repository }) => {
              const lease = `--force-with-lease=${change.ref}:${change.commit}`;
              await git('push', '--quiet', lease, '--', repository, `:${change.ref}`);
              return { words };
            }),
        },
      };
    },
  };
}

const pushedWords = ({ commit, ref, target }: GitChange) => `${commit.slice(0, 12)} is ${ref} of ${target}`;
