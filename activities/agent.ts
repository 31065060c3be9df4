import { CancelledFailure } from '@temporalio/activity';
import type { Settings } from '../config/schema.ts';
import { releaseState } from '../decisions/agent-budget.ts';
import { armsOf, onlyRead } from '../decisions/agent-roles.ts';
import { diagnosisWords } from '../decisions/diagnosis.ts';
import { testName } from '../decisions/verdict-words.ts';
import { THINKS, toolWords } from '../decisions/work-words.ts';
import { createBlobReader } from '../git/blobs.ts';
import { logger } from '../lib/log.ts';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import { agentTotals, spentBy } from '../store/agent-spent.ts';
import { closeAgentRun, finishedTurn, keepTurn } from '../store/agents.ts';
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
import { LAST_TURN } from './agent/brief.ts';
import { createEvidence } from './agent/evidence.ts';
import { type Investigating, investigationSpecs } from './agent/investigate.ts';
import { askModel } from './agent/model.ts';
import { createNews } from './agent/news.ts';
import {
  createPreparations,
  type DiagnosisRequest,
  type InvestigationRequest,
  type PatchRequest,
  type RepairRequest,
  type ReviewRequest,
} from './agent/prepare.ts';
import { forTicket } from './agent/ticket-tools.ts';
import { toolSpecs } from './agent/tool-inputs.ts';
import { createToolWorlds, environmentsToAsk } from './agent/tool-world.ts';
import { applyTool, asShown, type Used } from './agent/tools.ts';
import { createTranscripts } from './agent/transcript.ts';
import { trialText } from './agent/trial-text.ts';
import type { WorkspaceDeps } from './agent/workspace.ts';
import { permanent } from './failures.ts';
import type { LiveStatus } from './health/live-status.ts';
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
  /**
   * What the run's files are, null where nothing was changed. Only whoever says so is answered a turn's calls with it: a
   * history that was begun before makes them itself, and has told nobody what its files are.
   */
  files?: FilesNow | null;
};

const log = logger('agent');

/** An agent's turns and tools. They read; nothing here has an effect outside of the store. */
export function createAgentActivities(given: AgentDeps) {
  const deps = { ...given, blobs: createBlobReader(given) };
  const { db, artifacts } = deps;
  const transcripts = createTranscripts(artifacts);
  const news = createNews(artifacts);
  const evidence = createEvidence(db, artifacts);
  const put = async (text: string | Buffer) => (await artifacts.put(text)).sha256;
  const board = createWorkBoard(deps);
  const documents = deps.investigating?.looks.knowledge;
  const worlds = createToolWorlds(deps, { transcripts, evidence });
  const preparations = createPreparations({ ...deps, transcripts, evidence, ...(documents && { documents }) });

  async function shown(id: string, said: string): Promise<Pick<ToolResult, 'id' | 'whole'>> {
    const text = asShown(said);
    const whole = await put(text);
    news.keep(id, whole, text);
    return { id, whole };
  }

  const read = async (digest: Digest) => (await artifacts.read(digest)).toString('utf8');

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
  async function spentOf({ run, release }: AgentOrder) {
    const [own, all] = await Promise.all([spentBy(db, run), agentTotals(db, release, run)]);
    return { own, all };
  }

  /**
   * Makes one call. Safe to repeat: it reads, or makes another tree of the one it was given.
   *
   * @param files what a repair's files are; the candidate's where nothing was changed yet.
   */
  async function useTool(order: AgentOrder, call: ToolCall, files?: FilesNow): Promise<ToolResult> {
    const given = await worlds.argumentsOf(call);
    await board.doing(order, toolWords(call.name, given, await namesIn(order)));
    const used: Used =
      order.role === 'investigate'
        ? await worlds.investigateWith(order, call.name, given)
        : await applyTool(await worlds.worldOf(order, files), order, call.name, given);
    const { refused, accepted, trial, tests } = used;
    return {
      ...(await shown(call.id, used.text)),
      ...(accepted !== undefined && { accepted: await put(accepted) }),
      ...(tests !== undefined && { tests }),
      ...(refused && { refused: true }),
      ...(used.tree !== undefined && { files: await worlds.filesOf(order, used.tree) }),
      ...(trial !== undefined && { trial: { fix: trial, tests: order.trial?.held?.tests ?? [] } }),
    };
  }

  /**
   * What the calls of a turn are answered, where all of them only read: they are made where the turn was taken, which
   * saves a way through Temporal for each. What fails is left to activities of its own, with their tries and their words.
   */
  async function answersTo(order: AgentOrder, turn: Turn, files: Since['files']): Promise<ToolResult[] | undefined> {
    if (files === undefined || turn.kind !== 'calls' || !onlyRead(order.role, turn.calls)) return undefined;
    try {
      return await Promise.all(turn.calls.map((call) => useTool(order, call, files ?? undefined)));
    } catch (error) {
      if (error instanceof CancelledFailure) throw error;
      log.warn({ run: order.run, release: order.release, err: (error as Error).message }, 'a call is made once more');
      return undefined;
    }
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
     * again; where a worker dies between the answer and its record, it is asked once more. With the answers of its calls,
     * where they only read; not of one that is read from the store: its calls may be what the worker died of, and have
     * tries of their own.
     */
    async takeTurn(order: AgentOrder, turn: number, head: Digest, since: Since): Promise<Turn> {
      const { run } = order;
      const [done, settings, past, told, spent] = await Promise.all([
        finishedTurn(db, run, turn),
        deps.settings(order.settings),
        transcripts.read(head),
        news.of(since),
        spentOf(order),
      ]);
      if (done !== undefined) return done;
      await board.doing(order, THINKS);
      const { model } = settings;
      if (model === undefined) throw permanent('BadConfiguration', `${run} was begun with a model and has none now`);
      const budget = releaseState(spent.own, model.perRelease, spent.all);
      if (budget.kind === 'over') return { kind: 'over', reason: budget.reason, head, tokens: 0, money: 0 };
      if (budget.kind === 'last' && !since.last) told.push(LAST_TURN);
      const tools = specsOf(order, settings);
      const { turn: answered, said } = await askModel(model, { items: [...past, ...told], tools });
      const outcome = turnAt(await transcripts.append(head, [...told, ...said]), answered);
      const results = Object.fromEntries((since.results ?? []).map(({ id, whole }) => [id, whole]));
      // First: what a call reads of earlier answers is kept with this turn.
      const kept = await keepTurn(db, { run, turn, outcome, results });
      // Two attempts may have ended this turn: the first one's counts.
      if (kept.kind !== 'calls' || kept.head !== outcome.head) return kept;
      const answers = await answersTo(order, kept, since.files);
      return answers === undefined ? kept : { ...kept, results: answers };
    },

    useTool,

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

const kindsOf = (investigating: Investigating | undefined) => investigating?.kinds ?? [];

export type AgentActivities = ReturnType<typeof createAgentActivities>;

/** What was answered stands in the transcript with what was asked: the arguments of its calls are read there. */
const turnAt = (head: Digest, turn: Awaited<ReturnType<typeof askModel>>['turn']): Turn =>
  turn.kind === 'calls'
    ? { ...turn, head, calls: turn.calls.map((call) => ({ ...call, entry: head })) }
    : { ...turn, head };
