import { join } from 'node:path';
import { budgetLeft } from '../../decisions/agent-budget.ts';
import type { Suspects } from '../../decisions/agent-context.ts';
import { armsOf } from '../../decisions/agent-roles.ts';
import { explanationWords } from '../../decisions/diagnosis.ts';
import { headOfFailure } from '../../decisions/repair-proof.ts';
import { testName } from '../../decisions/verdict-words.ts';
import { gitIn } from '../../git/clone.ts';
import { agentTotals } from '../../store/agent-spent.ts';
import { openAgentRun } from '../../store/agents.ts';
import type {
  AgentBudget,
  AgentRole,
  AgentSubject,
  Diagnosis,
  ReviewOf,
  ReviewRole,
} from '../../workflows/agent-types.ts';
import type { FixPlan, Place } from '../../workflows/fix-types.ts';
import type { TestKey } from '../../workflows/proof-types.ts';
import type { SentBack } from '../../workflows/repair-types.ts';
import type { Digest, Patch } from '../../workflows/types.ts';
import type { FixKind } from '../fixes/kind.ts';
import { diagnosisBrief, type HeldBy } from './brief.ts';
import { assembleContext } from './context.ts';
import type { Evidence } from './evidence.ts';
import { keepPlacesRead } from './fix-read.ts';
import { heldWords } from './held-words.ts';
import { repairBrief, reviewBrief, sentBackWords } from './repair-brief.ts';
import { redactItem } from './request.ts';
import { createSkills, skillFolders } from './skills.ts';
import { fixKindsText, investigationBrief, patchBrief, ticketReviewBrief } from './ticket-brief.ts';
import {
  assembleTicketContext,
  isForEveryone,
  type TicketContextDeps,
  type TicketContextOrder,
  withLayers,
} from './ticket-context.ts';
import { asShown } from './tools.ts';
import type { BriefRecord, Item, Transcripts } from './transcript.ts';

/** `board`: the message of a thread that shows what it does. */
type Request = { run: string; release: string; settings: Digest; board?: string };
/** `held`: what it is about; a verdict where nothing is said. `said`: what code says of it, where that is no log. */
export type DiagnosisRequest = Request & {
  subject: AgentSubject;
  patches: Patch[];
  held?: HeldBy;
  said?: string[];
};
export type RepairRequest = Request & {
  subject: AgentSubject;
  kind: 'regression' | 'build' | 'conflict';
  patches: Patch[];
  guilty: string;
  sentBack?: SentBack;
  /** The answer of a diagnosis of what it is to mend. */
  explained?: Digest;
};
/** `what`: a sentence about the failure; nothing that the author said of the change. */
export type ReviewRequest = Request & {
  role: ReviewRole;
  what: string;
  patch: Digest;
  original?: { fork: string; commit: string; also?: readonly string[] };
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
  /** The source that it is made on. */
  place?: Place;
};

export type Prepared =
  | { kind: 'ready'; brief: Digest; budget: AgentBudget }
  | { kind: 'no-model' }
  | { kind: 'no-budget'; reason: string };

export type PrepareDeps = TicketContextDeps & { transcripts: Transcripts; evidence: Evidence };

/** The first words of a run, and for people what they were made of. */
type Brief = { items: Item[]; record: BriefRecord };
/** Layers come beside. */
const NOTHING_MORE: BriefRecord = { layers: [], skills: [] };

