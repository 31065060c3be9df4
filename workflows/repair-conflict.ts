import { executeChild, patched } from '@temporalio/workflow';
import { meantOf, togetherOf } from '../decisions/conflict-resolutions.ts';
import { whatIsAsked } from '../decisions/repair-approval.ts';
import { failureLogs, judgeProof, provenWords } from '../decisions/repair-proof.ts';
import { findingWords } from '../decisions/review.ts';
import { touchedWords } from '../decisions/touched-tests.ts';
import type { AgentSubject, Proposal } from './agent-types.ts';
import { proof } from './proof.ts';
import {
  askAgent,
  backWith,
  decideAndPush,
  handedOver,
  openTalk,
  say,
  stack,
  type Talk,
  type Tried,
} from './repair-steps.ts';
import { runSuites } from './repair-suites.ts';
import type { FoldedFix, NotTaken, RepairOrder, RepairOutcome, RepairTarget, SentBack } from './repair-types.ts';
import { review } from './review.ts';
import type { Digest, Patch, Source } from './types.ts';

type Conflict = Extract<RepairTarget, { kind: 'conflict' }>;
type About = { target: Conflict; patches: Patch[]; ref: string; talk: Talk };
/**
 * A conflict that was resolved: `left` begins with its patch, which lies as it was before on `onto`. `whole`: its change
 * after those of the ones that were resolved before it. `paths`: the files of its change.
 */
type Resolved = {
  paths: readonly string[];
  subject: string;
  onto: string;
  left: Patch[];
  proposal: Proposal;
  guilty: string;
  patch: Digest;
  whole?: Digest | undefined;
  old?: Old | undefined;
};
type Old = AgentSubject['old'];
/**
 * The stack as far as it stands, what is to be put on it, and how often that was tried. `back`: by patch, what its
 * resolution was sent back with.
 */
type Work = {
  onto: string;
  left: Patch[];
  resolved: Resolved[];
  back: Map<string, SentBack>;
  picks: number;
  checks: number;
};

/**
 * A stack that does not apply on a newer base: patch after patch, in order.
 *
 *   1. Pick what applies. At a conflict an agent gets the files with the marks in them.
 *   2. What it hands in becomes that patch, with its author and message; no mark may be left, nor the patch be empty.
 *   3. The whole stack has to build in a clean room, and reviewers read all that was resolved. What is wanting, here or
 *      in 2, goes back once to the agent, to the resolution that it names, or to the last one; then to people. Those
 *      after it stand on it, and are made anew as well.
 *   4. People decide on all of it. What they ask for goes back to the agent in the same way.
 */
export async function resolveConflicts(order: RepairOrder, target: Conflict): Promise<RepairOutcome> {
  const { release, fork, settings, n } = order;
  const read = await stack.readConflict({ release, fork, settings, ref: target.ref });
  if (read.kind === 'refused') return handedOver(read.reason);
  const { base, patches } = read;
  const about: About = { target, patches, ref: `refs/patchwright/${release}/repaired-${n}`, talk: openTalk(order) };
  const work: Work = { onto: base.commit, left: patches, resolved: [], back: new Map(), picks: 0, checks: 0 };
  let returned = false;
  for (;;) {
    const stacked = await resolveAll(order, about, work);
    if ('reason' in stacked) return handedOver(stacked.reason);
    const last = work.resolved.at(-1);
    if (last === undefined) return handedOver('there is no conflict any more: release again');
    work.checks += 1;
    const tried = await check(
      order,
      about,
      { base, source: stacked.source, checks: work.checks },
      asOne(work.resolved, last),
    );
    const against = againstIt(tried);
    if (against !== undefined && !returned && patched(SENT_BACK)) {
      returned = true;
      const words = [...against.reasons, ...against.findings.map(findingWords)].join('; ');
      const files = against.findings.map(({ file }) => file);
      const meant = whichOf(work, { texts: against.reasons, files });
      const named = namedWords(work, meant);
      await say(order, `resolved-${work.checks}`, `The resolution${named} goes back to the agent, once: ${words}`);
      sendBack(work, { talk: about.talk, meant, against });
      continue;
    }
    if ('reasons' in tried) return handedOver(lastWords(tried.reasons.join('; '), returned));
    const outcome = await decideAndPush(order, patches, { what: whatOf(about), talk: about.talk }, tried);
    if (outcome !== undefined) return outcome;
    returned = false;
    sendBack(work, { talk: about.talk, meant: whichOf(work, { texts: about.talk.wishes.slice(-1) }) });
  }
}

