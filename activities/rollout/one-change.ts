import type { EnvironmentSettings } from '../../config/environment.ts';
import { holds } from '../../decisions/node-change.ts';
import { type Change, g1OneKindOfChange } from '../../decisions/wave-plan.ts';
import type { Installed, LedgerEntry } from '../../store/rollout-tables.ts';
import type { Build } from '../../workflows/types.ts';
import type { Driver, TargetFacts } from '../deploy/driver.ts';
import { placedNames, type RolloutContext } from './context.ts';

/** A node that a roll-out would restart, and whether it would get other artifacts. */
export type Restart = { target: string; artifact: boolean };

/**
 * G1: what the restart of a node would change beside its artifacts, since its settings say something else by now than
 * when it was started. What was started before that was kept, or by commands of the user's own, is not known, and not
 * compared.
 */
export async function changesAtOnce(
  { driver, settings }: { driver: Pick<Driver, 'changedSettings'>; settings: Pick<EnvironmentSettings, 'system'> },
  { environment, release }: { environment: string; release: string },
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
  const retry = `patchwright release retry ${release}`;
  const way = wayOut(settings.system, `patchwright env up ${environment}`, retry);
  return g1OneKindOfChange(changes.flat()).map(({ rule, reason }) => `${rule}: ${reason}. ${way}`);
}

/** A Kafka node is compared by its own files, which `env up` writes anew; any other by the settings of the release. */
function wayOut(system: EnvironmentSettings['system'], up: string, retry: string): string {
  const restart = `restart these nodes on what they run first (stop one, then: ${up}; the next once it is back)`;
  if (system === 'kafka') {
    return `What is to stay has to stand in properties or jvm of the configuration, since ${up} writes server.properties and jvm.args anew from there, without what was edited by hand; then ${restart}, or put the files back. Then: ${retry}`;
  }
  return `Were the settings changed while this release waited, and the nodes started anew since, then the release's are the older ones, and this is enough: ${retry}. Otherwise ${restart}, or put back what is another. Then: ${retry}`;
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