/** Characters of the patches that are given in full. */
const IN_FULL = 12_000;
/** Characters of what each failure of a proof said. */
const FAILURE = 2_000;
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

  const wordsOf = (subject: AgentSubject, held: HeldBy, said: readonly string[] = []) =>
    heldWords({
      db,
      evidence,
      subject,
      held,
      said,
      git: gitIn(deps, join(deps.dataDir, 'git', `${subject.fork}.git`)),
    });

  /** Patches that a run is about: those that the search for a culprit named, or the one that conflicts. */
  async function suspected(subject: AgentSubject, patches: readonly Patch[]): Promise<Suspects | undefined> {
    const named = subject.guilty === undefined ? await evidence.culprits(subject) : [subject.guilty];
    const commits = patches.flatMap(({ commit }) => (named.includes(commit) ? [commit] : []));
    if (commits.length === 0 || commits.length > MOST_SUSPECTS) return undefined;
    return { commits, words: 'this one is suspected; it is given in full' };
  }

  /** The layers of a ticket's agent, as they are shown: of repositories that everyone may read, as they are now. */
  async function ticketContextOf(request: Request, of: Pick<TicketContextOrder, 'about' | 'places' | 'paths'>) {
    const found = await settings(request.settings);
    const open = of.places.map(({ name }) => name).filter((name) => isForEveryone(found, name));
    await keepPlacesRead(db, found, request, open);
    return assembleTicketContext(deps, { ticket: request.release, settings: request.settings, ...of });
  }

  const explanationOf = async (answer: Digest) =>
    asShown(explanationWords(JSON.parse((await artifacts.read(answer)).toString('utf8')) as Diagnosis));

  /** What a change was sent back with, and the change: its author begins without it. */
  async function backOf({ reasons, findings, logs = [], wishes = [], earlier, words = '' }: SentBack) {
    const patch = earlier === undefined ? '' : (await artifacts.read(earlier)).toString('utf8');
    const heads = logs.map(async ({ name, message, log }) => {
      // Before it is cut: half a secret is no secret that anybody would find.
      const text = asShown(await evidence.text(log));
      return `### ${asShown(name)}\n${headOfFailure(text, message && asShown(message), FAILURE)}`;
    });
    return {
      failures: (await Promise.all(heads)).join('\n\n'),
      ...{ reasons: asShown(sentBackWords(reasons, findings)), wishes: asShown(wishes.join('\n')) },
      ...{ earlier: asShown(patch), words: asShown(words) },
    };
  }

  return {
    diagnosis: (request: DiagnosisRequest) =>
      begin(request, 'diagnose', async () => {
        const { subject, patches, held = 'verdict', said } = request;
        const suspects = await suspected(subject, patches);
        const { context, record } = await contextOf({ ...request, suspects });
        const items = diagnosisBrief({
          ...{ held, arms: armsOf('diagnose', subject), what: await wordsOf(subject, held, said), context },
          ...(held === 'verdict' && { difference: await read(subject, 'difference') }),
          ...(suspects && { patches: await inFull(subject.fork, suspects.commits) }),
        });
        return { items, record };
      }),

    repair: (request: RepairRequest) =>
      begin(request, 'repair', async () => {
        const { subject, kind, guilty, sentBack, explained } = request;
        const held = kind === 'regression' ? 'verdict' : kind;
        const back = sentBack && { sentBack: await backOf(sentBack) };
        const suspects = { commits: [guilty], words: 'your change goes into this patch; it is given in full' };
        const { context, record } = await contextOf({ ...request, suspects });
        const items = repairBrief({
          ...{ kind, arms: armsOf('repair', subject), context },
          tests: (subject.untouchable ?? []).map(testName),
          what: await wordsOf(subject, held),
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
        const { said, places, hint = '' } = request;
        const about = { about: [...said, hint].join('\n'), places };
        return withLayers({ items, record: { layers: [], skills: runbooks } }, await ticketContextOf(request, about));
      }),

    patch: (request: PatchRequest) =>
      begin(request, 'patch', async () => {
        const { earlier } = request;
        const text = earlier && (await artifacts.read(earlier)).toString('utf8');
        const { plan, place } = request;
        if (place !== undefined) await keepPlacesRead(db, await settings(request.settings), request, [place.name]);
        const paths = (plan.rests ?? []).flatMap(({ place: of, path }) => (of === place?.name ? [path] : []));
        const about = { about: `${plan.what}\n${plan.why}`, places: place === undefined ? [] : [place], paths };
        const items = patchBrief(request, text);
        return withLayers({ items, record: NOTHING_MORE }, await ticketContextOf(request, about));
      }),

    review: (request: ReviewRequest) =>
      begin(request, request.role, async () => {
        const patch = (await artifacts.read(request.patch)).toString('utf8');
        const { fork = '', commit, also = [] } = request.original ?? {};
        const into = commit === undefined ? [] : [...also, commit];
        const original = (await Promise.all(into.map((one) => originalOf({ fork, commit: one })))).join('\n');
        // A reviewer is given no more than the change and its own runbook: what others think would make it agree.
        const skills = (await createSkills().list()).filter(({ name }) => name === request.role);
        const { of = 'verdict' } = request;
        const messages = request.failed === undefined ? [] : await evidence.messages(request.failed);
        const what = [request.what, ...messages].join('\n');
        const parts = { what: asShown(what), patch: asShown(patch) };
        const items =
          of === 'ticket'
            ? ticketReviewBrief(request.role, parts)
            : reviewBrief(request.role, { ...parts, of, ...(original !== '' && { original: asShown(original) }) });
        return { items, record: { layers: [], skills } };
      }),
  };
}
