import { patched, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import type { RecordActivities } from '../activities/release-records.ts';
import type { StoryActivities } from '../activities/story.ts';
import { NO_STAND_IN, standInFor, standInWords } from '../decisions/base-stand-in.ts';
import { buildWords } from '../decisions/release-words.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { Build, BuildOutcome, Digest, StandIn } from './types.ts';

const taskQueue = 'patchwright-activity';

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue,
  // The configured limit of the build ends it; this only bounds what could hang around it.
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

const { recordBuilt, lastReleasedBuild } = proxyActivities<RecordActivities>({
  taskQueue,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** `standIn`: what is here as the base is what was released last, since the base does not build. */
export type Both = { kind: 'built'; candidate: Build; base: Build; standIn?: StandIn };

/** Base and candidate by the same pipeline, or why one of them is not there. */
export async function buildBoth(
  input: ReleaseInput,
  n: number,
  cut: Cut,
): Promise<Both | { kind: 'broken'; base?: boolean; reasons: string[]; log?: Digest }> {
  const { release, settings } = input;
  const [base, candidate] = await Promise.all([
    buildSource({ ...cut.base, settings, release }),
    buildSource({ ...cut.candidate, settings, release }),
  ]);
  if (base.kind === 'broken') return withoutBase(input, n, candidate, base);
  if (candidate.kind === 'broken') return candidate;
  await recordBuilt({ release, n, buildKey: candidate.build.buildKey, baseBuildKey: base.build.buildKey });
  await tell({ release, key: `${release}/${n}/build`, text: buildWords(candidate, base) });
  return { kind: 'built', candidate: candidate.build, base: base.build };
}

/** What was released last is compared with instead, where its artifacts are kept and there is something to compare. */
async function withoutBase(
  { release, fork }: ReleaseInput,
  n: number,
  candidate: BuildOutcome,
  baseBroken: Extract<BuildOutcome, { kind: 'broken' }>,
): Promise<Both | { kind: 'broken'; base: true; reasons: string[]; log?: Digest }> {
  const broken = { ...baseBroken, base: true as const };
  const reasons = ['the base itself does not build', ...baseBroken.reasons];
  if (candidate.kind === 'broken' || !patched('base-stand-in')) return { ...broken, reasons };
  const base = await lastReleasedBuild({ fork, candidate: candidate.build.digest });
  if (base === undefined) return { ...broken, reasons: [...reasons, NO_STAND_IN] };
  await recordBuilt({ release, n, buildKey: candidate.build.buildKey, baseBuildKey: base.buildKey });
  const standIn = standInFor(base, baseBroken.reasons);
  await tell({ release, key: `${release}/${n}/build`, text: standInWords(standIn), tone: 'warn' });
  return { kind: 'built', candidate: candidate.build, base, standIn };
}
