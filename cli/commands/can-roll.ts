import { openDriver } from '../../activities/deploy/driver.ts';
import { readCluster } from '../../activities/deploy/layout.ts';
import { agentsOf, connectTo, readOutside } from '../../activities/health/outside-cluster.ts';
import { openSystem } from '../../activities/health/system.ts';
import type { ClusterSettings } from '../../config/clusters.ts';
import { allowedEnvironment, HOST_ENVIRONMENT, readSecret } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import { canRoll } from '../../decisions/kafka-rules/can-roll.ts';
import { byProtocolWords, UNSEEN } from '../../decisions/kafka-rules/outside.ts';
import type { Judgement } from '../../decisions/kafka-rules/waivers.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { visible } from '../../lib/plain-text.ts';
import { requireEnvironment } from './env.ts';

/** `unseen`: of a cluster that was not laid out here, what no answer can tell. */
export type CanRoll = Judgement & { environment: string; node: string; may: boolean; unseen?: string[] };

/** `can-roll ENV NODE`: the rules right before a stop, asked of the cluster as it is now. Reads only. */
export async function canRollNode(
  settings: Settings,
  name: string,
  node: string,
  { dataDir }: { dataDir: string },
): Promise<CanRoll> {
  const cluster = settings.clusters[name];
  if (cluster) return canRollOutside(name, cluster, node);
  const environment = requireEnvironment(settings, name);
  const known = readCluster(dataDir, name)?.targets.map((target) => target.name);
  if (!known) throw new ExitError(1, `${name} was never brought up; run: npx patchwright env up ${name}`);
  if (!known.includes(node)) throw new ExitError(2, `${name} has no node "${node}"; there are: ${known.join(', ')}`);
  const never = async () => {
    throw new Error('can-roll only looks');
  };
  const driver = openDriver(name, environment, {
    dataDir,
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
    artifacts: { fetch: never },
  });
  const { canRoll, outside } = orExit(() => openSystem(environment, driver));
  const [judged, unseen] = await Promise.all([canRoll([node]), outside?.unseen()]);
  return { environment: name, node, may: judged.blocks.length === 0, ...judged, ...(unseen && { unseen }) };
}

/** The same of a cluster that somebody else runs: by the admin protocol, and the agents that its nodes name. */
async function canRollOutside(name: string, cluster: ClusterSettings, node: string): Promise<CanRoll> {
  const connect = orExit(() => connectTo(name, cluster, readSecret));
  const { snapshot, silent } = await readOutside(cluster, connect).catch((error: Error) => {
    throw new ExitError(4, `${name}: ${error.message}`);
  });
  const known = snapshot.nodes.map((one) => one.name);
  if (!known.includes(node)) throw new ExitError(2, `${name} has no node "${node}"; there are: ${known.join(', ')}`);
  const judged = canRoll(snapshot, [node], cluster.rollout);
  const unseen = [...UNSEEN, ...byProtocolWords(snapshot, [...agentsOf(cluster).keys()]), ...silent];
  return { environment: name, node, may: judged.blocks.length === 0, ...judged, unseen };
}

/** What the configuration refers to and is not there is a mistake in it. */
function orExit<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw new ExitError(2, (error as Error).message);
  }
}

export function canRollText({ environment, node, may, blocks, waived, unseen = [] }: CanRoll): string[] {
  const lines = [
    `${environment}/${node}: ${may ? 'may be stopped now' : 'may not be stopped now'}`,
    ...blocks.map(({ rule, reason }) => `  ${rule}: ${reason}`),
    ...waived.map(({ finding, waiver }) => `  ${finding.rule} is waived until ${waiver.until}: ${waiver.reason}`),
    ...unseen.map((what) => `  not seen: ${what}`),
  ];
  // Names of topics and reasons are the brokers' words.
  return lines.map((line) => visible(line));
}