/** A resolution goes back once, as a change that mends a regression does; older histories gave it to people at once. */
const SENT_BACK = 'conflict-sent-back';
const lastWords = (reason: string, returned: boolean) =>
  returned ? `${reason} (after it was sent back to the agent once)` : reason;

/** What speaks against a resolution that stands as a stack: its proof, or what reviewers object to. */
function againstIt(tried: Tried | NotTaken): (NotTaken & Pick<SentBack, 'findings'>) | undefined {
  if ('reasons' in tried) return { ...tried, findings: [] };
  const { reviewed } = tried;
  return reviewed.kind === 'objected' ? { reasons: [], findings: reviewed.blocking } : undefined;
}

/** Histories of before knew the last resolution alone, where there were several. */
const EVERY_RESOLUTION = 'every-resolution';

/** A worker of before put the last one's change down alone: somebody has to be asked, and told so. */
const LAST_ALONE = 'an older worker kept the change of the last patch alone: those of the others are not shown here';

/** What is proven, read and decided on: of several resolutions all of them. */
function asOne(resolved: readonly Resolved[], last: Resolved): Resolved & { also: string[] } {
  if (resolved.length < 2 || !patched(EVERY_RESOLUTION)) return { ...last, also: [] };
  const also = resolved.slice(0, -1).map(({ guilty }) => guilty);
  const proposal = togetherOf(resolved, last.proposal);
  if (last.whole !== undefined) return { ...last, proposal, patch: last.whole, also };
  return { ...last, proposal: { ...proposal, pointedOut: [...proposal.pointedOut, LAST_ALONE] }, also };
}

const whatOf = ({ target }: About) => target.reasons.join('; ');

/** The places of the resolutions that are meant. Histories of before knew the last alone. */
function whichOf({ resolved }: Work, said: Parameters<typeof meantOf>[1]): number[] {
  const last = resolved.length - 1;
  const named = resolved.map(({ subject, guilty: commit, paths }) => ({ subject, commit, paths }));
  const meant = meantOf(named, said);
  return meant[0] !== last && patched('resolution-that-is-meant') ? meant : [last];
}

const namedWords = ({ resolved }: Work, meant: readonly number[]) =>
  meant[0] === resolved.length - 1 ? '' : meant.map((i) => ` of patch "${resolved[i]?.subject}"`).join(' and');

type Back = { talk: Talk; meant: readonly number[]; against?: Partial<SentBack> };

/** From the first that is meant on, each conflicts as it did before: it is what was shown. */
function sendBack(work: Work, { talk, meant, against }: Back): void {
  const from = meant[0] ?? work.resolved.length - 1;
  const first = work.resolved[from];
  if (first === undefined) return;
  const after = `the resolution of patch "${first.subject}" before it is made anew, and this one was sent back with it: make the same again as far as it still fits`;
  for (const [i, { guilty, proposal }] of work.resolved.entries()) {
    if (i < from) continue;
    work.back.set(guilty, backWith(proposal, talk, meant.includes(i) ? against : { reasons: [after] }));
  }
  work.resolved.length = from;
  work.onto = first.onto;
  work.left = first.left;
}

/** Steps 1 and 2, until the whole stack stands. */
async function resolveAll(
  order: RepairOrder,
  about: About,
  work: Work,
): Promise<{ source: Source } | { reason: string }> {
  const { release, fork, settings } = order;
  const { ref } = about;
  for (;;) {
    work.picks += 1;
    const key = `${order.repair}-${work.picks}`;
    const { onto, left } = work;
    const picked = await stack.pickPatches({ release, fork, settings, key, onto, patches: left, ref });
    if (picked.kind === 'refused') return picked;
    if (picked.kind === 'done') return picked;
    const sentBack = work.back.get(picked.patch);
    work.back.delete(picked.patch);
    const before = work.resolved.map(({ subject, patch }) => ({ subject, change: patch }));
    const one = await resolveOne(order, about, { ...picked, name: key, sentBack, before });
    if ('reason' in one) return one;
    const { commit, ...resolved } = one;
    const at = left.findIndex((patch) => patch.commit === picked.patch);
    work.resolved.push({ ...resolved, onto: picked.onto, left: left.slice(at) });
    work.onto = commit;
    work.left = left.slice(at + 1);
  }
}

type Marked = {
  name: string;
  commit: string;
  onto: string;
  patch: string;
  subject: string;
  files: string[];
  log: Digest;
  old?: Old;
  sentBack: SentBack | undefined;
  before: { subject: string; change: Digest }[];
};

