import { join } from 'node:path';
import { budgetLeft } from '../../decisions/agent-budget.ts';
import type { Suspects } from '../../decisions/agent-context.ts';
import { armsOf } from '../../decisions/agent-roles.ts';
import { buildExcerpt } from '../../decisions/build-failure.ts';
import { explanationWords } from '../../decisions/diagnosis.ts';
import { testName } from '../../decisions/verdict-words.ts';
import { gitIn } from '../../git/clone.ts';
import { agentTotals, openAgentRun } from '../../store/agents.ts';
import type {
  AgentBudget,
  AgentRole,
  AgentSubject,
  Diagnosis,
  Finding,
  ReviewOf,
  ReviewRole,
} from '../../workflows/agent-types.ts';
import type { FixPlan, Place } from '../../workflows/fix-types.ts';
import type { TestKey } from '../../workflows/proof-types.ts';
import type { Digest, Patch } from '../../workflows/types.ts';
import type { FixKind } from '../fixes/kind.ts';
import { diagnosisBrief, type HeldBy, LAYER } from './brief.ts';
import { assembleContext, type ContextDeps } from './context.ts';
import type { Evidence } from './evidence.ts';
import { repairBrief, reviewBrief, sentBackWords } from './repair-brief.ts';
import { redactItem } from './request.ts';
import { createSkills, skillFolders } from './skills.ts';
import { fixKindsText, investigationBrief, patchBrief, ticketReviewBrief } from './ticket-brief.ts';
import { asShown } from './tools.ts';
import type { BriefRecord, Item, Transcripts } from './transcript.ts';

/** `board`: the message of a thread that shows what it does. */
type Request = { run: string; release: string; settings: Digest; board?: string };
/** `held`: what it is about; a verdict where nothing is said. */
export type DiagnosisRequest = Request & { subject: AgentSubject; patches: Patch[]; held?: HeldBy };
export type RepairRequest = Request & {
  subject: AgentSubject;
  kind: 'regression' | 'build' | 'conflict';
  patches: Patch[];
  guilty: string;
  sentBack?: { reasons: string[]; findings: Finding[] };
  /** The answer of a diagnosis of what it is to mend. */
  explained?: Digest;
};
/** `what`: a sentence about the failure; nothing that the author said of the change. */
export type ReviewRequest = Request & {
  role: ReviewRole;
  what: string;
  patch: Digest;
  original?: { fork: string; commit: string };
  /** The tests that it is to mend: what they said when they failed is shown. */
  failed?: { suiteRun: string; tests: TestKey[] };
  /** A verdict where nothing is said. */
  of?: ReviewOf;
};

/** `said`: what people wrote in the ticket, in their order. `note`: what an earlier proposal was sent back with. */
export type InvestigationRequest = Request & { said: string[]; places: Place[]; hint?: string; note?: string };
/** `earlier`: the change that was sent back; `earlierWords`: what its author said of it, failing case and all. */
export type PatchRequest = Request & {
  plan: FixPlan;
  asked: string;
  check?: string;
  sentBack?: string[];
  earlier?: Digest;
  earlierWords?: string;
};

export type Prepared =
  | { kind: 'ready'; brief: Digest; budget: AgentBudget }
  | { kind: 'no-model' }
  | { kind: 'no-budget'; reason: string };

export type PrepareDeps = ContextDeps & { transcripts: Transcripts; evidence: Evidence };

/** The first words of a run, and for people what they were made of. */
type Brief = { items: Item[]; record: BriefRecord };
/** What a ticket is about lies in its words: layers are of releases. */
const NOTHING_MORE: BriefRecord = { layers: [], skills: [] };

/** Characters of the patches that are given in full. */
const IN_FULL = 12_000;
/** More are no suspicion: then all of the stack is given alike. */
const MOST_SUSPECTS = 3;

