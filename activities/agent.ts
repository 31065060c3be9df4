import { join } from 'node:path';
import { asyncLocalStorage } from '@temporalio/activity';
import { codeOf } from '../config/code.ts';
import type { ForkSettings, ModelSettings, Settings } from '../config/schema.ts';
import { type BudgetState, releaseState } from '../decisions/agent-budget.ts';
import { armsOf, changesFiles } from '../decisions/agent-roles.ts';
import { diagnosisWords } from '../decisions/diagnosis.ts';
import { findingText } from '../decisions/proposal-gates.ts';
import { isFileOf, type ProposalProblem } from '../decisions/repair.ts';
import { testName } from '../decisions/verdict-words.ts';
import { THINKS, toolWords } from '../decisions/work-words.ts';
import { createBlobReader } from '../git/blobs.ts';
import { commitEnsurer, gitIn } from '../git/clone.ts';
import { sourceOf } from '../git/patch-stack.ts';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import { agentTotals, spentBy } from '../store/agent-spent.ts';
import { answersOf, closeAgentRun, finishedTurn, keepTurn, wholeResult } from '../store/agents.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';
import type {
  AgentOrder,
  AgentOutcome,
  Diagnosis,
  DiagnosisSubject,
  FilesNow,
  ToolCall,
  ToolResult,
  Turn,
} from '../workflows/agent-types.ts';
import type { ProofOutcome } from '../workflows/proof-types.ts';
import type { Digest } from '../workflows/types.ts';
import { CUT_OFF, LAST_TURN, sameAgain, WORDS_ONLY } from './agent/brief.ts';
import { createEvidence } from './agent/evidence.ts';
import { keepPlacesRead } from './agent/fix-read.ts';
import { type Investigating, investigate, investigationSpecs } from './agent/investigate.ts';
import { askModel } from './agent/model.ts';
import { headAndTail } from './agent/output.ts';
import {
  createPreparations,
  type DiagnosisRequest,
  type InvestigationRequest,
  type PatchRequest,
  type RepairRequest,
  type ReviewRequest,
} from './agent/prepare.ts';
import { checkProposal } from './agent/proposal-check.ts';
import { readGivenSkill, skillFolders } from './agent/skills.ts';
import { createSources, type Sources } from './agent/sources.ts';
import { testUsersIn } from './agent/test-sources.ts';
import { forTicket } from './agent/ticket-tools.ts';
import { toolSpecs } from './agent/tool-inputs.ts';
import { applyTool, asShown, type ToolWorld, type Used } from './agent/tools.ts';
import { createTranscripts, type Item } from './agent/transcript.ts';
import { trialText } from './agent/trial-text.ts';
import { createWorkspaces, type WorkspaceDeps } from './agent/workspace.ts';
import { permanent } from './failures.ts';
import type { LiveStatus, Resource } from './health/live-status.ts';
import type { RecallAboutCode } from './memory.ts';
import { createWorkBoard } from './work-board.ts';

export type { DiagnosisRequest, Prepared, RepairRequest, ReviewRequest } from './agent/prepare.ts';

export type AgentDeps = WorkspaceDeps & {
  db: Db;
  artifacts: ArtifactStore;
  settings: (digest: Digest) => Promise<Settings>;
  /** How environments stand; a worker that runs commands alone cannot ask them. */
  status?: LiveStatus;
  /** What verified fixes have taught, for the context. */
  recall?: RecallAboutCode;
  /** Carries a ticket's thread to Slack, which shows what is being done. */
  wakeThread?: (ticket: string) => Promise<void>;
  /** What a ticket is looked into with; a worker that runs commands alone has none of it. */
  investigating?: Investigating;
};

/** What came since the last turn: results of its calls, or what it has to be told. */
export type Since = {
  results?: ToolResult[];
  told?: 'words' | 'cut-off';
  last?: boolean;
  /** A call that it made so often and was answered the same. */
  again?: { call: string; times: number };
};

