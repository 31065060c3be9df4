import { ActivityFailure, executeChild, isCancellation, patched, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import { whatIsAsked } from '../decisions/repair-approval.ts';
import { failureLogs, judgeProof, proofRuns, provenWords } from '../decisions/repair-proof.ts';
import { findingWords } from '../decisions/review.ts';
import { touchedWords } from '../decisions/touched-tests.ts';
import { testName } from '../decisions/verdict-words.ts';
import type { AgentSubject, Proposal } from './agent-types.ts';
import { proof } from './proof.ts';
import type { TrialOf } from './proof-types.ts';
import { resolveConflicts } from './repair-conflict.ts';
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
import type { Digest, Source } from './types.ts';

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

/** Changes that may be handed in before people are asked; of these one may be sent back by reviewers. */
const MOST_ROUNDS = 3;

/**
 * Has an agent mend what holds a candidate.
 *
 *   1. Find the patch that is to be mended.
 *   2. An agent changes it in files of its own; code looks at what it hands in before anybody else.
 *   3. Put the change into that patch; the others follow, none is dropped.
 *   4. Prove it in a clean room; three reviewers read it. What is wanting sends it back; the second objection goes to people.
 *   5. Where the policy or a reviewer wants it, people decide on exactly this change. What they ask for goes back to 2.
 *   6. Push the repaired stack: the release cuts its next candidate from there, and tests all of it again.
 *
 * It never changes the fork's branch. However it ends, the thread says what was tried and seen.
 */
export async function repair(order: RepairOrder): Promise<RepairOutcome> {
  try {
    const outcome =
      order.target.kind === 'conflict' ? await resolveConflicts(order, order.target) : await mend(order, order.target);
    if (outcome.kind === 'handed-over') await say(order, 'end', `No repair: ${outcome.reason}`);
    return outcome;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const reason = `a step of the repair did not come to an end: ${error.cause?.message ?? error.message}`;
    await say(order, 'end', `No repair: ${reason}`);
    return { kind: 'handed-over', reason };
  }
}

type Mendable = Exclude<RepairTarget, { kind: 'conflict' }>;

/** What of a repair stays the same, and what grows: changes that were handed in, and what was seen of them. */
type Work = { guilty: string; subject: AgentSubject; what: string; talk: Talk; changes: number; seen: string[] };

async function mend(order: RepairOrder, target: Mendable): Promise<RepairOutcome> {
  const guilty = target.kind === 'regression' ? target.guilty : await firstBroken(order, target);
  const { subject, what } = await subjectOf(order, target);
  const work: Work = { guilty, subject, what, talk: openTalk(order), changes: 0, seen: [] };
  let sentBack: SentBack | undefined;
  for (;;) {
    const tried = await makeOne(order, target, work, sentBack);
    if ('reason' in tried) return handedOver(lastWords(tried.reason, work.seen));
    const outcome = await decideAndPush(order, target.patches, work, tried);
    if (outcome !== undefined) return outcome;
    const asked = work.talk.wishes.at(-1);
    work.seen.push(`change ${work.changes}: ${asked}`);
    sentBack = backWith(tried.proposal, work.talk);
  }
}

/** Steps 2 to 4, to a change that people may be asked about. */
async function makeOne(
  order: RepairOrder,
  target: Mendable,
  work: Work,
  begun: SentBack | undefined,
): Promise<Tried | { reason: string }> {
  const { guilty, subject, what, talk, seen } = work;
  let sentBack = begun;
  let objected = false;
  for (let tries = 1; tries <= MOST_ROUNDS; tries += 1) {
    work.changes += 1;
    const name = `${order.repair}-${work.changes}`;
    const explained = target.explained?.answer;
    const about = { run: name, subject, kind: target.kind, patches: target.patches, guilty };
    const asked = { ...about, ...(explained !== undefined && { explained }) };
    const proposal = await askAgent(order, { ...asked, ...(sentBack && { sentBack }) }, trialOf(order, target));
    if ('reason' in proposal) return proposal;
    const tried = await check(order, target, { name, guilty, proposal, what: whatIsAsked(what, talk.wishes), subject });
    if ('reasons' in tried) {
      sentBack = backWith(proposal, talk, tried);
      seen.push(`change ${work.changes}: ${tried.reasons.join('; ')}`);
      await say(order, name, `The agent's change ${work.changes} is not taken: ${tried.reasons.join('; ')}`);
      continue;
    }
    const { reviewed } = tried;
    if (reviewed.kind !== 'objected' || objected || tries === MOST_ROUNDS) return tried;
    objected = true;
    sentBack = backWith(proposal, talk, { findings: reviewed.blocking });
    const objections = reviewed.blocking.map(findingWords).join('; ');
    seen.push(`reviewers object to change ${work.changes}: ${objections}`);
    await say(order, name, `Reviewers object to the agent's change ${work.changes}: ${objections}`);
  }
  return { reason: `${MOST_ROUNDS} changes were not taken` };
}

const lastWords = (reason: string, seen: readonly string[]) => [reason, ...seen].join('. ').slice(0, 2_000);

/** Steps 3 and 4. */
async function check(
  order: RepairOrder,
  target: Mendable,
  at: { name: string; guilty: string; proposal: Proposal; what: string; subject: AgentSubject },
): Promise<Tried | NotTaken> {
  const { release, fork, settings, n, policy } = order;
  const { name, guilty, proposal, what, subject } = at;
  const ref = `refs/patchwright/${release}/repaired-${n}`;
  const where = { release, fork, settings, run: name, base: target.base.commit, candidate: target.candidate.commit };
  const folded = await stack.foldRepair({ ...where, patches: target.patches, into: guilty, tree: proposal.tree, ref });
  if (folded.kind === 'refused') return { reasons: [folded.reason] };
  const fix: FoldedFix = { source: folded.source, ref, patch: proposal.patch, guilty };
  const runs = target.kind === 'regression' ? proofRuns(target.counts) : 0;
  const proven = await executeChild(proof, {
    workflowId: `proof:${name}/proof`,
    args: [
      {
        ...trialOf(order, target),
        proof: `${name}/proof`,
        fix: fix.source,
        before: runs,
        after: runs,
        whole: policy.proveWhole,
        ...(proposal.tests && { touched: proposal.tests }),
      },
    ],
  });
  const verdict = judgeProof(proven);
  if (!verdict.proven) return { reasons: verdict.reasons, logs: failureLogs(proven) };
  const rebuilt = {
    name: `${name}/proof`,
    base: target.base,
    fix: fix.source,
    patches: target.patches,
    touched: proposal.tests,
  };
  const suites = target.kind === 'build' ? await runSuites(order, rebuilt) : { ran: [] };
  if ('reasons' in suites) return suites;
  const { ran } = suites;
  await say(order, `${name}/proof`, [provenWords(proven, ran), ...touchedWords(proposal.tests)].join('. '));
  const { candidate: base } = subject;
  const looked = { fork, base, candidate: fix.source.commit, patch: fix.patch, guilty };
  const about = { name, release, settings, subject: looked, original: { fork, commit: guilty }, what };
  const failed = target.kind === 'regression' && { failed: { suiteRun: target.suiteRun, tests: target.tests } };
  const reviewed = await review({ ...about, ...failed, of: target.kind === 'build' ? 'build' : 'verdict' });
  return { fix, proposal: toPeople(target, proposal), proven, ran, reviewed };
}

/** Where nobody knows which patch did it, people decide into which one the change goes. */
const toPeople = (target: Mendable, proposal: Proposal): Proposal =>
  target.kind === 'regression' && target.isKnown === false
    ? { ...proposal, pointedOut: [...proposal.pointedOut, NOBODY_KNOWS] }
    : proposal;

const NOBODY_KNOWS = 'no patch is known to have caused it: the change goes into the last one of the stack';

async function subjectOf(order: RepairOrder, target: Mendable): Promise<{ subject: AgentSubject; what: string }> {
  const commits = { fork: order.fork, base: target.base.commit, candidate: target.candidate.commit };
  if (target.kind === 'build') {
    const whole = target.log !== undefined && patched('explained') ? target.log : undefined;
    const log: Digest = whole ?? (await stack.keepText({ text: target.reasons.join('\n') }));
    return { subject: { ...commits, log }, what: `It does not compile: ${target.reasons.join('; ').slice(0, 600)}` };
  }
  const { suite, suiteRun, first, tests } = target;
  const what = `${testName(first)}${tests.length > 1 ? ` and ${tests.length - 1} more` : ''} of suite ${suite} ${tests.length > 1 ? 'fail' : 'fails'} with the stack as it was held, and not on upstream's base.`;
  return { subject: { ...commits, suite, suiteRun, ...first, untouchable: tests }, what };
}

function trialOf({ release, fork, settings }: RepairOrder, target: Mendable): TrialOf {
  if (target.kind === 'build') return { release, fork, settings };
  const { candidate: build, suite, suiteRun, tests } = target;
  return { release, fork, settings, held: { build, suite, suiteRun, tests } };
}

/** The first patch with which the stack does not build; the last one where a build before it cannot be told. */
async function firstBroken({ settings, release }: RepairOrder, target: Extract<Mendable, { kind: 'build' }>) {
  const { prefixes, patches } = target;
  let [good, bad] = [-1, prefixes.length - 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    const built = await buildSource({ ...(prefixes[middle] as Source), settings, release });
    if (built.kind === 'built') good = middle;
    else bad = middle;
  }
  return patches[bad]?.commit ?? target.candidate.commit;
}
