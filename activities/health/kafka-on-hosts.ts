import type { SecretRef } from '../../config/env.ts';
import type { CommandEnvironmentSettings, NamedCluster } from '../../config/environment.ts';
import type { PrometheusSettings } from '../../config/gates.ts';
import { KAFKA_GATE_METRICS } from '../../decisions/kafka-rules/gate-metrics.ts';
import { blindSnapshot, racksOf, UNSEEN_ON_HOSTS, withHosts } from '../../decisions/kafka-rules/hosts.ts';
import { byProtocolWords } from '../../decisions/kafka-rules/outside.ts';
import { type Finding, few } from '../../decisions/kafka-rules/snapshot.ts';
import type { Driver, TargetInfo } from '../deploy/driver.ts';
import { readAllGateFigures } from './gate-figures.ts';
import { brokerAddress } from './kafka.ts';
import { type Connect, electPreferred } from './kafka-protocol.ts';
import { whyRefused } from './kafka-refusal.ts';
import { type KafkaWays, oneThatAnswered, type Seen } from './kafka-system.ts';
import { agentsOf, connectTo, type Outside, readOutside } from './outside-cluster.ts';
import { createPrometheus } from './prometheus.ts';
import { allFacts } from './system.ts';

type Settings = { cluster: NamedCluster; gates: CommandEnvironmentSettings['gates'] };

/**
 * A cluster whose hosts only the user's own commands reach: its brokers tell of it over the admin protocol, agents where
 * nodes name one, and of processes the commands.
 *
 * @throws where what the cluster's `security` refers to is not there
 */
export function clusterOnHosts(
  { cluster, gates }: Settings,
  driver: Driver,
  readSecret: (ref: SecretRef, what: string) => string,
): KafkaWays {
  const connect = connectTo(cluster.name, cluster, readSecret);
  const look = () => lookAt(cluster, driver, connect);
  const prometheus = typeof gates === 'object' ? gates.prometheus : undefined;
  return {
    read: look,
    connect,
    ...figuresFrom(cluster, prometheus, driver),
    refuses: (seen) => refusesLeaders(cluster, connect, seen),
    outside: {
      figures: figuresWords(cluster, prometheus),
      racks: async () => racksOf((await look()).snapshot),
      async unseen() {
        const { snapshot, silent } = await look();
        return [...UNSEEN_ON_HOSTS, ...byProtocolWords(snapshot, [...agentsOf(cluster).keys()]), ...silent];
      },
    },
  };
}

/** That nobody can be asked is a reading too: the rules say what follows (K19). */
async function lookAt(cluster: NamedCluster, driver: Driver, connect: Connect): Promise<Outside> {
  const takenAt = new Date().toISOString();
  const [facts, seen] = await Promise.all([
    allFacts(driver),
    readOutside(cluster, connect).catch((error: Error): Outside => {
      const why = `clusters.${cluster.name}: ${error.message}`;
      return { snapshot: blindSnapshot(cluster.nodes, { takenAt, why }), targets: [], silent: [why] };
    }),
  ]);
  const hosts = facts.map(({ strangers, ...fact }) => ({ ...fact, said: strangers }));
  return { ...seen, snapshot: withHosts(seen.snapshot, hosts) };
}

/** Without a source there is nothing to judge but invariants; with one a figure that is missing is no data. */
function figuresFrom(
  cluster: NamedCluster,
  prometheus: PrometheusSettings | undefined,
  driver: Driver,
): Pick<KafkaWays, 'gateMetrics' | 'gateFigures'> {
  const agents = agentsOf(cluster);
  if (!prometheus && agents.size === 0) return { gateMetrics: [], gateFigures: async () => ({}) };
  return {
    // None of our clients are there, and those that are tell nobody how they fare.
    gateMetrics: KAFKA_GATE_METRICS.filter((metric) => metric.kind === 'never' || metric.scope !== 'clients'),
    async gateFigures() {
      if (prometheus) return createPrometheus(prometheus).figures(scraped(await driver.targets(), prometheus));
      return readAllGateFigures(
        [...agents].map(([name, at]) => ({ ...nobody(name, at.host), ports: { jolokia: at.port } })),
      );
    },
  };
}

/** What is rolled, and whatever else is named there: nodes that are not rolled are controls. */
const scraped = (targets: readonly TargetInfo[], { nodes }: PrometheusSettings): TargetInfo[] => [
  ...targets,
  ...Object.keys(nodes).flatMap((name) => (targets.some((target) => target.name === name) ? [] : [nobody(name)])),
];

const nobody = (name: string, host = ''): TargetInfo => ({ name, roles: [], host, ports: {}, dir: '' });

function figuresWords(cluster: NamedCluster, prometheus: PrometheusSettings | undefined): string {
  const agents = [...agentsOf(cluster).keys()];
  if (prometheus) return 'figures from Prometheus, no client probes';
  if (agents.length > 0) return `figures of ${few(agents)} by Jolokia, no client probes`;
  return 'no figures, as neither a Prometheus nor an agent is named: invariants alone are judged';
}

const CLUSTER_AUTHORIZATION_FAILED = 31;

/** Asked for no partition, so that nothing is elected: whoever may not do it finds out before a node is stopped. */
async function refusesLeaders({ name, security }: NamedCluster, connect: Connect, seen: Seen): Promise<Finding[]> {
  const asked = oneThatAnswered(seen);
  // Nobody answers: K19 has said so.
  if (!asked) return [];
  try {
    await connect(brokerAddress(asked), (connection) => electPreferred(connection, []));
    return [];
  } catch (error) {
    const { errorCode } = error as { errorCode?: number };
    const why =
      errorCode === CLUSTER_AUTHORIZATION_FAILED
        ? `the user of clusters.${name}.security may not elect leaders: allow it Alter on the cluster`
        : whyRefused(error, { host: asked.host, security });
    return [{ rule: 'K11', reason: `leaders could not be given back: ${why}` }];
  }
}