/** The first words of each kind of run, as they will be given; and what it may spend. */
export function createPreparations(deps: PrepareDeps) {
  const { db, artifacts, settings, transcripts, evidence } = deps;
  async function begin(
    { run, release, settings: digest, board }: Request,
    role: AgentRole,
    briefOf: () => Promise<Brief>,
  ): Promise<Prepared> {
    const { model } = await settings(digest);
    if (model === undefined) return { kind: 'no-model' };
    const left = budgetLeft(model.budget, model.perRelease, await agentTotals(db, release));
    if (left.kind === 'none') return { kind: 'no-budget', reason: left.reason };
    const { items, record } = await briefOf();
    const brief = await transcripts.append(undefined, items.map(redactItem), record);
    await openAgentRun(db, { run, release, role, brief, board });
    return { kind: 'ready', brief, budget: left.budget };
  }

  const read = async (subject: AgentSubject, what: 'verdict' | 'log' | 'difference') =>
    asShown(await evidence.read(subject, what));

  /** The six layers, as they are shown. */
  async function contextOf({
    subject,
    ...request
  }: Request & { subject: AgentSubject; patches: Patch[]; suspects?: Suspects | undefined }) {
    const { suiteRun, unit } = subject;
    const failing = suiteRun === undefined || unit === undefined ? {} : { failing: { suiteRun, unit } };
    const { text, ...record } = await assembleContext(deps, { ...subject, ...request, ...failing });
    return { context: asShown(text), record };
  }

  /** A patch of a stack, its message and its difference: what the change goes into. */
  const originalOf = ({ fork, commit }: { fork: string; commit: string }) =>
    gitIn(deps, join(deps.dataDir, 'git', `${fork}.git`))(
      'show',
      '--no-ext-diff',
      '--no-textconv',
      '--no-color',
      commit,
    );

  /** Cut so that one patch does not push out all else; the tools have the rest. */
  async function inFull(fork: string, commits: readonly string[]): Promise<string> {
    const shown = await Promise.all(commits.map((commit) => originalOf({ fork, commit })));
    const most = Math.floor(IN_FULL / Math.max(1, commits.length));
    return shown
      .map((text) => asShown(text))
      .map((text) => (text.length <= most ? text : `${text.slice(0, most)}\n… \`show_patch\` has the rest`))
      .join('\n\n');
  }

  /** What the build said, what git left, or the verdict. */
  const heldWords = async (subject: AgentSubject, held: HeldBy) => {
    if (held === 'verdict') return read(subject, 'verdict');
    const log = await read(subject, 'log');
    return held === 'build' ? buildExcerpt(log, LAYER - 200) : log;
  };

  /** Patches that a run is about: those that the search for a culprit named, or the one that conflicts. */
  async function suspected(subject: AgentSubject, patches: readonly Patch[]): Promise<Suspects | undefined> {
    const named = subject.guilty === undefined ? await evidence.culprits(subject) : [subject.guilty];
    const commits = patches.flatMap(({ commit }) => (named.includes(commit) ? [commit] : []));
    if (commits.length === 0 || commits.length > MOST_SUSPECTS) return undefined;
    return { commits, words: 'this one is suspected; it is given in full' };
  }

  const explanationOf = async (answer: Digest) =>
    asShown(explanationWords(JSON.parse((await artifacts.read(answer)).toString('utf8')) as Diagnosis));

  return {
    diagnosis: (request: DiagnosisRequest) =>
      begin(request, 'diagnose', async () => {
        const { subject, patches, held = 'verdict' } = request;
        const suspects = await suspected(subject, patches);
        const { context, record } = await contextOf({ ...request, suspects });
        const items = diagnosisBrief({
          ...{ held, arms: armsOf('diagnose', subject), what: await heldWords(subject, held), context },
          ...(held === 'verdict' && { difference: await read(subject, 'difference') }),
          ...(suspects && { patches: await inFull(subject.fork, suspects.commits) }),
        });
        return { items, record };
      }),

    repair: (request: RepairRequest) =>
      begin(request, 'repair', async () => {
        const { subject, kind, guilty, sentBack, explained } = request;
        const held = kind === 'regression' ? 'verdict' : kind;
        const back = sentBack && { sentBack: asShown(sentBackWords(sentBack.reasons, sentBack.findings)) };
        const suspects = { commits: [guilty], words: 'your change goes into this patch; it is given in full' };
        const { context, record } = await contextOf({ ...request, suspects });
        const items = repairBrief({
          ...{ kind, arms: armsOf('repair', subject), context },
          tests: (subject.untouchable ?? []).map(testName),
          what: await heldWords(subject, held),
          guilty: await inFull(subject.fork, [guilty]),
          ...(held === 'verdict' && { difference: await read(subject, 'difference') }),
          ...(explained !== undefined && { explained: await explanationOf(explained) }),
          ...back,
        });
        return { items, record };
      }),

    investigation: (request: InvestigationRequest, kinds: readonly FixKind[]) =>
      begin(request, 'investigate', async () => {
        const found = await settings(request.settings);
        const { skills } = await createSkills(skillFolders(found)).load();
        // Those for reviewers say how a change is read, not how a cause is found.
        const runbooks = skills.filter(({ name }) => !name.startsWith('review-'));
        const items = investigationBrief(request, { targets: fixKindsText(found, kinds), runbooks });
        return { items, record: { layers: [], skills: runbooks } };
      }),

    patch: (request: PatchRequest) =>
      begin(request, 'patch', async () => {
        const { earlier } = request;
        const text = earlier && (await artifacts.read(earlier)).toString('utf8');
        return { items: patchBrief(request, text), record: NOTHING_MORE };
      }),

    review: (request: ReviewRequest) =>
      begin(request, request.role, async () => {
        const patch = (await artifacts.read(request.patch)).toString('utf8');
        const original = request.original && (await originalOf(request.original));
        // A reviewer is given no more than the change and its own runbook: what others think would make it agree.
        const skills = (await createSkills().list()).filter(({ name }) => name === request.role);
        const { of = 'verdict' } = request;
        const messages = request.failed === undefined ? [] : await evidence.messages(request.failed);
        const what = [request.what, ...messages].join('\n');
        const parts = { what: asShown(what), patch: asShown(patch) };
        const items =
          of === 'ticket'
            ? ticketReviewBrief(request.role, parts)
            : reviewBrief(request.role, { ...parts, of, ...(original && { original: asShown(original) }) });
        return { items, record: { layers: [], skills } };
      }),
  };
}
