import { parseGitDiff } from '../../decisions/git-diff.ts';
import type { Sides } from '../../decisions/proposal/conflict-tests.ts';
import { isSource, isTestPath } from '../../decisions/proposal/types.ts';
import {
  type Finding,
  type ProposalFacts,
  type ProposalPolicy,
  proposalFindings,
  refusalsFirst,
} from '../../decisions/proposal-gates.ts';
import { secretFindings } from './secret-scan.ts';
import type { Sources } from './sources.ts';

export type ProposalToCheck = {
  sources: Sources;
  /** What the diff was made against. */
  base: string;
  /** `git diff --binary --full-index`, taken by our git (activities/sandbox/patch.ts). */
  diff: string;
  policy: ProposalPolicy;
  /** Paths of the tests that the proposal is to mend, as the base has them. */
  failingTests?: readonly string[];
  /** Of a conflict: the commits that hold what each side says, and the tree of what is handed in. */
  sides?: Record<keyof Sides, string>;
};

/** All static gates over one proposal, before anybody is shown it. Reads only: safe to repeat. */
export async function checkProposal(proposal: ProposalToCheck): Promise<Finding[]> {
  const { diff, policy } = proposal;
  const facts = await factsOf(proposal);
  return refusalsFirst([...(await secretFindings(diff)), ...proposalFindings(diff, policy, facts)]);
}

const NEIGHBOURS = 5;
const HEAD_LINES = 40;

async function factsOf({ sources, base, diff, failingTests = [], sides }: ProposalToCheck): Promise<ProposalFacts> {
  const parsed = parseGitDiff(diff);
  const files = parsed.kind === 'diff' ? parsed.files : [];
  const headOf = async (path: string) => (await sources.read(base, path))?.split('\n', HEAD_LINES).join('\n');
  const neighbours: Record<string, string[]> = {};
  const heads: Record<string, string> = {};
  for (const { path, from = path, status } of files) {
    if (status === 'added') {
      if (!isSource(path)) continue;
      const beside = await besides(sources, base, path);
      neighbours[path] = (await Promise.all(beside.map(headOf))).filter((head) => head !== undefined);
    } else {
      heads[path] = (await headOf(from)) ?? '';
    }
  }
  const tests = failingTests.map(async (file) => ({ file, text: (await sources.read(base, file)) ?? '' }));
  const facts = { neighbours, heads, failingTests: await Promise.all(tests) };
  if (sides === undefined) return facts;
  const changed = files.map(({ path }) => path).filter(isTestPath);
  const read = changed.map(async (path) => [path, await sidesOf(sources, sides, path)] as const);
  return { ...facts, sides: Object.fromEntries(await Promise.all(read)) };
}

async function sidesOf(sources: Sources, at: Record<keyof Sides, string>, path: string): Promise<Sides> {
  const commits = [at.old, at.base, at.patched, at.resolved];
  const [old, base, patched, resolved] = await Promise.all(commits.map((commit) => sources.read(commit, path)));
  return { old, base, patched, resolved };
}

/** Files of the same kind in its folder, or in the nearest one above that has any: a new package has none yet. */
async function besides(sources: Sources, base: string, path: string): Promise<string[]> {
  const ending = /\.[^./]*$/.exec(path)?.[0] ?? '';
  const folders = path.split('/').slice(0, -1);
  for (let depth = folders.length; depth >= 0; depth -= 1) {
    const under = folders.slice(0, depth).join('/');
    const listed = (await sources.list(base, under === '' ? '' : `${under}/`)).split('\n');
    const alike = listed.filter((name) => name !== path && name.endsWith(ending) && !name.startsWith('"'));
    const near = alike.filter((name) => name.split('/').length === depth + 1);
    if (alike.length > 0) return [...near, ...alike.filter((name) => !near.includes(name))].slice(0, NEIGHBOURS);
  }
  return [];
}
