import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KafkaEnvironmentSettings } from '../../config/environment.ts';
import { writeProperties } from '../../lib/java-properties.ts';
import type { TargetInfo } from './driver.ts';
import { type Cluster, nodeDir } from './layout.ts';
import type { NodeProgram } from './node.ts';
import { settingsOfProperties } from './start-settings.ts';

const HOST = '127.0.0.1';
/** Brokers count from 1; dedicated controllers from here, so that neither moves when the other grows. */
const FIRST_CONTROLLER_ID = 101;

/** Which nodes the settings ask for, without ports: names, KRaft ids, roles, racks. */
export function plannedKafkaTargets(
  dataDir: string,
  environment: string,
  { provision }: KafkaEnvironmentSettings,
): TargetInfo[] {
  const target = (name: string, nodeId: number, roles: string[], index: number): TargetInfo => ({
    name,
    nodeId,
    roles,
    rack: `rack-${String.fromCharCode(97 + (index % 3))}`,
    host: HOST,
    ports: {},
    dir: nodeDir(dataDir, environment, name),
  });
  const many = (count: number, make: (index: number) => TargetInfo) => Array.from({ length: count }, (_, i) => make(i));
  if ('combined' in provision) {
    return many(provision.combined, (i) => target(`node-${i + 1}`, i + 1, ['controller', 'broker'], i));
  }
  return [
    ...many(provision.controllers, (i) => target(`controller-${i + 1}`, FIRST_CONTROLLER_ID + i, ['controller'], i)),
    ...many(provision.brokers, (i) => target(`broker-${i + 1}`, i + 1, ['broker'], i)),
  ];
}

/** Which ports a node of these roles listens on, in the order in which a fixed range is given out. */
export function portUses(roles: string[]): string[] {
  return [...roles, 'jolokia'];
}

/** A KRaft cluster id: 16 random bytes, base64 for URLs. */
export function newClusterId(): string {
  // A leading hyphen would be read as an option by Kafka's own tools.
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}

/**
 * server.properties of one node: replication 3 / min ISR 2 (as far as there are brokers), internal topics
 * too; quick fencing, so that a stop takes one second and not three; small, since many share a machine.
 */
