import { join } from 'node:path';
import { asyncLocalStorage } from '@temporalio/activity';
import { codeOf } from '../../config/code.ts';
import type { ForkSettings, Settings } from '../../config/schema.ts';
import { changesFiles } from '../../decisions/agent-roles.ts';
import { findingText } from '../../decisions/proposal-gates.ts';
import { isFileOf, type ProposalProblem } from '../../decisions/repair.ts';
import type { BlobReader } from '../../git/blobs.ts';
import { commitEnsurer, gitIn } from '../../git/clone.ts';
import { sourceOf } from '../../git/patch-stack.ts';
import { answersOf, wholeResult } from '../../store/agents.ts';
import type { AgentOrder, FilesNow, ToolCall } from '../../workflows/agent-types.ts';
import type { Digest } from '../../workflows/types.ts';
import type { AgentDeps } from '../agent.ts';
import type { Resource } from '../health/live-status.ts';
import type { Evidence } from './evidence.ts';
import { keepPlacesRead } from './fix-read.ts';
import { investigate } from './investigate.ts';
import { checkProposal } from './proposal-check.ts';
import { readGivenSkill, skillFolders } from './skills.ts';
import { createSources, type Sources } from './sources.ts';
import { testUsersIn } from './test-sources.ts';
import type { ToolWorld } from './tools.ts';
import type { Transcripts } from './transcript.ts';
import { createWorkspaces } from './workspace.ts';

type Parts = { transcripts: Transcripts; evidence: Evidence };

/** What a call finds around it: the files of its run, the evidence of its release, what else it may read. */
export function createToolWorlds(deps: AgentDeps & { blobs: BlobReader }, { transcripts, evidence }: Parts) {
  const { db, artifacts } = deps;
  const put = async (text: string | Buffer) => (await artifacts.put(text)).sha256;
  const read = async (digest: Digest) => (await artifacts.read(digest)).toString('utf8');
  const mirrorOf = (fork: string) => join(deps.dataDir, 'git', `${fork}.git`);
  const ensureCommit = commitEnsurer(deps);

  const argumentsOf = (call: ToolCall) =>
    call.entry === undefined ? read(call.arguments) : transcripts.argumentsOf(call.entry, call);

  async function filesOf({ subject: { fork, candidate } }: AgentOrder, tree: string): Promise<FilesNow> {
    const workspaces = createWorkspaces(deps, mirrorOf(fork));
    return { tree, patch: await put(await workspaces.patchOf({ candidate, tree })) };
  }

  async function wholeOf(run: string, id: string): Promise<string | undefined> {
    const digest = await wholeResult(db, run, id);
    return digest === undefined ? undefined : read(digest);
  }

  async function worldOf(order: AgentOrder, files: FilesNow | undefined): Promise<ToolWorld> {
    const { fork: name, candidate, patch } = order.subject;
    const mirror = mirrorOf(name);
    const settings = await deps.settings(order.settings);
    const fork = codeOf(settings, name);
    // Another host may have cut it.
    if (fork !== undefined) await ensureCommit(mirror, fork.repository, candidate);
    const git = gitIn(deps, mirror);
    const whole = (id: string) => wholeOf(order.run, id);
    const skill = async (wanted: string, file: string) =>
      readGivenSkill((await transcripts.record(order.brief)).skills, fork?.agent.skills, wanted, file);
    const { status } = deps;
    const live = status && {
      status: (environment: string, of?: Resource) => status.whole(settings, environment, of),
    };
    const looks = deps.investigating?.looks;
    const lookUp = looks && {
      lookUp: (where: 'docs' | 'releases', what: string) =>
        where === 'docs' ? looks.knowledge(what) : looks.releases(what === '' ? undefined : what, name),
    };
    const environments = environmentsToAsk(deps, settings, name);
    const world = { sources: createSources(deps, mirror), evidence, whole, skill, environments, ...live, ...lookUp };
    if (patch !== undefined) return { ...world, patch: async () => (await artifacts.read(patch)).toString('utf8') };
    if (!changesFiles(order.role) || fork === undefined) return world;
    const workspaces = createWorkspaces(deps, mirror);
    if (files !== undefined) await workspaces.ensure(candidate, files, async () => artifacts.read(files.patch));
    const tree = files?.tree ?? (await git('rev-parse', `${candidate}^{tree}`));
    const repair = {
      ...{ git, fork, put, workspaces, tree },
      sourceOf: (commit: string) => sourceOf(name, fork, commit, 0),
      testUsers: (treeish: string, touched: readonly string[]) =>
        testUsersIn(deps, mirror, { treeish, before: candidate, touched }),
      gates: (diff: string) => findingsOf({ sources: world.sources, fork, order, tree }, diff),
      ...abortOfActivity(),
    };
    return { ...world, repair };
  }

  async function investigateWith(order: AgentOrder, name: string, given: string) {
    if (deps.investigating === undefined) throw new Error('this worker has nothing to look into tickets with');
    const settings = await deps.settings(order.settings);
    for (const place of order.subject.places ?? []) {
      const code = codeOf(settings, place.name);
      if (code !== undefined) await ensureCommit(mirrorOf(place.name), code.repository, place.commit);
    }
    // By what is opened, not by what a call says: a model may write a name in more than one way.
    const opened = new Set<string>();
    const sources = (place: string) => {
      opened.add(place);
      return createSources(deps, mirrorOf(place));
    };
    const whole = async (id: string) => wholeOf(order.run, id);
    const answers = async (tool: string) =>
      Promise.all(
        (await answersOf(db, order.run, tool)).map(async ({ call, whole }) => ({
          ...{ given: await argumentsOf(call), text: await read(whole) },
        })),
      );
    const skill = async (wanted: string, file: string) =>
      readGivenSkill((await transcripts.record(order.brief)).skills, skillFolders(settings), wanted, file);
    const world = { ...deps.investigating, settings, sources, whole, answers, skill };
    const used = await investigate(world, order, name, given);
    await keepPlacesRead(db, settings, order, opened);
    return used;
  }

  return { argumentsOf, filesOf, worldOf, investigateWith };
}

/** Environments that a fork is rolled out to, where this worker can ask them. */
export const environmentsToAsk = ({ status }: AgentDeps, { forks }: Settings, fork: string): string[] =>
  status === undefined ? [] : (forks[fork]?.release.environments ?? []);

/** What the static gates have to say of a change, in the order of their weight. */
async function findingsOf(
  at: { sources: Sources; fork: ForkSettings; order: AgentOrder; tree: string },
  diff: string,
): Promise<ProposalProblem[]> {
  const { candidate: base, base: upstream, untouchable = [], old } = at.order.subject;
  const policy = at.fork.agent.proposals;
  const files = (await at.sources.list(base, '')).split('\n');
  const failingTests = files.filter((path) => untouchable.some((test) => isFileOf(path, test)));
  // Of a conflict the candidate is full of marks: what may not be lost is what both sides say.
  const sides = old && { sides: { old: old.base, patched: old.patched, base: upstream, resolved: at.tree } };
  const found = await checkProposal({ sources: at.sources, base, diff, policy, failingTests, ...sides });
  return found.map((finding) => ({ kind: finding.kind, words: findingText(finding) }));
}

/** Outside of an activity (a test) nothing is cancelled. */
function abortOfActivity(): { signal?: AbortSignal } {
  const context = asyncLocalStorage.getStore();
  return context === undefined ? {} : { signal: context.cancellationSignal };
}
