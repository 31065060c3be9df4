import type { Settings } from '../../config/schema.ts';
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
import type { FixPlan, Place } from '../../workflows/fix-types.ts';
import type { Digest, Patch } from '../../workflows/types.ts';
import type { FixKind } from '../fixes/kind.ts';
import { diagnosisBrief } from './brief.ts';
import type { Evidence } from './evidence.ts';
import { redactItem } from './model.ts';
import { repairBrief, reviewBrief, sentBackWords } from './repair-brief.ts';
import { fixKindsText, investigationBrief, patchBrief } from './ticket-brief.ts';
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
export type ReviewRequest = Request & { role: ReviewRole; what: string; patch: Digest };

/** `said`: what people wrote in the ticket, in their order. `note`: what an earlier proposal was sent back with. */
export type InvestigationRequest = Request & { said: string[]; places: Place[]; hint?: string; note?: string };
export type PatchRequest = Request & { plan: FixPlan; asked: string; check?: string; sentBack?: string[] };

export type Prepared =
  | { kind: 'ready'; brief: Digest; budget: AgentBudget }
  | { kind: 'no-model' }
  | { kind: 'no-budget'; reason: string };

export type PrepareDeps = {
  db: Db;
  artifacts: ArtifactStore;
  settings: (digest: Digest) => Promise<Settings>;
  transcripts: Transcripts;
  evidence: Evidence;
};

/** The first words of each kind of run, as they will be given; and what it may spend. */
export function createPreparations({ db, artifacts, settings, transcripts, evidence }: PrepareDeps) {
  async function begin(
    { run, release, settings: digest }: Request,
    role: AgentRole,
    briefOf: () => Promise<Item[]>,
  ): Promise<Prepared> {
    const { model } = await settings(digest);
    if (model === undefined) return { kind: 'no-model' };
    const left = budgetLeft(model.budget, model.perRelease, await agentTotals(db, release));
    if (left.kind === 'none') return { kind: 'no-budget', reason: left.reason };
    const brief = await transcripts.append(undefined, (await briefOf()).map(redactItem));
    await openAgentRun(db, { run, release, role, brief });
    return { kind: 'ready', brief, budget: left.budget };
  }

  const read = async (subject: AgentSubject, what: 'verdict' | 'log' | 'difference') =>
    asShown(await evidence.read(subject, what));

  return {
    diagnosis: (request: DiagnosisRequest) =>
      begin(request, 'diagnose', async () => {
        const { subject, patches } = request;
        const [verdict, difference] = [await read(subject, 'verdict'), await read(subject, 'difference')];
        return diagnosisBrief({ verdict, difference, patches });
      }),

    repair: (request: RepairRequest) =>
      begin(request, 'repair', async () => {
        const { subject, kind, patches, guilty, sentBack } = request;
        const judged = subject.suiteRun !== undefined;
        const back = sentBack && { sentBack: asShown(sentBackWords(sentBack.reasons, sentBack.findings)) };
        return repairBrief({
          ...{ kind, patches, guilty, what: await read(subject, judged ? 'verdict' : 'log') },
          ...(judged && { difference: await read(subject, 'difference') }),
          ...back,
        });
      }),

    investigation: (request: InvestigationRequest, kinds: readonly FixKind[]) =>
      begin(request, 'investigate', async () =>
        investigationBrief(request, fixKindsText(await settings(request.settings), kinds)),
      ),

    patch: (request: PatchRequest) => begin(request, 'patch', async () => patchBrief(request)),

    review: (request: ReviewRequest) =>
      begin(request, request.role, async () => {
        const patch = (await artifacts.read(request.patch)).toString('utf8');
        return reviewBrief(request.role, { what: asShown(request.what), patch: asShown(patch) });
      }),
  };
}
