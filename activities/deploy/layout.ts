import { join } from 'node:path';
import type { EnvironmentSettings } from '../../config/environment.ts';
import { readJsonFile } from '../../lib/json-file.ts';
import type { TargetInfo } from './driver.ts';

/**
 * The state folder of an environment, `<dataDir>/env/<name>/`:
 *
 *   cluster.json           {system, clusterId?, targets}: names, node ids and ports, chosen once and kept
 *   nodes/<node>/          one target:
 *     process.json …       its detached process (lib/detached.ts); stdout.log, stderr.log
 *     start.json           {permit, at, logOffset, startedWith}: who let it start, with what (digests), and where its log begins
 *     laid-out.json        written last when the folder was laid out: {libs: {jar: sha256}, managed: {artifact: path}}
 *     known.json           {digests}: every artifact digest that was ever staged here by us
 *     libs/ config/ data/ logs/ staged/<sha256>/<artifact>
 *   traffic/               the canary traffic (activities/traffic.ts)
 */
export type Cluster = {
  system: EnvironmentSettings['system'];
  /** KRaft's cluster id. */
  clusterId?: string;
  targets: TargetInfo[];
};

export function environmentDir(dataDir: string, environment: string): string {
  return join(dataDir, 'env', environment);
}

export function nodeDir(dataDir: string, environment: string, node: string): string {
  return join(environmentDir(dataDir, environment), 'nodes', node);
}

export function clusterFile(dataDir: string, environment: string): string {
  return join(environmentDir(dataDir, environment), 'cluster.json');
}

/** The environment as it was laid out, or undefined before its first `env up`. */
export function readCluster(dataDir: string, environment: string): Cluster | undefined {
  return readJsonFile<Cluster>(clusterFile(dataDir, environment));
}

/** As `readCluster`, for whoever cannot do without. */
export function requireCluster(dataDir: string, environment: string): Cluster {
  const cluster = readCluster(dataDir, environment);
  if (cluster) return cluster;
  throw new Error(`environment ${environment} was never brought up; run: patchwright env up ${environment}`);
}

/** Where clients find the brokers: `host:port` each. */
export function brokerAddresses(cluster: Cluster): string[] {
  return cluster.targets.flatMap(({ host, ports }) => (ports.broker ? [`${host}:${ports.broker}`] : []));
}
