import { withHeartbeat } from '../../activities/rollout/context.ts';
import type { RolloutActivities } from '../../activities/rollout.ts';
import type { Settings } from '../../config/schema.ts';
import type { Db } from '../../store/database.ts';
import { beginWave, keepVerdict, overruleOutcome, planWavesOf, waveOf } from '../../store/gates.ts';
import { runEffect } from '../../store/journal.ts';
import * as ledger from '../../store/rollout-ledger.ts';
import { buildOf, keepRunning, nameBuild } from '../../store/rollout-report.ts';
import type { TargetSeconds } from '../../store/rollout-tables.ts';
import * as rollouts from '../../store/rollouts.ts';
import type { Digest, RolloutOrder } from '../../workflows/types.ts';

type Order = RolloutOrder & { settings: Digest };
type Where = { db: Db; settings: (digest: Digest) => Promise<Settings>; targets: Record<string, string[]> };

const SEEN = { state: 'running' };
const NOTHING_STRANGE = { kind: 'whole' } as const;
const FIGURES = { seconds: 1, acknowledged: 1, errors: 0, timeouts: 0, p50Ms: 1, p99Ms: 1, longestUnwritableMs: 0 };
const ACCOUNT = {
  ...{ acknowledged: 1, read: 1, lost: 0, offsetsMovedBack: 0, longestUnwritableMs: 0, stuckConsumers: 0 },
};
const NO_RECORD = '0'.repeat(64);
const DONE = { kind: 'settled' } as const;

/** Nodes that do at once what they are told, and a ledger that is kept as for real ones. */
export function noOpRollout(db: Db, settings: Where['settings'], targets: Where['targets']): RolloutActivities {
  return {
    planRollout: (order) => plan({ db, settings, targets }, order),
    async planRollBack() {
      throw new Error('nothing goes wrong in a release in which nothing is done');
    },
    openTrafficWindow: () => withHeartbeat(async () => ({ observed: true, windowSeconds: 0 })),
    async keepWindowBefore({ rollout }) {
      await rollouts.keepBaseline(db, rollout, FIGURES);
      return {};
    },
    preflightRollout: () => withHeartbeat(async () => ({ blocks: [], waived: [] })),
    async stageNode(step) {
      await ledger.ledgerEntry(db, { ...step, direction: 'forward' });
      await withHeartbeat(async () => undefined);
    },
    nextNode: ({ rollout, remaining }) =>
      withHeartbeat(async () => {
        await ledger.ledgerOf(db, rollout);
        return { kind: 'next', target: remaining[0] ?? '' };
      }),
    lookAround: ({ rollout }) =>
      withHeartbeat(async () => {
        await ledger.ledgerOf(db, rollout);
        return NOTHING_STRANGE;
      }),
    changeNode: (step) =>
      withHeartbeat(async () => {
        const planned = await ledger.ledgerEntry(db, step);
        const entry = await ledger.intendTarget(db, planned, { before: SEEN, leaders: [] });
        const { environment, target, release } = step;
        const order = { key: entry.key, kind: 'node-change', release, intent: { environment, target, to: entry.to } };
        const done = { seen: SEEN, seconds: { stop: 0, install: 0, start: 0 } };
        await runEffect(db, order, { readBack: async () => undefined, perform: async () => done });
        await ledger.markChanged(db, step, done.seen, done.seconds);
        return { kind: 'changed' };
      }),
    awaitReturn: (step) => note(db, step, { return: 0 }),
    awaitInSync: (step) => note(db, step, { inSync: 0 }),
    giveLeadersBack: (step) => note(db, step, { leaders: 0 }),
    readBackNode: (step) =>
      withHeartbeat(async () => {
        const { to } = await ledger.ledgerEntry(db, step);
        const seconds = { total: 0, ours: 0 };
        await ledger.markDone(db, step, { artifacts: to.artifacts, commit: to.commit ?? '' }, seconds);
        await keepRunning(db, step.environment, step.target, { ...to, rollout: step.rollout });
        return { ...DONE, seconds };
      }),
    planRestart: async () => ({}),
    async planAfterRestart() {},
    lookBefore: ({ rollout }) =>
      withHeartbeat(async () => {
        await rollouts.keepBaseline(db, rollout, FIGURES);
        return {};
      }),
    beginNextWave: ({ rollout, left }) =>
      withHeartbeat(async () => {
        await beginWave(db, rollout, left[0]!.n);
        return { n: left[0]!.n };
      }),
    lookOnceMore: async () => ({ again: [] }),
    async watchWave({ rollout, wave }) {
      const { targets } = await waveOf(db, rollout, wave);
      const gate = { kind: 'pass' as const, figures: { observedSeconds: 0 } };
      await keepVerdict(db, rollout, wave, { gate, record: NO_RECORD });
      return { ...gate, reasons: [], words: `wave ${wave} (${targets.join(', ')}): passed`, record: NO_RECORD };
    },
    async watchAfter() {
      throw new Error('nothing is watched after a release in which nothing is done');
    },
    overruleOutcome: (undone) => overruleOutcome(db, undone),
    async soakEnvironment({ rollout, wave }) {
      await rollouts.baselineOf(db, rollout);
      const gate = { kind: 'pass' as const, figures: { observedSeconds: 0 } };
      await rollouts.keepGate(db, rollout, wave, gate);
      return gate;
    },
    async accountTraffic({ rollout }) {
      await rollouts.keepTraffic(db, rollout, ACCOUNT);
      return { account: ACCOUNT, problems: [] };
    },
    async quietTraffic() {},
    endRollout: ({ rollout, outcome }) => rollouts.endRollout(db, rollout, outcome),
  };
}

