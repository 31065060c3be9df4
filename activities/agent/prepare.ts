import { join } from 'node:path';
import { budgetLeft } from '../../decisions/agent-budget.ts';
import { testName } from '../../decisions/verdict-words.ts';
import { gitIn } from '../../git/clone.ts';
import { agentTotals, openAgentRun } from '../../store/agents.ts';
import type {
  AgentBudget,
  AgentRole,
  AgentSubject,
  DiagnosisSubject,
  Finding,
  ReviewRole,
} from '../../workflows/agent-types.ts';
import type { FixPlan, Place } from '../../workflows/fix-types.ts';
import type { Digest, Patch } from '../../workflows/types.ts';
import type { FixKind } from '../fixes/kind.ts';
import { diagnosisBrief } from './brief.ts';
import { assembleContext, type ContextDeps } from './context.ts';
import type { Evidence } from './evidence.ts';
import { repairBrief, reviewBrief, sentBackWords } from './repair-brief.ts';
import { redactItem } from './request.ts';
import { createSkills } from './skills.ts';
import { fixKindsText, investigationBrief, patchBrief, ticketReviewBrief } from './ticket-brief.ts';
import { asShown } from './tools.ts';
import type { BriefRecord, Item, Transcripts } from './transcript.ts';

/** `board`: the message of a thread that shows what it does. */
type Request = { run: string; release: string; settings: Digest; board?: string };
export type DiagnosisRequest = Request & { subject: DiagnosisSubject; patches: Patch[] };
export type RepairRequest = Request & {
  subject: AgentSubject;
  kind: 'regression' | 'build' | 'conflict';
  patches: Patch[];
  guilty: string;
  sentBack?: { reasons: string[]; findings: Finding[] };
};
/** `what`: a sentence about the failure; nothing that the author said of the change. */
export type ReviewRequest = Request & {
  role: ReviewRole;
  what: string;
  patch: Digest;
  original?: { fork: string; commit: string };
  /** Of a ticket's fix: nothing was held, and what is to be mended is what people wrote. */
  ofTicket?: boolean;
};

/** `said`: what people wrote in the ticket, in their order. `note`: what an earlier proposal was sent back with. */
export type InvestigationRequest = Request & { said: string[]; places: Place[]; hint?: string; note?: string };
/** `earlier`: the change that was sent back. */
export type PatchRequest = Request & {
  plan: FixPlan;
  asked: string;
  check?: string;
  sentBack?: string[];
  earlier?: Digest;
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
  async function contextOf({ subject, ...request }: Request & { subject: AgentSubject; patches: Patch[] }) {
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

  return {
    diagnosis: (request: DiagnosisRequest) =>
      begin(request, 'diagnose', async () => {
        const { subject } = request;
        const [verdict, difference] = [await read(subject, 'verdict'), await read(subject, 'difference')];
        const { context, record } = await contextOf(request);
        return { items: diagnosisBrief({ verdict, difference, context }), record };
      }),

    repair: (request: RepairRequest) =>
      begin(request, 'repair', async () => {
        const { subject, kind, patches, guilty, sentBack } = request;
        const judged = subject.suiteRun !== undefined;
        const back = sentBack && { sentBack: asShown(sentBackWords(sentBack.reasons, sentBack.findings)) };
        const { context, record } = await contextOf(request);
        const items = repairBrief({
          ...{
            kind,
            patches,
            guilty,
            context,
            tests: (subject.untouchable ?? []).map(testName),
            what: await read(subject, judged ? 'verdict' : 'log'),
          },
          ...(judged && { difference: await read(subject, 'difference') }),
          ...back,
        });
        return { items, record };
      }),

    investigation: (request: InvestigationRequest, kinds: readonly FixKind[]) =>
      begin(request, 'investigate', async () => ({
        items: investigationBrief(request, fixKindsText(await settings(request.settings), kinds)),
        record: NOTHING_MORE,
      })),

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
        const parts = { what: asShown(request.what), patch: asShown(patch) };
        const items = request.ofTicket
          ? ticketReviewBrief(request.role, parts)
          : reviewBrief(request.role, { ...parts, ...(original && { original: asShown(original) }) });
        return { items, record: { layers: [], skills } };
      }),
  };
}
