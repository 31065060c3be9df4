import { executeChild } from '@temporalio/workflow';
import { judgeProof } from '../decisions/repair-proof.ts';
import type { AgentSubject, Proposal } from './agent-types.ts';
import { proof } from './proof.ts';
import { askAgent, decideAndPush, handedOver, say, stack, type Tried } from './repair-steps.ts';
import type { FoldedFix, RepairOrder, RepairOutcome, RepairTarget } from './repair-types.ts';
import { review } from './review.ts';
import type { Digest, Patch, Source } from './types.ts';

type Conflict = Extract<RepairTarget, { kind: 'conflict' }>;
type Resolved = { proposal: Proposal; guilty: string; patch: Digest; old?: AgentSubject['old'] };

/**
 * A stack that does not apply on a newer base: patch after patch, in order.
 *
 *   1. Pick what applies. At a conflict an agent gets the files with the marks in them.
 *   2. What it hands in becomes that patch, with its author and message; no mark may be left, nor the patch be empty.
 *   3. The whole stack has to build in a clean room, and reviewers read what was resolved last.
 */
export async function resolveConflicts(order: RepairOrder, target: Conflict): Promise<RepairOutcome> {
  const { release, fork, settings, n } = order;
  const about = { release, fork, settings };
  const ref = `refs/patchwright/${release}/repaired-${n}`;
  const read = await stack.readConflict({ ...about, ref: target.ref });
  if (read.kind === 'refused') return handedOver(read.reason);
  let [onto, left] = [read.base.commit, read.patches];
  const resolved: Resolved[] = [];
  for (let at = 1; ; at += 1) {
    const picked = await stack.pickPatches({ ...about, key: `${order.repair}-${at}`, onto, patches: left, ref });
    if (picked.kind === 'refused') return handedOver(picked.reason);
    if (picked.kind === 'done') {
      return finish(order, target, {
        patches: read.patches,
        onto: read.base.commit,
        source: picked.source,
        ref,
        resolved,
      });
    }
    const { explained } = target;
    // Of the first conflict alone: another patch's explanation would lead astray.
    const answer = explained?.patch === picked.patch ? explained.answer : undefined;
    const one = await resolveOne(order, read.patches, { ...picked, name: `${order.repair}-${at}`, explained: answer });
    if ('reason' in one) return handedOver(one.reason);
    resolved.push(one);
    onto = one.commit;
    left = left.slice(left.findIndex(({ commit }) => commit === picked.patch) + 1);
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
  old?: AgentSubject['old'];
  explained?: Digest | undefined;
};

async function resolveOne(
  order: RepairOrder,
  patches: Patch[],
  { name, commit, onto, patch, subject: title, files, log, old, explained }: Marked,
): Promise<(Resolved & { commit: string }) | { reason: string }> {
  const { release, fork, settings } = order;
  const about = { release, fork, settings };
  const named = stackOf(onto, patches);
  const subject = { fork, base: onto, candidate: commit, log, guilty: patch, ...(old && { old }), ...named };
  const asked = { run: name, subject, kind: 'conflict', patches, guilty: patch } as const;
  const proposal = await askAgent(order, { ...asked, ...(explained !== undefined && { explained }) }, about);
  if ('reason' in proposal) return proposal;
  const made = await stack.resolvePatch({ ...about, run: name, onto, patch, tree: proposal.tree, files });
  if (made.kind === 'refused') return { reason: made.reason };
  await say(order, name, `The agent resolved the conflict of patch "${title}" in ${files.join(', ')}.`);
  return { proposal, guilty: patch, patch: made.change, commit: made.commit, ...(old && { old }) };
}

/** The patches as they were, which the brief names: those that were put on the new base are other commits. */
function stackOf(base: string, patches: readonly Patch[]): Pick<AgentSubject, 'stack'> {
  const tip = patches.at(-1)?.commit;
  return tip === undefined ? {} : { stack: { base, tip } };
}

type Stack = { patches: Patch[]; onto: string; source: Source; ref: string; resolved: Resolved[] };

async function finish(order: RepairOrder, target: Conflict, stacked: Stack): Promise<RepairOutcome> {
  const { patches, resolved } = stacked;
  const last = resolved.at(-1);
  if (last === undefined) return handedOver('there is no conflict any more: release again');
  const what = target.reasons.join('; ');
  const tried = await check(order, what, stacked, last);
  return 'reasons' in tried ? handedOver(tried.reasons.join('; ')) : decideAndPush(order, patches, what, tried);
}

async function check(
  order: RepairOrder,
  what: string,
  at: Stack,
  last: Resolved,
): Promise<Tried | { reasons: string[] }> {
  const { release, fork, settings } = order;
  const { onto, source, ref } = at;
  const name = `${order.repair}-resolved`;
  const proven = await executeChild(proof, {
    workflowId: `proof:${name}`,
    args: [{ release, fork, settings, proof: name, fix: source, before: 0, after: 0, whole: false }],
  });
  const verdict = judgeProof(proven);
  if (!verdict.proven) return { reasons: verdict.reasons };
  const { proposal, guilty, patch, old } = last;
  const fix: FoldedFix = { source, ref, patch, guilty };
  const subject = { fork, base: onto, candidate: source.commit, patch, guilty, ...(old && { old }) };
  const about = { name, release, settings, subject, original: { fork, commit: guilty }, what };
  return {
    fix,
    proposal,
    proven,
    reviewed: await review({ ...about, of: 'conflict' }),
  };
}
