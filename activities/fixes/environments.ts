import type { Settings } from '../../config/schema.ts';
import type { RestsOnValue } from '../../store/memory.ts';
import type { Broken } from '../../workflows/fix-types.ts';
import { type Driver, type DriverDeps, openDriver, type TargetInfo } from '../deploy/driver.ts';
import { readCluster } from '../deploy/layout.ts';
import { environmentOf } from '../environment-up.ts';
import { readConfigs } from '../health/kafka-config.ts';
import { openSystem } from '../health/system.ts';

/** Environments as fixes and investigations look at them: opened anew each time, since anything may have changed. */

/** Undefined where it was never brought up. */
export const laidOutDriver =
  (deps: DriverDeps) =>
  (settings: Settings, environment: string): Driver | undefined =>
    readCluster(deps.dataDir, environment) && openDriver(environment, environmentOf(settings, environment), deps);

export const environmentTargets =
  (deps: DriverDeps) =>
  async (settings: Settings, environment: string): Promise<TargetInfo[]> =>
    openDriver(environment, environmentOf(settings, environment), deps).targets();

/** What a topic or broker has of its own now: null where it has none, undefined where there is no such thing. */
export const ownValue =
  (deps: DriverDeps) =>
  async (
    settings: Settings,
    { environment, resource, key }: Omit<RestsOnValue, 'value'>,
  ): Promise<string | null | undefined> => {
    const targets = await environmentTargets(deps)(settings, environment);
    return (await readConfigs(targets, resource, [key]))?.find(({ name }) => name === key)?.own;
  };

/** What is offline or under min.insync.replicas; `unread` where a node does not tell. */
export const brokenPartitions =
  (deps: DriverDeps) =>
  async (settings: Settings, environment: string): Promise<Broken & { unread: string[] }> => {
    const found = environmentOf(settings, environment);
    const { unread, offline, underMinIsr } = await openSystem(found, openDriver(environment, found, deps)).look();
    return { unread, offline, underMinIsr };
  };
