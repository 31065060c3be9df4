import { setTimeout as sleep } from 'node:timers/promises';
import { type BrokerPlace, brokersOf, killNow, nodeProcesses } from './kill.ts';
import type { Look } from './look.ts';
import { persistently, type World } from './world.ts';

/** Long enough for whoever would start it by himself. */
const LEFT_ALONE_MS = 4_000;

/**
 * Where a broker may be killed so that its death is nobody's fault but ours: no entry of the ledger is open in
 * that environment (an open one is a node that Patchwright itself is changing), and no roll-out there is
 * about to judge the whole cluster before its first node.
 */
export function environmentsForBrokers(
  environments: readonly string[],
  { step, open, done }: Look,
  nodesIn: (environment: string) => number,
): string[] {
  const rolling = step.startsWith('rollout:') ? step.slice('rollout:'.length) : undefined;
  const at = rolling === undefined ? -1 : environments.indexOf(rolling);
  const allChanged = rolling !== undefined && (done[rolling] ?? 0) >= nodesIn(rolling);
  return environments.filter((name, index) => {
    if ((open[name] ?? 0) > 0) return false;
    // Cut and build lie well before the first roll-out; which suite is the last one is not known here.
    if (at === -1) return step === 'build' || step === 'cut' || index > 0;
    // In its soak, which begins anew; the next one's roll-out is then near.
    if (index === at) return allChanged;
    return index < at || !allChanged;
  });
}

/**
 * Kills a broker, sees that nobody starts it (design: one that died otherwise is waited for, and a human told),
 * and brings it back as that human, with `env up`. Returns what was wrong.
 */
export async function killBroker(
  world: World,
  { environments, pick, step }: { environments: string[]; pick: number; step: string },
): Promise<string[]> {
  const places = environments.flatMap((environment) => brokersOf(world, environment));
  const place = places[Math.floor(pick * places.length)];
  const [identity, ...others] = place ? nodeProcesses(place.dir) : [];
  if (!place || !identity || others.length > 0) return [`no single broker process to kill in ${environments.join()}`];
  const what = `${place.environment}/${place.node}`;
  await killNow(world, identity, { target: 'broker', what, step });
  const restarted = await restartedWithin(place, LEFT_ALONE_MS);
  await persistently(world, 'env', 'up', place.environment);
  world.broughtBack.set(what, (world.broughtBack.get(what) ?? 0) + 1);
  world.say(`env up ${place.environment}: ${place.node} is back`);
  return restarted ? [`${what} was killed while no ledger entry was open, and was started again by itself`] : [];
}

async function restartedWithin({ dir }: BrokerPlace, ms: number): Promise<boolean> {
  const until = Date.now() + ms;
  while (Date.now() < until) {
    if (nodeProcesses(dir).length > 0) return true;
    await sleep(100);
  }
  return false;
}
