import { Context } from '@temporalio/activity';
import type { GateSample } from '../../decisions/gate/types.ts';
import { keepLook, keptLooks } from '../../store/gates.ts';
import { ledgerOf } from '../../store/rollout-ledger.ts';
import type { LedgerEntry } from '../../store/rollout-tables.ts';
import { pause, type RolloutContext } from './context.ts';
import { firstLook, lookForGate } from './gate-look.ts';
import { type Standing, standingOf } from './next.ts';
import { returnLeaders } from './owed-leaders.ts';

/** `settleFirst`: others ended a node before it began, whose return has to be over before a look counts. */
export type Window = { rollout: string; key: string; beatMs: number; settleFirst?: boolean };

/** `beganAtMs`: when looking began, whether a look counted or not. `startedAtMs`: of the first look that counts. */
export type Watched = { looks: GateSample[]; beganAtMs: number; startedAtMs: number; standing: Standing };

/**
 * Looks until `decide` answers. Looks that are kept under the key already are gone on from. The harm of a node that
 * others ended is not the candidate's: from then on no look is kept until the node is back, everything is in sync and
 * its leaders are its own again, or that has had as long as it has for any node (`inSyncSeconds`); what is broken after
 * that is judged.
 */
export async function onBeat<T>(
  context: RolloutContext,
  { rollout, key, beatMs, settleFirst = false }: Window,
  decide: (watched: Watched) => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const kept = await keptLooks(context.db, rollout, key);
  const beganAtMs = kept[0]?.startedAtMs ?? Date.now();
  let startedAtMs = beganAtMs;
  const looks = kept.map(({ sample }) => sample);
  let state = kept.at(-1)?.state ?? firstLook(startedAtMs);
  // A node that came back may have been taken in by an attempt that died before it said so.
  const isOwed = (await ledgerOf(context.db, rollout)).some(({ seen }) => seen.recovered);
  let disturbedAtMs = isOwed || (settleFirst && looks.length === 0) ? Date.now() : undefined;
  const activity = Context.current();
  const heart = setInterval(() => activity.heartbeat({ looks: looks.length, ...state }), 1_000);
  try {
    for (;;) {
      const began = Date.now();
      const seen = await lookForGate(context, state, rolledIn(await ledgerOf(context.db, rollout)));
      const standing = await standingOf(context, await ledgerOf(context.db, rollout));
      const whole = standing.kind === 'whole' && isInSync(seen.sample);
      const led = !whole || (await returnLeaders(context, await ledgerOf(context.db, rollout))).length === 0;
      if (standing.kind === 'crashed') seen.sample.invariants.crashed = standing.reasons;
      if (isByOthers(standing)) disturbedAtMs = began;
      const mayStillSettle = disturbedAtMs !== undefined && began - disturbedAtMs < context.rules.inSyncSeconds * 1000;
      if (isByOthers(standing) || (mayStillSettle && standing.kind === 'whole' && !(whole && led))) {
        // Nor is what clients saw meanwhile counted with the next look.
        state = { ...state, clientsToMs: seen.state.clientsToMs };
        if (looks.length === 0) startedAtMs = Date.now();
      } else {
        disturbedAtMs = undefined;
        ({ state } = seen);
        await keepLook(context.db, { rollout, key, n: looks.length }, { startedAtMs, ...seen });
        looks.push(seen.sample);
      }
      const decided = await decide({ looks, beganAtMs, startedAtMs, standing });
      if (decided !== undefined) return decided;
      await pause(Math.max(100, began + beatMs - Date.now()));
    }
  } finally {
    clearInterval(heart);
  }
}

const rolledIn = (ledger: readonly LedgerEntry[]) =>
  ledger.filter(({ state }) => state !== 'planned').map(({ target }) => target);

/** Others ended, restarted or brought back a node. */
const isByOthers = (standing: Standing) =>
  standing.kind === 'waiting' ||
  standing.kind === 'foreign' ||
  (standing.kind === 'whole' && standing.recovered !== undefined);

const isInSync = ({ unread, invariants }: GateSample) =>
  unread.length === 0 && Object.values(invariants).every((names) => names.length === 0);