/** An agent's turns and tools. They read; nothing here has an effect outside of the store. */
export function createAgentActivities(given: AgentDeps) {
  const deps = { ...given, blobs: createBlobReader(given) };
  const { db, artifacts } = deps;
  const transcripts = createTranscripts(artifacts);
  const evidence = createEvidence(db, artifacts);
  const put = async (text: string | Buffer) => (await artifacts.put(text)).sha256;
  const mirrorOf = (fork: string) => join(deps.dataDir, 'git', `${fork}.git`);
  const ensureCommit = commitEnsurer(deps);
  const board = createWorkBoard(deps);
  const documents = deps.investigating?.looks.knowledge;
  const preparations = createPreparations({ ...deps, transcripts, evidence, ...(documents && { documents }) });

  const shown = async (id: string, said: string): Promise<Pick<ToolResult, 'id' | 'whole'>> => ({
    id,
    whole: await put(asShown(said)),
  });

  const read = async (digest: Digest) => (await artifacts.read(digest)).toString('utf8');

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

  /** What may be shown of a call's arguments. */
  async function namesIn({ board, settings, subject }: AgentOrder): Promise<string[]> {
    if (board === undefined) return [];
    const { environments } = await deps.settings(settings);
    return [...(subject.places ?? []).map(({ name }) => name), ...Object.keys(environments)];
  }

  const specsOf = (order: AgentOrder, settings: Settings) =>
    order.role === 'investigate'
      ? investigationSpecs(settings, kindsOf(deps.investigating), order.subject.places ?? [])
      : forTicket(
          toolSpecs(order.role, {
            arms: armsOf(order.role, order.subject),
            environments: environmentsToAsk(deps, settings, order.subject.fork),
          }),
          order,
        );

  /** What the release may still spend is looked at before each turn: other runs of it go on beside this one. */
  async function releaseLeft({ run, release }: AgentOrder, { perRelease }: ModelSettings): Promise<BudgetState> {
    const [own, all] = await Promise.all([spentBy(db, run), agentTotals(db, release, run)]);
    return releaseState(own, perRelease, all);
  }

  return {
    /** Puts the brief of a diagnosis together, as it will be given. Safe to repeat. */
    prepareDiagnosis: (request: DiagnosisRequest) => preparations.diagnosis(request),
    /** The same for a repair. */
    prepareRepair: (request: RepairRequest) => preparations.repair(request),
    /** The same for one reviewer. */
    prepareReview: (request: ReviewRequest) => preparations.review(request),
    /** The same for whoever looks into a ticket. */
    prepareInvestigation: (request: InvestigationRequest) =>
      preparations.investigation(request, kindsOf(deps.investigating)),
    /** The same for a ticket's patch. */
    preparePatch: (request: PatchRequest) => preparations.patch(request),

    /**
     * One question to the model, one entry of the transcript. A turn that has ended is read from the store and not paid
     * again; where a worker dies between the answer and its record, it is asked once more.
     */
    async takeTurn(order: AgentOrder, turn: number, head: Digest, since: Since): Promise<Turn> {
      const { run } = order;
      const [done, settings, past, news] = await Promise.all([
        finishedTurn(db, run, turn),
        deps.settings(order.settings),
        transcripts.read(head),
        newsOf(artifacts, since),
      ]);
      if (done !== undefined) return done;
      await board.doing(order, THINKS);
      const { model } = settings;
      if (model === undefined) throw permanent('BadConfiguration', `${run} was begun with a model and has none now`);
      const budget = await releaseLeft(order, model);
      if (budget.kind === 'over') return { kind: 'over', reason: budget.reason, head, tokens: 0, money: 0 };
      if (budget.kind === 'last' && !since.last) news.push(LAST_TURN);
      const tools = specsOf(order, settings);
      const { turn: answered, said } = await askModel(model, { items: [...past, ...news], tools });
      const outcome = turnAt(await transcripts.append(head, [...news, ...said]), answered);
      const results = Object.fromEntries((since.results ?? []).map(({ id, whole }) => [id, whole]));
      return keepTurn(db, { run, turn, outcome, results });
    },

    /**
     * Makes one call. Safe to repeat: it reads, or makes another tree of the one it was given.
     *
     * @param files what a repair's files are; the candidate's where nothing was changed yet.
     */
    async useTool(order: AgentOrder, call: ToolCall, files?: FilesNow): Promise<ToolResult> {
      const given = await argumentsOf(call);
      await board.doing(order, toolWords(call.name, given, await namesIn(order)));
      const used: Used =
        order.role === 'investigate'
          ? await investigateWith(order, call.name, given)
          : await applyTool(await worldOf(order, files), order, call.name, given);
      const { refused, accepted, trial, tests } = used;
      return {
        ...(await shown(call.id, used.text)),
        ...(accepted !== undefined && { accepted: await put(accepted) }),
        ...(tests !== undefined && { tests }),
        ...(refused && { refused: true }),
        ...(used.tree !== undefined && { files: await filesOf(order, used.tree) }),
        ...(trial !== undefined && { trial: { fix: trial, tests: order.trial?.held?.tests ?? [] } }),
      };
    },

    /** What a trial came to, for the model. Reads only. */
    async tellTrial(call: string, outcome: ProofOutcome): Promise<ToolResult> {
      return shown(call, await trialText(outcome, read));
    },

    /** Safe to repeat: the first end stands. */
    async closeRun(order: Pick<AgentOrder, 'run' | 'release' | 'board'>, outcome: AgentOutcome): Promise<void> {
      await closeAgentRun(db, order.run, outcome);
      await board.ended(order);
    },

    /** What an accepted diagnosis says of a test or of whatever else, in a sentence for the thread. Reads only. */
    async diagnosisText(of: Pick<DiagnosisSubject, 'unit' | 'test'> | string, answer: Digest): Promise<string> {
      const diagnosis = JSON.parse((await artifacts.read(answer)).toString('utf8')) as Diagnosis;
      const about = typeof of === 'string' ? of : testName(of);
      return plainText(redact(diagnosisWords(about, diagnosis)), 2_500);
    },
  };
}

/** Environments that a fork is rolled out to, where this worker can ask them. */
const environmentsToAsk = ({ status }: AgentDeps, { forks }: Settings, fork: string): string[] =>
  status === undefined ? [] : (forks[fork]?.release.environments ?? []);

const kindsOf = (investigating: Investigating | undefined) => investigating?.kinds ?? [];

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

export type AgentActivities = ReturnType<typeof createAgentActivities>;

/** What was answered stands in the transcript with what was asked: the arguments of its calls are read there. */
const turnAt = (head: Digest, turn: Awaited<ReturnType<typeof askModel>>['turn']): Turn =>
  turn.kind === 'calls'
    ? { ...turn, head, calls: turn.calls.map((call) => ({ ...call, entry: head })) }
    : { ...turn, head };

async function newsOf(artifacts: ArtifactStore, { results = [], told, last, again }: Since): Promise<Item[]> {
  const items: Item[] = [];
  for (const { id, output, whole } of results) {
    const text = (await artifacts.read(output ?? whole)).toString('utf8');
    const shown = output === undefined ? headAndTail(text, id) : text;
    items.push({ type: 'function_call_output', call_id: id, output: shown });
  }
  if (told === 'words') items.push(WORDS_ONLY);
  if (told === 'cut-off') items.push(CUT_OFF);
  if (again !== undefined) items.push(sameAgain(again));
  if (last) items.push(LAST_TURN);
  return items;
}
