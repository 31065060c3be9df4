import type { NodeFigures, Reading } from '../../decisions/kafka-rules/snapshot.ts';

const TIMEOUT_MS = 2_000;

/** JMX names by figure. One POST of all of them takes less than 0.1 s. */
const READS = {
  brokerState: { mbean: 'kafka.server:type=KafkaServer,name=BrokerState', attribute: 'Value' },
  underReplicated: { mbean: 'kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions', attribute: 'Value' },
  underMinIsr: { mbean: 'kafka.server:type=ReplicaManager,name=UnderMinIsrPartitionCount', attribute: 'Value' },
  offlineReplicas: { mbean: 'kafka.server:type=ReplicaManager,name=OfflineReplicaCount', attribute: 'Value' },
  offlinePartitions: {
    mbean: 'kafka.controller:type=KafkaController,name=OfflinePartitionsCount',
    attribute: 'Value',
  },
  activeController: {
    mbean: 'kafka.controller:type=KafkaController,name=ActiveControllerCount',
    attribute: 'Value',
  },
  version: { mbean: 'kafka.server:type=app-info', attribute: 'version' },
  commit: { mbean: 'kafka.server:type=app-info', attribute: 'commit-id' },
} as const;

/** One figure a log folder; a pattern, whose answer is keyed by MBean. */
const LOGS_TO_RECOVER = { mbean: 'kafka.log:type=LogManager,name=remainingLogsToRecover,dir=*', attribute: 'Value' };

export type Read = { mbean: string; attribute: string; path?: string };
export type Answer = { status: number; value?: unknown };

/**
 * Reads one node's figures. A figure that is not there (a controller has no broker state) is `unknown`, never
 * zero. @throws when nothing answers within two seconds.
 */
export async function readFigures(address: { host: string; port: number }): Promise<NodeFigures> {
  const wanted = [...Object.values(READS), LOGS_TO_RECOVER];
  const answers = await readBatch(address, wanted);
  const answerOf = (figure: keyof typeof READS): Answer => answers[Object.keys(READS).indexOf(figure)]!;
  return {
    brokerState: numberOf(answerOf('brokerState')),
    underReplicated: numberOf(answerOf('underReplicated')),
    underMinIsr: numberOf(answerOf('underMinIsr')),
    offlineReplicas: numberOf(answerOf('offlineReplicas')),
    offlinePartitions: numberOf(answerOf('offlinePartitions')),
    activeController: numberOf(answerOf('activeController')),
    version: textOf(answerOf('version')),
    commit: textOf(answerOf('commit')),
    logsToRecover: sumOf(answers[wanted.length - 1]!),
  };
}

/** One answer a read, in their order. @throws when nothing answers within two seconds. */
export async function readBatch(
  { host, port }: { host: string; port: number },
  wanted: readonly Read[],
): Promise<Answer[]> {
  const response = await fetch(`http://${host}:${port}/jolokia/`, {
    method: 'POST',
    body: JSON.stringify(wanted.map((read) => ({ type: 'read', ...read }))),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const answers = (await response.json()) as unknown;
  if (!Array.isArray(answers) || answers.length !== wanted.length) {
    throw new Error(`Jolokia on ${host}:${port} answered ${response.status} and no list`);
  }
  return answers as Answer[];
}

function numberOf({ status, value }: Answer): Reading<number> {
  return status === 200 && typeof value === 'number' ? value : 'unknown';
}

function textOf({ status, value }: Answer): Reading<string> {
  return status === 200 && typeof value === 'string' ? value : 'unknown';
}

function sumOf({ status, value }: Answer): Reading<number> {
  if (status !== 200 || typeof value !== 'object' || value === null) return 'unknown';
  const counts = Object.values(value as Record<string, { Value?: unknown }>).map(({ Value }) => Value);
  return counts.every((count) => typeof count === 'number')
    ? counts.reduce<number>((a, b) => a + Number(b), 0)
    : 'unknown';
}
