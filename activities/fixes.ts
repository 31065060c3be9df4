import { join } from 'node:path';
import { codeNames, codeOf } from '../config/code.ts';
import type { Settings } from '../config/schema.ts';
import { changedLines } from '../decisions/approval-risk.ts';
import { type FixEnd, type FixFacts, fixEnd, fixLines } from '../decisions/fix.ts';
import { shutTo } from '../decisions/ticket-access.ts';
import { readStack, sourceOf } from '../git/patch-stack.ts';
import { plainTextSayingCut } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import type { Db } from '../store/database.ts';
import { fixesRead } from '../store/fix-read.ts';
import { effectResult, effectWords, runEffect } from '../store/journal.ts';
import { openRelease, runningReleases } from '../store/releases.ts';
import { adoptThread, appendMessage, type Tone } from '../store/thread.ts';
import { findTicket, ticketEvents, whyNotWanted } from '../store/tickets.ts';
import type { AgentSubject, Proposal } from '../workflows/agent-types.ts';
import type {
  Applied,
  ApplyEnd,
  FixChange,
  FixEvidence,
  FixOrder,
  FixPlan,
  FixTakes,
  GitChange,
  Place,
  UndoEnd,
  Verification,
} from '../workflows/fix-types.ts';
import type { ReleaseInput } from '../workflows/release.ts';
import type { Digest, Source } from '../workflows/types.ts';
import { permanent } from './failures.ts';
import { type Apply, applyOnce, undoOnce } from './fixes/apply.ts';
import { createGitChanges, type GitFixDeps } from './fixes/git-change.ts';
import type { Drafted, FixAt, FixKind, Proof } from './fixes/kind.ts';
import { testAlone } from './fixes/test-alone.ts';
import { createWorkBoard, type ProofStep } from './work-board.ts';

export type FixDeps = GitFixDeps & {
  db: Db;
  settings: (digest: Digest) => Promise<Settings>;
  kinds: FixKind[];
  /** Carries a thread to Slack. */
  wakeThread?: (ticket: string) => Promise<void>;
};

/** One step of a fix. `run` names what made the proposal, and everything that is kept of it. */
export type FixStep = Pick<FixOrder, 'fix' | 'ticket' | 'settings'> & { run: string };

export type FixOpened =
  | { kind: 'ready'; said: string[]; places: Place[]; steered: string[]; takes?: FixTakes }
  | { kind: 'not'; reason: string };

/** Where a plan is carried out: in files that an agent changes, or in its own fields. */
export type FixGround =
  | { kind: 'fields' }
  | { kind: 'files'; fork: string; commit: string; check?: string; stack?: AgentSubject['stack'] };

type Drafting = FixStep & { plan: FixPlan; proposal?: Digest };

