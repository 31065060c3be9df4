import type { EnvironmentSettings } from '../../config/environment.ts';
import { g6RunsWhatWasInstalled } from '../../decisions/kafka-rules/identity.ts';
import { holds } from '../../decisions/node-change.ts';
import { type Change, g1OneKindOfChange } from '../../decisions/wave-plan.ts';
import type { Installed, LedgerEntry } from '../../store/rollout-tables.ts';
import type { Build, ReadBack, RuleFinding } from '../../workflows/types.ts';
import type { Driver, TargetFacts } from '../deploy/driver.ts';
import { placedNames, type RolloutContext } from './context.ts';

/** What a roll-out does to its nodes. `artifact`: those on which other artifacts than before would run. */
export type Restarts = { restarted: readonly string[]; artifact: readonly string[] };

/**
 * G1: what the restart of a node would change beside its artifacts, since its settings say something else by now than
 * when it was started. What was started before that was kept, or by commands of the user's own, is not known, and not
 * compared. Asked of the whole roll-out and not of each wave: who would be restarted for its settings alone needs no
 * candidate for that.
 */
export async function changesAtOnce(
  { driver, settings }: { driver: Pick<Driver, 'changedSettings'>; settings: Pick<EnvironmentSettings, 'system'> },
  { environment, release }: { environment: string; release: string },
  { restarted, artifact }: Restarts,
): Promise<RuleFinding[]> {
  const others = await Promise.all(
    restarted.map(async (target): Promise<Change[]> => {
      const changed = (await driver.changedSettings?.(target)) ?? [];
      return changed.map((one) => ({ target, ...one }));
    }),
  );
  const stale = [...new Set(others.flat().map(({ target }) => target))];
  if (stale.length === 0) return [];
  const artifacts = artifact.map((target): Change => ({ target, kind: 'artifact' }));
  const retry = `patchwright release retry ${release}`;
  const way = wayOut(settings.system, { nodes: stale.join(', '), up: `patchwright env up ${environment}`, retry });
  const found = g1OneKindOfChange([...artifacts, ...others.flat()]);
  return found.map(({ rule, reason }) => ({ rule, reason: `${reason}. ${way}` }));
}

/** A Kafka node is compared by its own files, which `env up` writes anew; any other by the settings of the release. */
function wayOut(system: EnvironmentSettings['system'], words: { nodes: string; up: string; retry: string }): string {
  const { nodes, up, retry } = words;
  const restart = `restart ${nodes} on what runs there first (stop one, then: ${up}; the next once it is back)`;
  if (system === 'kafka') {
    return `What is to stay has to stand in properties or jvm of the configuration, since ${up} writes server.properties and jvm.args anew from there, without what was edited by hand; then ${restart}, or put the files back. Then: ${retry}`;
  }
  return `Were the settings changed while this release waited, and the nodes started anew since, then the release's are the older ones, and this is enough: ${retry}. Otherwise ${restart}, or put back what is another. Then: ${retry}`;
}

/** What the candidate puts on one node. */
export function installedBy(
  { settings }: Pick<RolloutContext, 'settings'>,
  { artifacts, version, commit }: Build,
  target: string,
): Installed {
  const names = placedNames(settings, target);
  const placed = artifacts.filter(({ name }) => names.includes(name));
  return { artifacts: placed.map(({ name, sha256 }) => ({ name, sha256 })), version, commit };
}

/**
 * What a roll-out has to do with one node. `open`: it is in the middle of its change, and carried on, whatever is
 * another by now. `done` by an earlier attempt. `runs-it`: its disk and its process say so. `artifact`: whether another
 * one would run than does now, as far as anybody can tell: what was not shown to run counts as another.
 */
export type Need =
  | { kind: 'open'; entry: LedgerEntry }
  | { kind: 'done'; entry: LedgerEntry }
  | { kind: 'runs-it'; readBack: ReadBack }
  | { kind: 'restart'; artifact: boolean };

type Asked = {
  driver: Pick<Driver, 'readBack'>;
  system: Pick<RolloutContext['system'], 'readsCommit'>;
};

export async function needOf(
  { driver, system }: Asked,
  { fact, to, entry }: { fact: TargetFacts; to: Installed; entry: LedgerEntry | undefined },
): Promise<Need> {
  if (entry?.state === 'intent' || entry?.state === 'changed') return { kind: 'open', entry };
  const held = holds(fact, to.artifacts);
  if (entry?.state === 'done' && held) return { kind: 'done', entry };
  if (!held || fact.state !== 'running' || !system.readsCommit(fact.name)) {
    return { kind: 'restart', artifact: !held || fact.state !== 'stopped' };
  }
  const readBack = await driver.readBack(fact.name);
  const wanted = { artifacts: to.artifacts, commit: to.commit };
  if (g6RunsWhatWasInstalled(fact.name, readBack, wanted, true).length > 0) return { kind: 'restart', artifact: true };
  return { kind: 'runs-it', readBack };
}

/** Those that would be restarted by needs. */
export function restartsOf(needs: readonly { name: string; need: Need }[]): Restarts {
  const named = (is: (need: Need) => boolean) => needs.filter(({ need }) => is(need)).map(({ name }) => name);
  return {
    restarted: named(({ kind }) => kind === 'restart'),
    artifact: named((need) => need.kind === 'restart' && need.artifact),
  };
}
