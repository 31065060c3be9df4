import type { Figures } from '../../decisions/gate/types.ts';
import { logger } from '../../lib/log.ts';
import type { TargetInfo } from '../deploy/driver.ts';
import { type Answer, type Read, readBatch } from './jolokia.ts';

const log = logger('gate-figures');

const requestMetric = (name: string, request: string, more = '') =>
  `kafka.network:type=RequestMetrics,name=${name},request=${request}${more}`;

/** Figures of `decisions/kafka-rules/gate-metrics.ts` by MBean. `sum`: of a pattern's answers, all but errors that are none. */
const READS: Record<string, Read & { sum?: true; scale?: number }> = {
  produceRequests: { mbean: requestMetric('RequestsPerSec', 'Produce', ',version=*'), attribute: 'Count', sum: true },
  fetchRequests: {
    mbean: requestMetric('RequestsPerSec', 'FetchConsumer', ',version=*'),
    attribute: 'Count',
    sum: true,
  },
  produceErrors: { mbean: requestMetric('ErrorsPerSec', 'Produce', ',error=*'), attribute: 'Count', sum: true },
  fetchErrors: { mbean: requestMetric('ErrorsPerSec', 'FetchConsumer', ',error=*'), attribute: 'Count', sum: true },
  isrShrinks: { mbean: 'kafka.server:type=ReplicaManager,name=IsrShrinksPerSec', attribute: 'Count' },
  uncleanElections: {
    mbean: 'kafka.controller:type=ControllerStats,name=UncleanLeaderElectionsPerSec',
    attribute: 'Count',
  },
  uptimeMs: { mbean: 'java.lang:type=Runtime', attribute: 'Uptime' },
  produceLocalMs: { mbean: requestMetric('LocalTimeMs', 'Produce'), attribute: '99thPercentile' },
  fetchLocalMs: { mbean: requestMetric('LocalTimeMs', 'FetchConsumer'), attribute: '99thPercentile' },
  produceTotalMs: { mbean: requestMetric('TotalTimeMs', 'Produce'), attribute: '99thPercentile' },
  handlersIdle: {
    mbean: 'kafka.server:type=KafkaRequestHandlerPool,name=RequestHandlerAvgIdlePercent',
    attribute: 'OneMinuteRate',
  },
  networkIdle: { mbean: 'kafka.network:type=SocketServer,name=NetworkProcessorAvgIdlePercent', attribute: 'Value' },
  heapMib: { mbean: 'java.lang:type=Memory', attribute: 'HeapMemoryUsage', path: 'used', scale: 1 / 2 ** 20 },
};

/**
 * What a gate looks at on one node, in one request. A figure that is not there is left out: an error counter does
 * not exist before its first error, and the gate takes it for zero beside its requests alone. @throws when nothing
 * answers within two seconds.
 */
export async function readGateFigures(address: { host: string; port: number }): Promise<Figures> {
  const reads = Object.entries(READS);
  const answers = await readBatch(
    address,
    reads.map(([, { sum: _, scale: __, ...read }]) => read),
  );
  const figures: Figures = {};
  for (const [index, [name, { sum, scale = 1 }]] of reads.entries()) {
    const value = sum ? sumOf(answers[index]!) : numberOf(answers[index]!);
    if (value !== undefined) figures[name] = value * scale;
  }
  return figures;
}

/** Those of every node; `unread` where one does not answer, which is a reading and not an error of ours. */
export async function readAllGateFigures(targets: readonly TargetInfo[]): Promise<Record<string, Figures | 'unread'>> {
  const read = await Promise.all(
    targets.map(async ({ name, host, ports }): Promise<[string, Figures | 'unread']> => {
      if (ports.jolokia === undefined) return [name, 'unread'];
      try {
        return [name, await readGateFigures({ host, port: ports.jolokia })];
      } catch (error) {
        log.debug({ target: name, err: (error as Error).message }, 'does not tell its figures');
        return [name, 'unread'];
      }
    }),
  );
  return Object.fromEntries(read);
}

function numberOf({ status, value }: Answer): number | undefined {
  return status === 200 && typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** `error=NONE` counts what went right. */
function sumOf({ status, value }: Answer): number | undefined {
  if (status !== 200 || typeof value !== 'object' || value === null) return undefined;
  const counts = Object.entries(value as Record<string, { Count?: unknown }>)
    .filter(([mbean]) => !/[:,]error=NONE(,|$)/.test(mbean))
    .map(([, { Count }]) => Count);
  return counts.every((count) => typeof count === 'number')
    ? counts.reduce<number>((a, b) => a + Number(b), 0)
    : undefined;
}