/** A fix of a ticket, step by step. What is done to each target is its kind's (fixes/kind.ts). */
export function createFixActivities(deps: FixDeps) {
  const { db, artifacts } = deps;
  const changes = createGitChanges(deps);
  const work = createWorkBoard(deps);
  const atOf = async (step: FixStep): Promise<FixAt> => ({
    ...{ ticket: step.ticket, fix: step.fix, run: step.run },
    ...{ digest: step.settings, settings: await deps.settings(step.settings) },
  });
  const kindOf = ({ kind }: Pick<FixPlan, 'kind'>): FixKind => {
    const found = deps.kinds.find(({ name }) => name === kind);
    if (found === undefined) throw permanent('BadConfiguration', `there is no kind of fix "${kind}"`);
    return found;
  };
  const json = async <T>(digest: Digest) => JSON.parse((await artifacts.read(digest)).toString('utf8')) as T;

  return {
    /** What was said, who steered it by that, and which source may be read at which commit. Reads only. */
    async openFix({ ticket, fix, settings: digest, by }: FixOrder): Promise<FixOpened> {
      const settings = await deps.settings(digest);
      const reason = whyNoFix(deps.kinds)(settings);
      if (reason !== undefined) return { kind: 'not', reason };
      const at = { settings, digest, ticket, fix, run: fix };
      const row = await findTicket(db, ticket);
      const counted = (await ticketEvents(db, ticket)).filter(({ refused }) => refused === null);
      const messages = counted.filter(({ kind }) => kind === 'message');
      const said = messages.map(({ person, text }) => `${person ?? 'somebody'}: ${text}`);
      const steering = counted.filter(({ kind, text }) => kind === 'message' || text.startsWith('hand-off'));
      const steered = [by, row?.asker ?? '', ...steering.map(({ person }) => person ?? '')].filter((one) => one !== '');
      const places: Place[] = [];
      for (const name of codeNames(settings)) {
        const commit = await changes.within(at, name, (git, { branch }) => git.resolve(branch, 'branch'));
        places.push({ name, commit });
      }
      return { kind: 'ready', said, places, steered: [...new Set(steered)], takes: takesOf(settings) };
    },

    /** What an investigation came to. Reads only. */
    readPlan: ({ answer }: { answer: Digest }): Promise<FixPlan | { kind: 'none'; why: string }> => json(answer),

    /** What a plan is carried out in, as it stands now. Reads only. */
    async groundOf({ plan, ...step }: FixStep & { plan: FixPlan }): Promise<FixGround> {
      const fork = kindOf(plan).code?.(plan.target);
      if (fork === undefined) return { kind: 'fields' };
      return changes.within(await atOf(step), fork, async (git, { branch, base }) => {
        const commit = await git.resolve(branch, 'branch');
        const ground = { kind: 'files', fork, commit } as const;
        if (plan.kind === 'stack-patch')
          return { ...ground, stack: { base: await git.resolve(base, 'base'), tip: commit } };
        const check = (await deps.settings(step.settings)).support.repositories[plan.target]?.check;
        return { ...ground, ...(check && { check: check.join(' ') }) };
      });
    },

    /** The exact change. Safe to repeat: the same proposal is the same commit; where it is fields, it reads. */
    async draftFix({ plan, proposal, ...step }: Drafting): Promise<Drafted<FixChange>> {
      const kind = kindOf(plan);
      if (proposal !== undefined)
        return kind.draft(await atOf(step), plan, { proposal: await json<Proposal>(proposal) });
      if (plan.change === undefined) return { kind: 'refused', reasons: [`${plan.kind} needs its fields filled in`] };
      return kind.draft(await atOf(step), plan, { fields: plan.change });
    },

    /** The same change on what is there by now. Safe to repeat. */
    async draftAgain({
      plan,
      change,
      ...step
    }: FixStep & { plan: FixPlan; change: FixChange }): Promise<Drafted<FixChange>> {
      return kindOf(change).again(await atOf(step), plan, change);
    },

    /** Shows in the thread how code tries a change. Safe to repeat: the last word counts, and the first end. */
    showProof: ({ ticket, run }: Pick<FixStep, 'ticket' | 'run'>, board: string, step: ProofStep): Promise<void> =>
      work.proof({ run, release: ticket, board }, step),

    /** Tries it where nothing can break. Safe to repeat: it changes nothing. */
    async proveFix({ change, ...step }: FixStep & { change: FixChange }): Promise<Proof> {
      return kindOf(change).prove(await atOf(step), change);
    },

    /**
     * Both sides of a patch on a stack, to be built, and the suites to be run; `alone`: the branch with its failing test,
     * where the patch brings that. Safe to repeat: the same change is the same commits.
     */
    async proofSources({
      change,
      ...step
    }: FixStep & { change: GitChange }): Promise<{ before: Source; after: Source; suites: string[]; alone?: Source }> {
      const { target } = change;
      return changes.within(await atOf(step), target, async (git, fork) => {
        const base = await git.resolve(fork.base, 'base');
        const count = async (tip: string) => {
          const stack = await readStack(git, base, tip);
          return 'patches' in stack ? stack.patches.length : 0;
        };
        const before = sourceOf(target, fork, change.base, await count(change.base));
        const after = sourceOf(target, fork, change.commit, await count(change.commit));
        const index = join(deps.dataDir, 'git', `test-of-${change.commit}.index`);
        const alone = await testAlone(git, change, index);
        const more = alone !== undefined && { alone: sourceOf(target, fork, alone, await count(change.base)) };
        return { before, after, suites: fork.release.suites, ...more };
      });
    },

    /** Safe to repeat: the same lines have the same digest. */
    async keepEvidence({ lines }: { lines: string[] }): Promise<FixEvidence> {
      return { lines, digest: (await artifacts.put(redact(lines.join('\n')))).sha256 };
    },

    /** All that whoever decides is shown, and who may not be shown it. Safe to repeat. */
    async describeFix({
      change,
      facts,
      ...step
    }: FixStep & { change: FixChange; facts: Omit<FixFacts, 'card'> }): Promise<{
      summary: string;
      details: Digest;
      barred: string[];
      /** Lines of its patch; a worker of before does not say it. */
      changed?: number;
    }> {
      const at = await atOf(step);
      const card = await kindOf(change).describe(at, change);
      const patch = 'patch' in change ? (await artifacts.read(change.patch)).toString('utf8') : '';
      const lines = fixLines({ ...facts, card }).map(redact);
      const details = (await artifacts.put(`${lines.join('\n')}\n\n${redact(patch)}`)).sha256;
      const head = plainTextSayingCut(lines.join('\n'), 2_000);
      const shown = patch === '' ? '' : `\n${plainTextSayingCut(redact(patch), 950)}`;
      const barred = await withoutAccess(db, at, change);
      return { summary: `${head}${shown}`, details, barred, changed: changedLines(patch) };
    },

    /** Applies what was approved, once, in the journal. Safe to repeat: the outside is read back first. */
    async applyFix({ key, change, evidence, approval, ...step }: FixStep & Apply): Promise<ApplyEnd> {
      return applyOnce(db, kindOf(change), await atOf(step), { key, change, evidence, approval });
    },

    /** Whether what waits for people to merge it is merged. Reads only. */
    isMerged: async ({ change, ...step }: FixStep & { change: FixChange }): Promise<boolean> =>
      (await kindOf(change).merged?.(await atOf(step), change)) ?? true,

    /** Reads back, and checks. Changes nothing. `applied`: its key in the journal; a step of an older run has none. */
    async verifyFix({
      change,
      applied = '',
      ...step
    }: FixStep & { change: FixChange; applied?: string }): Promise<Verification> {
      const done = await effectResult<Applied>(db, applied);
      return kindOf(change).verify(await atOf(step), change, done?.result);
    },

    /** The approved inverse, once, in the journal. Safe to repeat. */
    async undoFix({
      key,
      applied,
      change,
      evidence,
      ...step
    }: FixStep & { key: string; applied: string } & Pick<Apply, 'change' | 'evidence'>): Promise<UndoEnd> {
      return undoOnce(db, kindOf(change), await atOf(step), { key, applied, change, evidence });
    },

    /** Opens the release of a patch that was pushed, once. `busy`: one that runs would be superseded. Safe to repeat. */
    async openFixRelease({
      key,
      by,
      change: { target, ref },
      ...step
    }: FixStep & { key: string; by: string; change: GitChange }): Promise<ReleaseInput | { busy: string }> {
      const fork = codeOf(await deps.settings(step.settings), target);
      if (fork === undefined) throw permanent('UnknownFork', `no fork "${target}" is configured`);
      const { suites, environments } = fork.release;
      const found = async () => {
        const row = db.selectFrom('release').select('id').where('fork', '=', target).where('ref', '=', ref);
        return (await row.executeTakeFirst())?.id;
      };
      const [running] = await runningReleases(db, target);
      if (running !== undefined && (await found()) === undefined) return { busy: running.id };
      const order = { fork: target, ref, requestedBy: by, suites, environments, settings: step.settings };
      const { release } = await runEffect(
        db,
        { key, kind: 'release', release: step.ticket, intent: { fork: target, ref } },
        {
          readBack: async () => {
            const id = await found();
            return id === undefined ? undefined : { release: id };
          },
          perform: async () => ({ release: await openRelease(db, order) }),
        },
      );
      return { ...order, release, expedite: false };
    },

    /** How it ended, by what the journal says has happened. Reads only. */
    async endFix(end: {
      applied: string;
      undone: string;
      verification?: Verification;
      undo?: UndoEnd;
    }): Promise<FixEnd> {
      const [applied, undone] = [await effectWords(db, end.applied), await effectWords(db, end.undone)];
      const journal = { ...(applied !== undefined && { applied }), ...(undone !== undefined && { undone }) };
      return fixEnd(journal, end.verification, end.undo);
    },

    /**
     * Whether the ticket still waits for this fix: one that went on without it would not be told. What was learnt from a
     * ticket comes after its end. Reads only.
     */
    followsFix: async (fix: Pick<FixOrder, 'ticket' | 'fix' | 'learns'>): Promise<boolean> =>
      fix.learns !== undefined || (await whyNotWanted(db, fix)) === undefined,

    /** Says something in the ticket's thread that is no step of the ticket. Safe to repeat: a key is said once. */
    async tellFix(
      { ticket, place }: Pick<FixOrder, 'ticket' | 'place'>,
      said: { key: string; text: string; tone?: Tone },
    ): Promise<void> {
      if (place !== undefined) await adoptThread(db, { release: ticket, channel: place.channel, ts: place.thread });
      await appendMessage(db, { release: ticket, ...said });
      if (place !== undefined) await deps.wakeThread?.(ticket);
    },
  };
}

