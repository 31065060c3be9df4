import { Context } from '@temporalio/activity';
import { diskHasRoom } from '../decisions/disk-room.ts';
import { type Waived, waivedAs } from '../decisions/kafka-rules/waivers.ts';
import { accountProblems } from '../decisions/rollout-plan.ts';
import type { ClientFigures } from '../decisions/soak.ts';
import { dropLooks, overruleOutcome } from '../store/gates.ts';
import { keepMetadataBefore } from '../store/metadata-before.ts';
import { ledgerEntry, ledgerOf } from '../store/rollout-ledger.ts';
import { endRollout, keepBaseline, keepTraffic } from '../store/rollouts.ts';
import type { Digest, RolloutOrder, RolloutOutcome, RuleFinding, TrafficAccount } from '../workflows/types.ts';
import { permanent } from './failures.ts';
import { type ChangeOutcome, changeNode, type NodeStep } from './rollout/change.ts';
import {
  openContext,
  pause,
  type RolloutContext,
  type RolloutDeps,
  type RolloutStep,
  withHeartbeat,
} from './rollout/context.ts';
import { gateSettingsOf } from './rollout/gate-settings.ts';
import {
  beginNextWave,
  lookBefore,
  lookOnceMore,
  type WatchOutcome,
  type WaveOrder,
  type WaveOutcome,
  watchAfter,
  watchWave,
} from './rollout/gates.ts';
import { lookAround, type NextNode, type NextOrder, nextNode, type Standing } from './rollout/next.ts';
import { planRollBack, planRollout, type RollBackPlan, type RolloutPlan } from './rollout/plan.ts';
import { planAfterRestart, planRestart } from './rollout/restart-first.ts';
import { awaitInSync, awaitReturn, giveLeadersBack, readBackNode, type SettleOutcome } from './rollout/settle.ts';
import { type SoakOutcome, soakEnvironment } from './rollout/soak.ts';
import { noteWaiver } from './rollout/waivers.ts';
import type { Traffic } from './traffic.ts';

export type { RolloutDeps } from './rollout/context.ts';

type Order = RolloutOrder & { settings: Digest };
export type Preflight = { blocks: RuleFinding[]; waived: Waived[] };

/** A block at the very start is looked at again this long: a cluster that just settled is no reason to hold. */
const PREFLIGHT_PATIENCE_MS = 15_000;
const LOOK_MS = 1_000;
const ACCOUNT_MS = 30_000;
const TRAFFIC_TRIES = 3;

