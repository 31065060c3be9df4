import { patched, proxyActivities } from '@temporalio/workflow';
import type { DiagnosisRequest } from '../activities/agent.ts';
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
  return tellOf({ input, n }, { run, about, request: () => conflictRequest(input, n, run), patch }, enter);
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
  return tellOf({ input, n }, { run, about: 'the build', request: async () => request }, enter);
}

type Asked = {
  run: string;
  about: string;
  request: () => Promise<DiagnosisRequest | undefined>;
  patch?: string;
};

async function tellOf({ input, n }: About, asked: Asked, enter: Enter): Promise<Explained | undefined> {
  const { release, settings, fork } = input;
  const { run, about, request, patch } = asked;
  // Before anything is put together: a conflict is picked once more for it.
  const { model } = await repairPolicy({ fork, settings });
  if (!model) {
    await sayNoModel(release, n, about);
    return undefined;
  }
  const explanation = await explain({ run, release, about, of: about, request }, () => enter('diagnose'));
  if (explanation === undefined) return undefined;
  await say(release, run, explanation.words);
  const { answer } = explanation;
  return answer === undefined ? undefined : { answer, ...(patch !== undefined && { patch }) };
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