export type FixActivities = ReturnType<typeof createFixActivities>;

/** Why these settings let no agent fix anything, or undefined. */
export const whyNoFix =
  (kinds: readonly FixKind[]) =>
  (settings: Settings): string | undefined => {
    if (settings.model === undefined) return 'no `model` is configured';
    if (kinds.some((kind) => kind.targets(settings).length > 0)) return undefined;
    return 'the configuration names nothing that a fix may change: docs/fixes.md';
  };

const MINUTE_MS = 60_000;
/** What is over by its own clock says so itself, however slow the machine is: the ticket's deadline comes after it. */
const MARGIN_MS = 60 * MINUTE_MS;

function takesOf({ approvals, model, support }: Settings): FixTakes {
  return {
    agent: (model?.budget.minutes ?? 0) * MINUTE_MS + MARGIN_MS,
    question: approvals.fix.expiresHours * 60 * MINUTE_MS + MARGIN_MS,
    suites: support.proofMinutes * MINUTE_MS,
  };
}

/**
 * Whoever may not read a repository cannot judge its lines; and what the agents say of a change may be of all that they
 * have read for it.
 */
async function withoutAccess(db: Db, { settings, fix }: FixAt, { kind, target }: FixChange): Promise<string[]> {
  const { people, groups, support } = settings;
  const rules = { people, groups, repositories: support.repositories };
  const own = kind === 'repository' ? [{ repository: target, closed: false }] : [];
  const read = [...own, ...((await fixesRead(db, [fix])).get(fix) ?? [])];
  return Object.keys(people).filter((person) => shutTo(read, person, rules).length > 0);
}
