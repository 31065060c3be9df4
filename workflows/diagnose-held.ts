import { patched, proxyActivities } from '@temporalio/workflow';
import type { DiagnosisRequest } from '../activities/agent.ts';
import type { FailedCheck } from '../activities/checks.ts';
import type { RepairActivities } from '../activities/repair.ts';
import type { Explained } from './agent-types.ts';
import { say, sayNoModel } from './diagnose.ts';
import { explain } from './explain.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { BuildOutcome, CutOutcome } from './types.ts';

// Outside of what may fail and be a sentence: that the store is away for a while must not end the release.
const { repairPolicy } = proxyActivities<RepairActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const { readConflict, pickPatches } = proxyActivities<RepairActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

type Enter = (step: string) => Promise<void>;
type About = { input: ReleaseInput; n: number };
type Conflict = Extract<CutOutcome, { kind: 'conflict' }>;
type Broken = Extract<BuildOutcome, { kind: 'broken' }>;
type Empty = Extract<CutOutcome, { kind: 'empty-patch' }>;

/**
 * Has an agent explain why a patch does not apply on its base: whether it is mended or not, whoever owns it wants to
 * know what upstream did there. As for a verdict it changes nothing, and one that fails is a sentence.
 */
export async function explainConflict(
  { input, n }: About,
  { patch, subject: title, files }: Conflict,
  enter: Enter,
): Promise<Explained | undefined> {
  if (!patched('explained')) return undefined;
  const run = `${input.release}/${n}/diagnose/cut/1`;
  const about = `the conflict of patch "${title}" in ${files.join(', ')}`.slice(0, 300);
  return (await tellOf({ input, n }, { run, about, request: () => conflictRequest(input, n, run), patch }, enter))
    .explained;
}

/** The same for a candidate that does not build on a base that does. */
export async function explainBuild(
  { input, n }: About,
  { cut, log }: { cut: Cut; log: Broken['log'] },
  enter: Enter,
): Promise<Explained | undefined> {
  // A build of before its log was handed on says too little to be explained.
  if (!patched('explained') || log === undefined) return undefined;
  const { release, settings, fork } = input;
  const run = `${release}/${n}/diagnose/build/1`;
  const subject = { fork, base: cut.base.commit, candidate: cut.candidate.commit, log };
  const request: DiagnosisRequest = { run, release, settings, subject, patches: cut.patches, held: 'build' };
  return (await tellOf({ input, n }, { run, about: 'the build', request: async () => request }, enter)).explained;
}

/** The same for a base that does not build by itself: no patch did it, and none can be mended for it. */
export async function explainBase(
  { input, n }: About,
  { cut, log }: { cut: Cut; log: Broken['log'] },
  enter: Enter,
): Promise<void> {
  if (log === undefined || !patched('explained-all')) return;
  const { release, settings, fork } = input;
  const run = `${release}/${n}/diagnose/base/1`;
  const subject = { fork, base: cut.base.commit, candidate: cut.candidate.commit, log };
  const request: DiagnosisRequest = { run, release, settings, subject, patches: cut.patches, held: 'base' };
  await tellOf({ input, n }, { run, about: 'the build of the base', request: async () => request }, enter);
}

/** More are not looked into: a base that moved far breaks many checks for one reason. */
const MOST_CHECKS = 5;

/** The same for patches whose own checks no longer hold, one after the other, as far as the budget goes. */
export async function explainChecks(
  { input, n }: About,
  { cut, failed }: { cut: Cut; failed: readonly FailedCheck[] },
  enter: Enter,
): Promise<void> {
  if (failed.length === 0 || !patched('explained-all')) return;
  for (const [i, one] of failed.slice(0, MOST_CHECKS).entries()) {
    const run = `${input.release}/${n}/diagnose/checks/${i + 1}`;
    const title = cut.patches.find(({ commit }) => commit === one.patch)?.subject ?? one.patch.slice(0, 12);
    const about = `the check of patch "${title}"`.slice(0, 300);
    const unasked = failed.length > 1 ? `the checks of these ${failed.length} patches` : about;
    const asked = { run, about, unasked, request: () => checkRequest(input, { cut, one, run }) };
    const { isSpent, isUnasked } = await tellOf({ input, n }, asked, enter);
    // The next one would be told the same.
    if (isSpent && patched('checks-end-when-spent')) break;
    if (isUnasked && patched('checks-unasked-once')) break;
  }
}