export function serverProperties(settings: KafkaEnvironmentSettings, cluster: Cluster, node: TargetInfo): string {
  const brokers = cluster.targets.filter((t) => t.roles.includes('broker')).length;
  const voters = cluster.targets.filter((t) => t.roles.includes('controller'));
  const replicas = Math.min(3, brokers);
  const minIsr = Math.max(1, replicas - 1);
  const lines: Record<string, string | number | boolean> = {
    'process.roles': node.roles.join(','),
    'node.id': node.nodeId ?? -1,
    'controller.quorum.voters': voters.map((v) => `${v.nodeId}@${v.host}:${v.ports.controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    listeners: listeners(node, ['broker', 'controller']),
    'log.dirs': join(node.dir, 'data'),
    ...(node.roles.includes('broker')
      ? {
          'advertised.listeners': listeners(node, ['broker']),
          'inter.broker.listener.name': 'PLAINTEXT',
          'broker.rack': node.rack ?? '',
        }
      : {}),
    'default.replication.factor': replicas,
    'min.insync.replicas': minIsr,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minIsr,
    'transaction.state.log.num.partitions': 3,
    'num.partitions': 3,
    'auto.create.topics.enable': false,
    'unclean.leader.election.enable': false,
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 4000,
    'replica.lag.time.max.ms': 10_000,
    'group.initial.rebalance.delay.ms': 0,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    ...settings.properties,
  };
  return writeProperties(lines);
}

function listeners(node: TargetInfo, uses: string[]): string {
  const names: Record<string, string> = { broker: 'PLAINTEXT', controller: 'CONTROLLER' };
  return uses
    .filter((use) => node.roles.includes(use))
    .map((use) => `${names[use]}://${node.host}:${node.ports[use]}`)
    .join(',');
}

/**
 * Everything goes to a file that cannot outgrow its bounds; standard output keeps what tells of starts,
 * stops and errors, which is little.
 */
export function log4jProperties(node: TargetInfo): string {
  return `log4j.rootLogger=INFO, file, console
log4j.appender.file=org.apache.log4j.RollingFileAppender
log4j.appender.file.File=${join(node.dir, 'logs', 'server.log')}
log4j.appender.file.MaxFileSize=10MB
log4j.appender.file.MaxBackupIndex=4
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.Threshold=ERROR
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.appender.life=org.apache.log4j.ConsoleAppender
log4j.appender.life.layout=org.apache.log4j.PatternLayout
log4j.appender.life.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.kafka.server.KafkaRaftServer=INFO, life
`;
}

/** Jolokia allows any operation by default: this lets it only read, and only from this machine. */
export const JOLOKIA_POLICY = `<?xml version="1.0" encoding="utf-8"?>
<restrict>
  <remote><host>127.0.0.1</host></remote>
  <http><method>post</method><method>get</method></http>
  <commands><command>read</command><command>list</command><command>search</command><command>version</command></commands>
</restrict>
`;

/** The file of JVM arguments (java @FILE), kept with the node so that a roll-out changes jars and nothing else. */
export function jvmArguments(settings: KafkaEnvironmentSettings, node: TargetInfo): string {
  const config = join(node.dir, 'config');
  const agent = [
    `port=${node.ports.jolokia}`,
    `host=${node.host}`,
    'discoveryEnabled=false',
    'agentDescription=patchwright',
    `policyLocation=file://${join(config, 'jolokia-policy.xml')}`,
  ].join(',');
  return [
    ...settings.jvm,
    `-javaagent:${join(node.dir, 'jolokia.jar')}=${agent}`,
    `-Dlog4j.configuration=file:${join(config, 'log4j.properties')}`,
  ]
    .map((argument) => `"${argument.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"\n`)
    .join('');
}

/** Artifacts first: a patched jar whose version file says commit and version must be the one that is found. */
export function classPath(settings: KafkaEnvironmentSettings, node: TargetInfo): string {
  const libs = join(node.dir, 'libs');
  return [...Object.values(settings.artifacts).map((jar) => join(libs, jar)), join(libs, '*')].join(':');
}

export function javaCommand(hostEnv: Readonly<Record<string, string>>): string {
  return hostEnv.JAVA_HOME ? join(hostEnv.JAVA_HOME, 'bin', 'java') : 'java';
}

/** How to run this node. */
export function kafkaProgram(
  settings: KafkaEnvironmentSettings,
  node: TargetInfo,
  hostEnv: Readonly<Record<string, string>>,
): NodeProgram {
  const libs = join(node.dir, 'libs');
  const config = join(node.dir, 'config');
  return {
    info: node,
    libs,
    managed: Object.fromEntries(Object.entries(settings.artifacts).map(([name, jar]) => [name, join(libs, jar)])),
    command: javaCommand(hostEnv),
    args: [
      `@${join(config, 'jvm.args')}`,
      '-cp',
      classPath(settings, node),
      'kafka.Kafka',
      join(config, 'server.properties'),
    ],
    env: { PATH: hostEnv.PATH ?? '/usr/bin:/bin', LANG: 'C.UTF-8' },
    cwd: node.dir,
    // From its files: a restart reads them, whatever the settings say that were not written there.
    startSettings: () => [
      ...settingsOfProperties(textOf(join(config, 'server.properties'))),
      { kind: 'jvm', name: 'jvm', value: textOf(join(config, 'jvm.args')) },
    ],
    stopSignal: 'SIGTERM',
    ready: { log: /Kafka Server started/ },
    log: join(node.dir, 'logs', 'server.log'),
    commit: () => commitOfBroker(node),
  };
}

/** One that is missing fails the start itself, with its own words. */
const textOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/** app-info's commit id, of the running process (rule G6). */
async function commitOfBroker({ name, host, ports }: TargetInfo): Promise<string> {
  const response = await fetch(`http://${host}:${ports.jolokia}/jolokia/`, {
    method: 'POST',
    body: JSON.stringify({ type: 'read', mbean: 'kafka.server:type=app-info', attribute: 'commit-id' }),
    signal: AbortSignal.timeout(5_000),
  });
  const answer = (await response.json()) as { status: number; value?: unknown; error?: string };
  if (answer.status !== 200 || typeof answer.value !== 'string') {
    throw new Error(`${name} does not report its commit: ${answer.error ?? `status ${answer.status}`}`);
  }
  return answer.value;
}
