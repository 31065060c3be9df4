import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAclsV3, createTopicsV7 } from '@platformatic/kafka';
import { newClusterId } from '../../activities/deploy/kafka-node.ts';
import { chooseFreePorts } from '../../activities/deploy/ports.ts';
import { withConnection } from '../../activities/health/kafka-protocol.ts';
import { dieWithParent } from '../../lib/die-with-parent.ts';
import { writeProperties } from '../../lib/java-properties.ts';
import { resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import { makeCertificates } from './certificates.ts';
import { LIBRARIES } from './small-kafka.ts';

const LISTENERS = ['CONTROLLER', 'PLAINTEXT', 'SSL', 'SASL_SSL', 'SASL_PLAINTEXT'] as const;
const HOST = '127.0.0.1';
const HEAP = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

export type SecuredKafka = Awaited<ReturnType<typeof startSecuredKafka>>;

/**
 * One real node, broker and controller, that somebody else might run: a listener of each protocol, of which the one with
 * SSL alone asks for a client certificate. `ada` may see everything; `blind` may describe the cluster, and no topic;
 * `guest` nothing.
 */
export async function startSecuredKafka(topic: string) {
  const folder = mkdtempSync(join(tmpdir(), 'pw-secured-'));
  const { file } = makeCertificates(folder);
  const { dir } = await resolveLibrary(LIBRARIES['kafka-3.6.2'], thisMachine(), () => undefined);
  const free = await chooseFreePorts(HOST, LISTENERS.length, new Set());
  const ports = Object.fromEntries(LISTENERS.map((name, i) => [name, free[i]!])) as Ports;
  const password = () => randomBytes(9).toString('hex');
  const passwords = { ada: password(), blind: password(), guest: password() };
  writeFileSync(join(folder, 'server.properties'), serverProperties({ folder, file, ports, passwords }));
  writeFileSync(join(folder, 'log4j.properties'), LOG4J);
  mkdirSync(join(folder, 'data'));
  const java = [...HEAP, `-Dlog4j.configuration=file:${join(folder, 'log4j.properties')}`, '-cp', join(dir, '*')];
  format(java, join(folder, 'server.properties'), passwords);
  const log = join(folder, 'server.log');
  const [command, ...args] = dieWithParent('KILL', ['java', ...java, 'kafka.Kafka', join(folder, 'server.properties')]);
  const out = openSync(log, 'a');
  const child = spawn(command!, args, { stdio: ['ignore', out, out] });
  const stop = async () => {
    const gone = child.exitCode === null ? new Promise((done) => child.once('exit', done)) : undefined;
    child.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    while (!/Kafka Server started/.test(readFileSync(log, 'utf8'))) {
      if (child.exitCode !== null) throw new Error(`Kafka did not start: ${readFileSync(log, 'utf8').slice(-2_000)}`);
      await sleep(100);
    }
    await furnish(ports.PLAINTEXT, topic);
  } catch (error) {
    await stop();
    throw error;
  }
  return { folder, file, ports, passwords, stop };
}

/** With users, who cannot be made before the node runs that would let them in. */
function format(java: string[], properties: string, passwords: Record<string, string>): void {
  const users = Object.entries(passwords).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((mechanism) => `${mechanism}=[name=${name},password=${password}]`),
  );
  const asked = ['kafka.tools.StorageTool', 'format', '-t', newClusterId(), '-c', properties];
  execFileSync('java', [...java, ...asked, ...users.flatMap((user) => ['-S', user])], { stdio: 'pipe' });
}

type Ports = Record<(typeof LISTENERS)[number], number>;
type Parts = { folder: string; file: (name: string) => string; ports: Ports; passwords: Record<string, string> };

function serverProperties({ folder, file, ports, passwords }: Parts): string {
  const listeners = (names: readonly (typeof LISTENERS)[number][], host: string) =>
    names.map((name) => `${name}://${host}:${ports[name]}`).join(',');
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return writeProperties({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${HOST}:${ports.CONTROLLER}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': `CONTROLLER:PLAINTEXT,${LISTENERS.slice(1).map((name) => `${name}:${name}`)}`,
    listeners: listeners(LISTENERS, HOST),
    'advertised.listeners': listeners(LISTENERS.slice(1), 'localhost'),
    'log.dirs': join(folder, 'data'),
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': file('broker-store.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': file('ca.pem'),
    'listener.name.ssl.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512,PLAIN',
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': scram,
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${plain} user_ada="${passwords.ada}";`,
    'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config': scram,
    'connection.failed.authentication.delay.ms': 10,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS;User:ada;User:CN=client',
    'offsets.topic.replication.factor': 1,
  });
}

const LOG4J = `log4j.rootLogger=WARN, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.kafka.server.KafkaRaftServer=INFO
`;

async function furnish(port: number, topic: string): Promise<void> {
  await withConnection({ host: HOST, port }, async (connection) => {
    const made = { name: topic, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
    await createTopicsV7.api.async(connection, [made], 10_000, false);
    const cluster = { resourceType: 4, resourceName: 'kafka-cluster', resourcePatternType: 3 } as const;
    const blind = { principal: 'User:blind', host: '*', permissionType: 3 } as const;
    // Describe and DescribeConfigs.
    const allowed = ([8, 10] as const).map((operation) => ({ ...cluster, ...blind, operation }));
    await createAclsV3.api.async(connection, allowed);
  });
}