async function checkRequest(
  input: ReleaseInput,
  { cut, one, run }: { cut: Cut; one: FailedCheck; run: string },
): Promise<DiagnosisRequest> {
  const { release, settings, fork } = input;
  const { base, candidate, patches } = cut;
  const { patch: guilty, check, reason, log } = one;
  const at = patches.findIndex(({ commit }) => commit === guilty);
  const old = await asItsAuthorLeftIt(input, at, guilty);
  const subject = { fork, base: base.commit, candidate: candidate.commit, guilty, log, ...(old && { old }) };
  const said = [reason, `The check is a shell command, which was run over the candidate: ${check}`];
  return { run, release, settings, subject, patches, held: 'check', said };
}

/** Undefined where it was not put on another base. */
async function asItsAuthorLeftIt({ release, fork, settings, ref }: ReleaseInput, at: number, patch: string) {
  const read = await readConflict({ release, fork, settings, ref });
  const commit = read.kind === 'read' ? read.patches[at]?.commit : undefined;
  return commit === undefined || commit === patch ? undefined : { base: `${commit}^`, patched: commit };
}

/** The same for a patch of which nothing is left on its base. */
export async function explainUpstream({ input, n }: About, cut: Empty, enter: Enter): Promise<void> {
  if (!patched('explained-all')) return;
  const run = `${input.release}/${n}/diagnose/cut/1`;
  const about = `patch "${cut.subject}", which upstream has`.slice(0, 300);
  await tellOf({ input, n }, { run, about, request: () => upstreamRequest(input, cut, run) }, enter);
}

async function upstreamRequest(
  { release, settings, fork, ref }: ReleaseInput,
  { patch: guilty, reasons }: Empty,
  run: string,
): Promise<DiagnosisRequest | undefined> {
  const read = await readConflict({ release, fork, settings, ref });
  // It is gone from the stack meanwhile.
  if (read.kind === 'refused' || !read.patches.some(({ commit }) => commit === guilty)) return undefined;
  const base = read.base.commit;
  const tip = read.patches.at(-1)?.commit ?? guilty;
  const old = { base: `${guilty}^`, patched: guilty };
  const subject = { fork, base, candidate: base, guilty, old, stack: { base, tip } };
  return { run, release, settings, subject, patches: read.patches, held: 'upstream', said: reasons };
}

type Asked = {
  run: string;
  about: string;
  /** What an agent could have looked into, where there is no model; `about` where nothing is said. */
  unasked?: string;
  request: () => Promise<DiagnosisRequest | undefined>;
  patch?: string;
};

type Told = { explained?: Explained; isSpent?: boolean; isUnasked?: boolean };

/** `isSpent`: the release's budget pays no other one. `isUnasked`: there is no model. */
async function tellOf({ input, n }: About, asked: Asked, enter: Enter): Promise<Told> {
  const { release, settings, fork } = input;
  const { run, about, unasked = about, request, patch } = asked;
  // Before anything is put together: a conflict is picked once more for it.
  const { model } = await repairPolicy({ fork, settings });
  if (!model) {
    await sayNoModel(release, n, unasked);
    return { isUnasked: true };
  }
  const explanation = await explain({ run, release, about, of: about, request }, () => enter('diagnose'));
  if (explanation === undefined) return {};
  const { words, answer, isSpent = false } = explanation;
  await say(release, run, words);
  return answer === undefined ? { isSpent } : { explained: { answer, ...(patch !== undefined && { patch }) }, isSpent };
}

/** The conflict as git leaves it, marks and all; undefined where it is gone, since the base has moved meanwhile. */
async function conflictRequest(input: ReleaseInput, n: number, run: string): Promise<DiagnosisRequest | undefined> {
  const { release, settings, fork } = input;
  const about = { release, fork, settings };
  const read = await readConflict({ ...about, ref: input.ref });
  if (read.kind === 'refused') return undefined;
  const { base, patches } = read;
  const ref = `refs/patchwright/${release}/conflict-${n}`;
  const key = `${release}/${n}/explain`;
  const picked = await pickPatches({ ...about, key, onto: base.commit, patches, ref });
  if (picked.kind !== 'conflict') return undefined;
  const { commit: candidate, onto, patch: guilty, log, old } = picked;
  const tip = patches.at(-1)?.commit ?? guilty;
  const subject = { fork, base: onto, candidate, guilty, log, old, stack: { base: base.commit, tip } };
  return { run, release, settings, subject, patches, held: 'conflict' };
}
