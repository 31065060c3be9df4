import { waveOf } from '../../store/gates.ts';
import { ledgerEntry, ledgerOf, planTarget } from '../../store/rollout-ledger.ts';
import type { Digest, RolloutOrder } from '../../workflows/types.ts';
import { openContext, placedNames, type RolloutDeps, seenProcess } from './context.ts';

type Order = RolloutOrder & { settings: Digest };

/** An entry of the ledger that restarts a node on what it runs has this at the end of its key. */
const RESTART = '/restart';
const CHANGE = '/change';

/**
 * Plans to restart one node of the first wave unchanged: one that does not return on its *old* artifact either (an
 * expired certificate, a configuration that drifted) is found before the candidate is blamed for it. Safe to repeat.
 */
export async function planRestart(deps: RolloutDeps, order: Order): Promise<{ target?: string }> {
  const { rules, system } = await openContext(deps, order);
  if (!rules.restartFirst) return {};
  const ledger = await ledgerOf(deps.db, order.rollout);
  const begun = ledger.find(({ direction, key }) => direction === 'forward' && key.endsWith(RESTART));
  if (begun) return { target: begun.target };
  const first = await waveOf(deps.db, order.rollout, 1);
  const planned = ledger.filter(
    ({ direction, state, target }) => direction === 'forward' && state === 'planned' && first.targets.includes(target),
  );
  if (planned.length === 0) return {};
  const next = await system.next(planned.map(({ target }) => target));
  const entry = planned.find(({ target }) => next === 'unknown' || target === next.next) ?? planned[0]!;
  const restart = { ...entry, key: entry.key.replace(new RegExp(`${CHANGE}$`), RESTART), to: entry.from };
  await planTarget(deps.db, restart, { anew: true });
  return { target: entry.target };
}

/** It has returned: what was planned for it, with the process that it has now. Safe to repeat. */
export async function planAfterRestart(
  deps: RolloutDeps,
  { target, ...order }: Order & { target: string },
): Promise<void> {
  const { settings, driver } = await openContext(deps, order);
  const entry = await ledgerEntry(deps.db, { rollout: order.rollout, target, direction: 'forward' });
  if (!entry.key.endsWith(RESTART)) return;
  const { artifacts, version, commit } = order.candidate;
  const names = placedNames(settings, target);
  const to = {
    artifacts: artifacts.filter(({ name }) => names.includes(name)).map(({ name, sha256 }) => ({ name, sha256 })),
    ...{ version, commit },
  };
  const key = entry.key.replace(new RegExp(`${RESTART}$`), CHANGE);
  await planTarget(deps.db, { ...entry, key, to, seen: seenProcess(await driver.facts(target)) }, { anew: true });
}