async function note(db: Db, step: Parameters<RolloutActivities['awaitReturn']>[0], took: Partial<TargetSeconds>) {
  return withHeartbeat(async () => {
    await ledger.ledgerEntry(db, step);
    await ledger.addSeconds(db, step, took);
    return DONE;
  });
}

/** As the real plan: the same questions to the store, a ledger entry a node, one wave. */
async function plan({ db, settings, targets }: Where, order: Order): ReturnType<RolloutActivities['planRollout']> {
  const { rollout, environment, candidate } = order;
  const opened = await rollouts.openRollout(db, order, order.settings);
  const path = (await settings(order.settings)).forks[candidate.fork]?.release.environments ?? [];
  const upstream = path[path.indexOf(environment) - 1];
  if (upstream !== undefined && !(await rollouts.isVerifiedIn(db, upstream, candidate.digest)))
    return { kind: 'refused', reasons: [`${upstream} has not verified ${candidate.version}`] };
  await ledger.forgetRollBack(db, rollout);
  await ledger.ledgerOf(db, rollout);
  const to = { artifacts: candidate.artifacts, version: candidate.version, commit: candidate.commit };
  const planned: { name: string; from: string; to: string }[] = [];
  for (const [position, target] of (targets[environment] ?? []).entries()) {
    const from = { artifacts: candidate.artifacts, ...(await buildOf(db, candidate.artifacts)) };
    const key = `${rollout}/${target}/change`;
    const entry = { rollout, target, direction: 'forward' as const, position, key, from, to, seen: SEEN };
    await ledger.planTarget(db, entry, { anew: true });
    planned.push({ name: target, from: nameBuild(from), to: nameBuild(to) });
  }
  const names = planned.map(({ name }) => name);
  const { attempt } = opened;
  const wave = { targets: names, why: 'nothing is done to any of them' };
  const shape = { kind: 'one node' as const, firstServing: true };
  await planWavesOf(db, { rollout, release: order.release, attempt }, [{ ...wave, shape }]);
  const waves = [{ n: 1, ...wave }];
  return { kind: 'planned', attempt, targets: planned, already: [], blockedSeconds: 1, waves, gates: 'none' };
}
