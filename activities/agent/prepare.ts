import { budgetLeft } from '../../decisions/agent-budget.ts';
import { agentTotals, openAgentRun } from '../../store/agents.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import type {
  AgentBudget,
  AgentRole,
  AgentSubject,
  DiagnosisSubject,
  Finding,
  ReviewRole,
} from '../../workflows/agent-types.ts';
import type { Digest, Patch } from '../../workflows/types.ts';
import { diagnosisBrief } from './brief.ts';
import { assembleContext, type ContextDeps, type ContextOrder } from './context.ts';
import type { Evidence } from './evidence.ts';
import { redactItem } from './model.ts';
import { repairBrief, reviewBrief, sentBackWords } from './repair-brief.ts';
import { asShown } from './tools.ts';
import type { Item, Transcripts } from './transcript.ts';

type Request = { run: string; release: string; settings: Digest };
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
  subject: AgentSubject;
  patches: Patch[];
  what: string;
  patch: Digest;
};

export type Prepared =
  | { kind: 'ready'; brief: Digest; budget: AgentBudget }
  | { kind: 'no-model' }
  | { kind: 'no-budget'; reason: string };

/** What the context is about. */
function aboutOf(request: Request & { subject: AgentSubject; patches: Patch[] }): ContextOrder {
  const { release, settings, patches } = request;
  const { fork, base, candidate, suiteRun, unit } = request.subject;
  const failing = suiteRun !== undefined && unit !== undefined && { failing: { suiteRun, unit } };
  return { release, settings, fork, base, candidate, patches, ...failing };
}

export type PrepareDeps = ContextDeps & {
  db: Db;
  artifacts: ArtifactStore;
  transcripts: Transcripts;
  evidence: Evidence;
};

/** The first words of each kind of run, as they will be given; and what it may spend. */
export function createPreparations(deps: PrepareDeps) {
  const { db, artifacts, settings, transcripts, evidence } = deps;
  async function begin(
    { run, release, settings: digest }: Request,
    role: AgentRole,
    about: ContextOrder,
    briefOf: (context: string) => Promise<Item[]>,
  ): Promise<Prepared> {
    const { model } = await settings(digest);
    if (model === undefined) return { kind: 'no-model' };
    const left = budgetLeft(model.budget, model.perRelease, await agentTotals(db, release));
    if (left.kind === 'none') return { kind: 'no-budget', reason: left.reason };
    const { text, layers, skills } = await assembleContext(deps, about);
    const items = (await briefOf(asShown(text))).map(redactItem);
    const brief = await transcripts.append(undefined, items, { layers, skills });
    await openAgentRun(db, { run, release, role, brief });
    return { kind: 'ready', brief, budget: left.budget };
  }

  const read = async (subject: AgentSubject, what: 'verdict' | 'log' | 'difference') =>
    asShown(await evidence.read(subject, what));

  return {
    diagnosis: (request: DiagnosisRequest) =>
      begin(request, 'diagnose', aboutOf(request), async (context) => {
        const { subject } = request;
        const [verdict, difference] = [await read(subject, 'verdict'), await read(subject, 'difference')];
        return diagnosisBrief({ verdict, difference, context });
      }),

    repair: (request: RepairRequest) =>
      begin(request, 'repair', aboutOf(request), async (context) => {
        const { subject, kind, patches, guilty, sentBack } = request;
        const judged = subject.suiteRun !== undefined;
        const back = sentBack && { sentBack: asShown(sentBackWords(sentBack.reasons, sentBack.findings)) };
        return repairBrief({
          ...{ kind, patches, guilty, context, what: await read(subject, judged ? 'verdict' : 'log') },
          ...(judged && { difference: await read(subject, 'difference') }),
          ...back,
        });
      }),

    review: (request: ReviewRequest) =>
      begin(request, request.role, aboutOf(request), async (context) => {
        const patch = (await artifacts.read(request.patch)).toString('utf8');
        return reviewBrief(request.role, { what: asShown(request.what), patch: asShown(patch), context });
      }),
  };
}