/** What the workflow `rollout` does, step by step. Each is safe to repeat; the ledger and the node's disk say how far it came. */
export function createRolloutActivities(deps: RolloutDeps) {
  return {
    planRollout: (order: Order): Promise<RolloutPlan> => withHeartbeat(() => planRollout(deps, order)),
    planRollBack: (order: Order): Promise<RollBackPlan> => planRollBack(deps, order),

    /** Full canary traffic, and the mark from which records are accounted for. The first call of a roll-out holds. */
    async openTrafficWindow(step: RolloutStep): Promise<{ observed: boolean; windowSeconds: number }> {
      const { traffic, settings } = await openContext(deps, step);
      await withHeartbeat(() => runTraffic(traffic));
      await traffic.setRate('full');
      await traffic.openWindow(step.rollout);
      return {
        observed: traffic.observed,
        windowSeconds: traffic.observed ? gateSettingsOf(settings).windowSeconds : 0,
      };
    },

    /** The clients' figures before the first node; what is compared with is kept before anything is touched. */
    async keepWindowBefore(step: RolloutStep): Promise<{ problem?: string }> {
      const { traffic, settings } = await openContext(deps, step);
      if (!traffic.observed) return {};
      const { windowSeconds } = gateSettingsOf(settings);
      const figures = await traffic.recent(windowSeconds);
      const { seconds, acknowledged, errors, timeouts, p50Ms, p99Ms, longestUnwritableMs } = figures;
      const baseline: ClientFigures = { seconds, acknowledged, errors, timeouts, p50Ms, p99Ms, longestUnwritableMs };
      await keepBaseline(deps.db, step.rollout, baseline);
      if (acknowledged > 0) return {};
      return {
        problem: `the canary traffic had nothing acknowledged in ${windowSeconds} s: nothing to compare with`,
      };
    },

    /** Every rule over the whole environment, before anything is touched. */
    async preflightRollout(step: RolloutStep & { targets: string[] }): Promise<Preflight> {
      const context = await openContext(deps, step);
      const forward = (await ledgerOf(deps.db, step.rollout)).find(({ direction }) => direction === 'forward');
      const toVersion = forward?.to.version;
      return withHeartbeat(async () => {
        const deadline = Date.now() + PREFLIGHT_PATIENCE_MS;
        for (;;) {
          const { blocks: found, waived } = await context.system.preflight(step.targets, toVersion);
          const blocks = [...found, ...(await lowDisks(context, step.targets))];
          // A cluster gets whole by itself within a moment; a disk does not get emptier.
          if (found.length === 0 || Date.now() > deadline) {
            const before = await context.system.levels?.before();
            if (before) await keepMetadataBefore(deps.db, step.rollout, before);
            for (const one of waived) await noteWaiver(deps.db, step, one);
            return {
              blocks: blocks.slice(0, 20),
              waived: waived.slice(0, 20).map(waivedAs),
            };
          }
          await pause(LOOK_MS);
        }
      });
    },

    /** The new artifact and the one to go back to, verified beside what runs. */
    async stageNode(step: RolloutStep & { target: string }): Promise<void> {
      const { driver } = await openContext(deps, step);
      const { from, to } = await ledgerEntry(deps.db, { ...step, direction: 'forward' });
      const artifacts = [...to.artifacts, ...from.artifacts].map((artifact) => ({ ...artifact, bytes: 0 }));
      await withHeartbeat(() => driver.stage(step.target, artifacts));
    },

    nextNode: (order: NextOrder): Promise<NextNode> => withHeartbeat(() => nextNode(deps, order)),
    lookAround: (step: RolloutStep & { patient: boolean }): Promise<Standing> =>
      withHeartbeat(() => lookAround(deps, step)),
    changeNode: (step: NodeStep): Promise<ChangeOutcome> => withHeartbeat(() => changeNode(deps, step)),
    awaitReturn: (step: NodeStep): Promise<SettleOutcome> => withHeartbeat(() => awaitReturn(deps, step)),
    awaitInSync: (step: NodeStep): Promise<SettleOutcome> => withHeartbeat(() => awaitInSync(deps, step)),
    giveLeadersBack: (step: NodeStep): Promise<SettleOutcome> => withHeartbeat(() => giveLeadersBack(deps, step)),
    readBackNode: (step: NodeStep) => withHeartbeat(() => readBackNode(deps, step)),
    planRestart: (order: Order) => withHeartbeat(() => planRestart(deps, order)),
    planAfterRestart: (order: Order & { target: string }) => withHeartbeat(() => planAfterRestart(deps, order)),
    lookBefore: (step: RolloutStep & { attempt: number }) => lookBefore(deps, step),
    beginNextWave: (step: Parameters<typeof beginNextWave>[1]) => withHeartbeat(() => beginNextWave(deps, step)),
    lookOnceMore: (step: Parameters<typeof lookOnceMore>[1]) => withHeartbeat(() => lookOnceMore(deps, step)),
    watchWave: (order: WaveOrder): Promise<WaveOutcome> => watchWave(deps, order),
    watchAfter: (order: WaveOrder): Promise<WatchOutcome> => watchAfter(deps, order),
    overruleOutcome: (undone: Parameters<typeof overruleOutcome>[1]) => overruleOutcome(deps.db, undone),
    /** Of roll-outs that began before there were gates. */
    soakEnvironment: (step: RolloutStep & { wave: number }): Promise<SoakOutcome> => soakEnvironment(deps, step),

    /** Every record that was acknowledged since the window was opened, accounted for. */
    async accountTraffic(step: RolloutStep): Promise<{ account: TrafficAccount; problems: string[] } | undefined> {
      const context = await openContext(deps, step);
      if (!context.traffic.observed) return undefined;
      const account = await withHeartbeat(() => accountOf(context, step));
      await keepTraffic(deps.db, step.rollout, account);
      return { account, problems: accountProblems(account) };
    },

    /** Back to a trickle, so that suites and people have their cores; the window's logs may go. */
    async quietTraffic(step: RolloutStep): Promise<void> {
      const { traffic } = await openContext(deps, step);
      await traffic.setRate('trickle');
      await traffic.closeWindow(step.rollout);
    },

    async endRollout({ rollout, outcome }: { rollout: string; outcome: RolloutOutcome }): Promise<void> {
      await endRollout(deps.db, rollout, outcome);
      // Of a gate that was given up in the middle.
      await dropLooks(deps.db, rollout);
    },
  };
}

async function lowDisks({ driver, rules }: RolloutContext, targets: readonly string[]): Promise<RuleFinding[]> {
  const nodes = await Promise.all(
    targets.map(async (target) => ({ target, freeBytes: await driver.freeBytes?.(target) })),
  );
  return diskHasRoom(nodes, rules.minimumFreeMb);
}

/** Each try waits a minute for a record: where several got none, a person is told rather than kept waiting. */
async function runTraffic(traffic: Traffic): Promise<void> {
  try {
    await traffic.ensureRunning();
  } catch (error) {
    if (Context.current().info.attempt < TRAFFIC_TRIES) throw error;
    throw permanent('NoTraffic', (error as Error).message);
  }
}

async function accountOf({ traffic }: RolloutContext, { rollout }: RolloutStep): Promise<TrafficAccount> {
  const account = await traffic.account(rollout, { waitMs: ACCOUNT_MS });
  const { acknowledged, read, lost, offsetsMovedBack, longestUnwritableMs, stuckConsumers } = account;
  return { acknowledged, read, lost, offsetsMovedBack, longestUnwritableMs, stuckConsumers };
}

export type RolloutActivities = ReturnType<typeof createRolloutActivities>;