type Made = Omit<Resolved, 'onto' | 'left'> & { commit: string };

/** Marks that are left, or a patch of which nothing is left, go back once with the reason. */
async function resolveOne(order: RepairOrder, about: About, marked: Marked): Promise<Made | { reason: string }> {
  const { name, subject: title, files } = marked;
  const first = await resolveAs(order, about, marked);
  if (!('refused' in first)) return first;
  if (!patched(SENT_BACK)) return { reason: first.refused };
  await say(order, `${name}-back`, `The resolution of patch "${title}" goes back to the agent, once: ${first.refused}`);
  // What it went back with before still stands.
  const { reasons = [], findings = [] } = marked.sentBack ?? {};
  const sentBack = backWith(first.proposal, about.talk, { reasons: [...reasons, first.refused], findings });
  const again = await resolveAs(order, about, { ...marked, name: `${name}-again`, sentBack });
  if (!('refused' in again)) return again;
  return { reason: lastWords(`patch "${title}" in ${files.join(', ')}: ${again.refused}`, true) };
}

async function resolveAs(
  order: RepairOrder,
  { target: { explained }, patches }: About,
  { name, commit, onto, patch, subject: title, files, log, old, sentBack, before }: Marked,
): Promise<Made | { reason: string } | { refused: string; proposal: Proposal }> {
  const { release, fork, settings } = order;
  const about = { release, fork, settings };
  const named = stackOf(onto, patches);
  const subject = { fork, base: onto, candidate: commit, log, guilty: patch, ...(old && { old }), ...named };
  const asked = { run: name, subject, kind: 'conflict', patches, guilty: patch } as const;
  // Of the first conflict alone: another patch's explanation would lead astray.
  const answer = explained?.patch === patch ? explained.answer : undefined;
  const more = { ...(answer !== undefined && { explained: answer }), ...(sentBack && { sentBack }) };
  const proposal = await askAgent(order, { ...asked, ...more }, about);
  if ('reason' in proposal) return proposal;
  const { tree } = proposal;
  const made = await stack.resolvePatch({ ...about, run: name, onto, patch, tree, files, subject: title, before });
  if (made.kind === 'refused') return { refused: made.reason, proposal };
  await say(order, name, `The agent resolved the conflict of patch "${title}" in ${files.join(', ')}.`);
  // A worker of before did not say which files it changes.
  const { change, whole, commit: remade, paths = files } = made;
  return { subject: title, proposal, guilty: patch, patch: change, whole, commit: remade, paths, old };
}

/** The patches as they were, which the brief names: those that were put on the new base are other commits. */
function stackOf(base: string, patches: readonly Patch[]): Pick<AgentSubject, 'stack'> {
  const tip = patches.at(-1)?.commit;
  return tip === undefined ? {} : { stack: { base, tip } };
}

async function check(
  order: RepairOrder,
  about: About,
  { base, source, checks }: { base: Source; source: Source; checks: number },
  { proposal, guilty, patch, old, also }: ReturnType<typeof asOne>,
): Promise<Tried | NotTaken> {
  const { release, fork, settings } = order;
  const name = `${order.repair}-resolved${checks > 1 ? `-${checks}` : ''}`;
  const proven = await executeChild(proof, {
    workflowId: `proof:${name}`,
    args: [{ release, fork, settings, proof: name, fix: source, before: 0, after: 0, whole: false }],
  });
  const verdict = judgeProof(proven);
  if (!verdict.proven) return { reasons: verdict.reasons, logs: failureLogs(proven) };
  const rebuilt = { name, base, fix: source, patches: about.patches, touched: proposal.tests };
  const suites = await runSuites(order, rebuilt);
  if ('reasons' in suites) return suites;
  const { ran } = suites;
  const words = touchedWords(proposal.tests);
  if (ran.length > 0) await say(order, `${name}/proof`, [provenWords(proven, ran), ...words].join('. '));
  const others = also.length > 0 && { also };
  const fix: FoldedFix = { source, ref: about.ref, patch, guilty, ...others };
  const subject = { fork, base: base.commit, candidate: source.commit, patch, guilty, ...(old && { old }) };
  const what = whatIsAsked(whatOf(about), about.talk.wishes);
  const asked = { name, release, settings, subject, original: { fork, commit: guilty, ...others }, what };
  return { fix, proposal, proven, ran, reviewed: await review({ ...asked, of: 'conflict' }) };
}
