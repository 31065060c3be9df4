import type { ForkSettings } from '../../config/schema.ts';
import { type ProposalProblem, proposalProblems } from '../../decisions/repair.ts';
import type { TestUsers } from '../../decisions/test-users.ts';
import { touchedTests, usesProblems } from '../../decisions/touched-tests.ts';
import type { Git } from '../../git/clone.ts';
import { commitTree } from '../../git/fix-stack.ts';
import type { AgentOrder, Proposal } from '../../workflows/agent-types.ts';
import type { Digest, Source } from '../../workflows/types.ts';
import type { Input, ToolName } from './tool-inputs.ts';
import type { Used } from './tools.ts';
import type { Files, Workspaces } from './workspace.ts';

/** `tree`: what the agent's files are now. */
export type RepairWorld = {
  tree: string;
  git: Git;
  fork: ForkSettings;
  workspaces: Workspaces;
  sourceOf: (commit: string) => Source;
  put: (bytes: Buffer) => Promise<Digest>;
  /** What code has against this change, whoever made it. */
  gates: (patch: string) => Promise<ProposalProblem[]>;
  /** What uses these files of tests, in a tree. */
  testUsers: (tree: string, touched: readonly string[]) => Promise<TestUsers>;
  signal?: AbortSignal;
};

/** The tools that change the run's own files, and hand them in. */
export async function repairTool(world: RepairWorld, order: AgentOrder, name: ToolName, input: never): Promise<Used> {
  const { fork, candidate } = order.subject;
  const files = { fork, candidate, tree: world.tree };
  switch (name) {
    case 'edit_file': {
      const made = await world.workspaces.edit(files, input as Input<'edit_file'>);
      return typeof made === 'string' ? { text: `not changed: ${made}` } : { text: 'changed', tree: made.tree };
    }
    case 'shell': {
      const { command }: Input<'shell'> = input;
      const ran = await world.workspaces.shell(files, world.fork, command, world.signal);
      const lost = ran.lost === undefined ? '' : `\n${lostWords(ran.lost)}`;
      return { text: `${ran.ended}\n${ran.said}${lost}`, ...(ran.tree !== undefined && { tree: ran.tree }) };
    }
    case 'run_tests': {
      if (order.trial === undefined) return runCheck(world, files);
      if ((await world.git('rev-parse', `${candidate}^{tree}`)) === world.tree) return { text: 'you changed nothing' };
      const message = `Trial of ${order.run}`;
      const commit = await commitTree(world.git, { tree: world.tree, parent: candidate, message });
      await world.git('update-ref', `refs/patchwright/part/${order.run.replace(/[^A-Za-z0-9-]/g, '-')}`, commit);
      return { text: 'being tried', trial: world.sourceOf(commit) };
    }
    case 'hand_in':
      return handIn(world, order, input);
    default:
      return propose(world, order, input);
  }
}

/** What the sandbox says of itself is no fault of the command, and nothing that the agent could mend. */
function lostWords(reasons: readonly string[]): string {
  const kept = 'Your files are as they were before the command.';
  if (reasons.some((reason) => reason.includes('bwrap: ')))
    return `THE SANDBOX FAILED when what the command changed was to be taken; that is not your command's fault: ${reasons.join('; ')}. ${kept} Run it again.`;
  return `NOTHING of what it changed is kept: ${reasons.join('; ')}. ${kept} Build output that git does not ignore has to be removed by the same command.`;
}

/** Of a repository: its own check over the files as they are. What it leaves is gone. */
async function runCheck(world: RepairWorld, files: Files): Promise<Used> {
  const { artifacts, command } = world.fork.build;
  // A fork is built instead; a repository that has no check has a shell alone for its command.
  if (artifacts.length > 0 || command.length < 2) return { text: 'there is no check to run: try it with `shell`' };
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const ran = await world.workspaces.shell(files, world.fork, quoted, world.signal);
  return { text: `${ran.ended}\n${ran.said}` };
}

/** What is handed in is what the files are; what code has against it goes back with the reason. */
const propose = (world: RepairWorld, order: AgentOrder, words: Input<'propose'>) => submit(world, order, words);

/** A ticket's patch: what it was made on goes along, since the branch may move meanwhile. */
async function handIn(world: RepairWorld, order: AgentOrder, given: Input<'hand_in'>): Promise<Used> {
  const { failingCase, failingTest, ...words } = given;
  const { candidate: base, stack } = order.subject;
  const { suites } = world.fork.release;
  if (stack !== undefined && failingCase !== undefined)
    return { text: 'not taken: nothing is built where a command would run; name a `failingTest`', refused: true };
  if (failingTest !== undefined && !suites.includes(failingTest.suite))
    return { text: `not taken: failingTest.suite is one of: ${suites.join(', ') || 'none'}`, refused: true };
  const own = { ...(failingCase !== undefined && { failingCase }), ...(failingTest !== undefined && { failingTest }) };
  return submit(world, order, { cause: '', ...words, base, ...own });
}

type Words = Pick<Proposal, 'cause' | 'change' | 'risk' | 'base' | 'failingCase' | 'failingTest'>;

async function submit(world: RepairWorld, order: AgentOrder, words: Words): Promise<Used> {
  const { fork, candidate, untouchable = [] } = order.subject;
  const record = await world.workspaces.record({ fork, candidate, tree: world.tree });
  if (record.kind === 'none') return { text: 'not taken: you changed nothing', refused: true };
  if (record.kind === 'refused') return { text: `not taken: ${record.reasons.join('; ')}`, refused: true };
  const { patch, changes, treeSha } = record.record;
  const paths = changes.flatMap(({ path, from }) => (from === undefined ? [path] : [from, path]));
  const problems = proposalProblems(paths, untouchable);
  const tests = touchedTests(paths);
  const uses = untouchable.length === 0 ? [] : usesProblems(untouchable, await world.testUsers(treeSha, tests));
  const found = [...problems, ...uses, ...(await world.gates(patch.toString('utf8')))];
  const of = (kind: ProposalProblem['kind']) => found.flatMap((one) => (one.kind === kind ? [one.words] : []));
  if (of('refuse').length > 0) return { text: `not taken: ${of('refuse').join('; ')}`, refused: true };
  const pointedOut = of('point-out').slice(0, 10);
  const apart = tests.length === 0 ? {} : { tests };
  const proposal: Proposal = { tree: treeSha, patch: await world.put(patch), pointedOut, ...apart, ...words };
  return { text: 'taken: it is proven and reviewed now', accepted: JSON.stringify(proposal), ...apart };
}
