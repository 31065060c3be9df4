import { setTimeout as sleep } from 'node:timers/promises';
import { bakeOf, finaliseBinds, finaliseQuestion, runsOf } from '../decisions/finalise.ts';
import { metadataLevel, metadataName, metadataNames } from '../decisions/kafka-rules/metadata-versions.ts';
import { reasonsOf } from '../decisions/kafka-rules/waivers.ts';
import { runEffect } from '../store/journal.ts';
import { type PromotedRollout, promotedRollout } from '../store/promoted-rollout.ts';
import type { ApprovalQuestion } from '../workflows/approval-types.ts';
import type { FinaliseOrder, FinaliseOutcome } from '../workflows/types.ts';
import { whyNotApproved } from './approvals.ts';
import { allFacts, type Levels } from './health/system.ts';
import { openContext, type RolloutContext, type RolloutDeps, withHeartbeat } from './rollout/context.ts';
import { gateSettingsOf } from './rollout/gate-settings.ts';

/** `question`: what is left is for people. */
export type FinaliseLook = { kind: 'may'; question: ApprovalQuestion } | Extract<FinaliseOutcome, { kind: 'refused' }>;

const READ_BACK_MS = 30_000;
const LOOK_MS = 500;

/** Raising metadata.version for good (K16): looked at twice, before people are asked and right before the effect. */
export function createFinaliseActivities(deps: RolloutDeps) {
  return {
    /** Everything but the approval, and the question where it holds. Reads only. */
    lookToFinalise: (order: FinaliseOrder): Promise<FinaliseLook> =>
      withHeartbeat(async () => {
        const seen = await look(deps, order);
        if (seen.kind === 'refused') return seen;
        const { promoted, from } = seen;
        const { approval: id, by: requestedBy, settings } = order;
        const { release, candidate, authors } = promoted;
        const question = finaliseQuestion({ ...order, id, release, candidate, authors, requestedBy, settings, from });
        return { kind: 'may', question };
      }),

    /**
     * Raises the level, in the cluster, once people have approved exactly this and everything still holds; then the
     * level is read back. Safe to repeat: a level that is there already was raised by an attempt before.
     */
    finaliseLevel: (order: FinaliseOrder): Promise<FinaliseOutcome> => withHeartbeat(() => finaliseLevel(deps, order)),
  };
}

export type FinaliseActivities = ReturnType<typeof createFinaliseActivities>;

/** Ends the effect without its result, for good: the journal keeps the reason. */
class NotFinalised extends Error {
  readonly nonRetryable = true;
  readonly reasons: string[];
  constructor(reasons: string[]) {
    super(reasons.join('\n'));
    this.reasons = reasons;
  }
}

type Seen = {
  kind: 'seen';
  context: RolloutContext;
  levels: Levels;
  promoted: PromotedRollout;
  level: number;
  from: string;
};

/** The rules, but for the approval. */
async function look(
  deps: RolloutDeps,
  order: FinaliseOrder,
): Promise<Seen | Extract<FinaliseOutcome, { kind: 'refused' }>> {
  const promoted = await promotedRollout(deps.db, order.rollout);
  if (!promoted) return refused(order, `${order.rollout} is no longer promoted in ${order.environment}`);
  const context = await openContext(deps, { ...order, release: promoted.release });
  const { system, rules } = context;
  const level = metadataLevel(order.level);
  if (!system.levels) return refused(order, `${order.environment} has no feature levels: it is no Kafka cluster`);
  if (level === undefined) return refused(order, `"${order.level}" is none of ${metadataNames.join(', ')}`);
  if (rules.metadataVersion !== undefined && rules.metadataVersion !== order.level) {
    const pin = `rollout.metadataVersion pins ${rules.metadataVersion} (K15): change it to ${order.level} first`;
    return refused(order, pin);
  }
  const { digest, artifacts } = promoted.candidate;
  const { findings, level: now } = await system.levels.mayFinalise({
    level,
    digest,
    runs: runsOf(await readBacks(context), { digest, artifacts }),
    bake: bakeOf(promoted.waves, {
      endedAtMs: promoted.endedAtMs,
      nowMs: Date.now(),
      watchSeconds: gateSettingsOf(context.settings).watchSeconds,
    }),
    // Whether they did is asked of the audit, right before the effect.
    approved: { digest, level },
  });
  if (findings.length > 0) return { kind: 'refused', release: promoted.release, reasons: reasonsOf(findings) };
  const from = now === undefined ? 'unknown' : metadataName(now);
  return { kind: 'seen', context, levels: system.levels, promoted, level, from };
}

const refused = ({ rollout }: FinaliseOrder, reason: string) => ({
  kind: 'refused' as const,
  release: rollout.split('/')[0]!,
  reasons: [reason],
});

/** Files as they lie on the nodes that run. A node that is not running is not read: nobody knows what it runs. */
async function readBacks({ driver }: RolloutContext) {
  const running = (await allFacts(driver)).filter(({ state }) => state === 'running');
  const read = running.map(async ({ name }) => [name, (await driver.readBack(name)).artifacts] as const);
  return Object.fromEntries(await Promise.all(read));
}

async function finaliseLevel(deps: RolloutDeps, order: FinaliseOrder): Promise<FinaliseOutcome> {
  const { approval, environment, rollout, level } = order;
  const release = (await promotedRollout(deps.db, rollout))?.release ?? rollout.split('/')[0]!;
  const intent = { environment, rollout, level };
  try {
    await runEffect(
      deps.db,
      { key: `${approval}/raise`, kind: 'finalise', release, intent },
      {
        readBack: () => levelReached(deps, { ...order, release }),
        perform: () => raise(deps, order),
      },
    );
    return { kind: 'finalised', release, level };
  } catch (error) {
    if (!(error instanceof NotFinalised)) throw error;
    return { kind: 'refused', release, reasons: error.reasons };
  }
}

async function raise(deps: RolloutDeps, order: FinaliseOrder): Promise<{ level: string }> {
  const seen = await look(deps, order);
  if (seen.kind === 'refused') throw new NotFinalised(seen.reasons);
  const { promoted, context, levels, level } = seen;
  const use = { id: order.approval, binds: finaliseBinds({ ...order, candidate: promoted.candidate }) };
  const unapproved = await whyNotApproved(deps.db, { ...use, settings: context.all, use: `${order.approval}/raise` });
  if (unapproved !== undefined) throw new NotFinalised([unapproved]);
  const problem = await levels.raise(level);
  if (problem !== undefined) throw new NotFinalised([`the cluster refuses ${order.level}: ${problem}`]);
  const deadline = Date.now() + READ_BACK_MS;
  for (;;) {
    const reached = await levelReached(deps, { ...order, release: promoted.release });
    if (reached) return reached;
    if (Date.now() > deadline) throw new Error(`${order.level} was raised, and no broker tells it yet: looking again`);
    await sleep(LOOK_MS);
  }
}

async function levelReached(deps: RolloutDeps, order: FinaliseOrder & { release: string }) {
  const { system } = await openContext(deps, order);
  const now = (await system.levels?.before())?.level;
  return now !== undefined && now === metadataLevel(order.level) ? { level: order.level } : undefined;
}
