import { holds } from '../../decisions/node-change.ts';
import { type Change, g1OneKindOfChange } from '../../decisions/wave-plan.ts';
import type { Installed, LedgerEntry } from '../../store/rollout-tables.ts';
import type { Build } from '../../workflows/types.ts';
import type { TargetFacts } from '../deploy/driver.ts';
import { placedNames, type RolloutContext } from './context.ts';

/** A node that a roll-out would restart, and whether it would get other artifacts. */
export type Restart = { target: string; artifact: boolean };

/**
 * G1: what the restart of a node would change beside its artifacts, since its settings say something else by now than
 * when it was started. What was started before that was kept, or by commands of the user's own, is not known, and not
 * compared.
 */
export async function changesAtOnce(
  { driver }: Pick<RolloutContext, 'driver'>,
  environment: string,
  restarts: readonly Restart[],
): Promise<string[]> {
  const changes = await Promise.all(
    restarts.map(async ({ target, artifact }): Promise<Change[]> => {
      const others = (await driver.changedSettings?.(target)) ?? [];
      if (others.length === 0) return [];
      return [
        ...(artifact ? [{ target, kind: 'artifact' as const }] : []),
        ...others.map((one) => ({ target, ...one })),
      ];
    }),
  );
  return g1OneKindOfChange(changes.flat()).map(
    ({ rule, reason }) =>
      `${rule}: ${reason}. Restart these nodes on what they run first (stop one, then: patchwright env up ${environment}; the next once it is back), or put back what is another, and then: release retry`,
  );
}

/** What the candidate puts on one node. */
export function installedBy(
  { settings }: RolloutContext,
  { artifacts, version, commit }: Build,
  target: string,
): Installed {
  const names = placedNames(settings, target);
  const placed = artifacts.filter(({ name }) => names.includes(name));
  return { artifacts: placed.map(({ name, sha256 }) => ({ name, sha256 })), version, commit };
}

/** The nodes that would be restarted. One in the middle of its change has to be carried on, whatever is another by now. */
export function restartsOf(
  context: RolloutContext,
  candidate: Build,
  { facts, before }: { facts: readonly TargetFacts[]; before: readonly LedgerEntry[] },
): Restart[] {
  const isOpen = (name: string) =>
    before.some(({ target, state }) => target === name && (state === 'intent' || state === 'changed'));
  return facts.flatMap((fact) => {
    const artifact = !holds(fact, installedBy(context, candidate, fact.name).artifacts);
    return isOpen(fact.name) || (!artifact && fact.state === 'running') ? [] : [{ target: fact.name, artifact }];
  });
}
