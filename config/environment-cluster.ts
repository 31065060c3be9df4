import type { ClusterSettings } from './clusters.ts';
import type { EnvironmentConfiguration, EnvironmentSettings } from './environment.ts';

type Named = {
  clusters: Record<string, ClusterSettings>;
  environments: Record<string, EnvironmentConfiguration>;
};

/** An environment with the cluster of which its targets are nodes; undefined where none has this name. */
export function environmentIn({ environments, clusters }: Named, name: string): EnvironmentSettings | undefined {
  const found = environments[name];
  if (found?.system !== 'command') return found;
  const { cluster, ...rest } = found;
  if (cluster === undefined) return rest;
  const settings = clusters[cluster];
  // Refused when the settings are read.
  if (!settings) throw new Error(`environment ${name} names a cluster "${cluster}" that is not configured`);
  return { ...rest, cluster: { name: cluster, ...settings } };
}

/** Laid out here, or somewhere that commands reach. */
export const isKafkaCluster = (environment: EnvironmentConfiguration | EnvironmentSettings | undefined): boolean =>
  environment?.system === 'kafka' || (environment?.system === 'command' && environment.cluster !== undefined);

/** What does not fit between environments that are reached by commands and the clusters that they name. */
export function environmentClusterProblems({ clusters, environments }: Named) {
  const taken = new Map<string, string>();
  return Object.entries(environments).flatMap(([name, environment]) => {
    if (environment.system !== 'command' || environment.cluster === undefined) return [];
    const { cluster, targets } = environment;
    const path = ['environments', name, 'cluster'];
    const settings = clusters[cluster];
    if (!settings) {
      const known = Object.keys(clusters).join(', ') || 'none are configured';
      return [{ path, message: `no cluster "${cluster}" under clusters; there are: ${known}` }];
    }
    const other = taken.get(cluster);
    taken.set(cluster, name);
    const twice = `environment ${other} rolls it already: two queues could stop two of its nodes at once`;
    const known = settings.nodes.map((node) => node.name).join(', ') || 'none are named';
    return [
      ...(other === undefined ? [] : [{ path, message: twice }]),
      ...targets.flatMap((target, index) => {
        if (settings.nodes.some((node) => node.name === target.name)) return [];
        const message = `no node "${target.name}" under clusters.${cluster}.nodes, where its id and roles have to stand; there are: ${known}`;
        return [{ path: ['environments', name, 'targets', index, 'name'], message }];
      }),
    ];
  });
}
