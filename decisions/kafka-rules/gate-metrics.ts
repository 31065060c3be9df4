import type { GateMetric } from '../gate/types.ts';

/**
 * What a gate judges of Kafka brokers. Node-local figures alone have peers as controls: a broker that answers its
 * followers slowly delays its peers' `acks=all`, so that whatever waits for others (total time, shrunk ISRs) is
 * `cluster`, and compared with its own window. Six counts and twelve levels at most: α is split over them.
 *
 * `activities/health/gate-figures.ts` reads the figures by these names.
 */
export const KAFKA_GATE_METRICS: GateMetric[] = [
  { kind: 'never', name: 'unclean leader elections', counter: 'uncleanElections' },
  { kind: 'count', name: 'produce errors', scope: 'node', errors: ['produceErrors'], work: 'produceRequests' },
  { kind: 'count', name: 'consumer fetch errors', scope: 'node', errors: ['fetchErrors'], work: 'fetchRequests' },
  // Not of requests but of time: a broker that serves nobody may lose its followers all the same.
  { kind: 'count', name: 'ISR shrinks', scope: 'cluster', errors: ['isrShrinks'], work: 'uptimeMs' },
  { kind: 'count', name: 'client errors', scope: 'clients', errors: ['failed'], work: 'acknowledged' },
  {
    kind: 'level',
    name: 'produce local time, p99',
    scope: 'node',
    figure: 'produceLocalMs',
    worse: 'higher',
    floor: 2,
    spread: true,
  },
  { kind: 'level', name: 'fetch local time, p99', scope: 'node', figure: 'fetchLocalMs', worse: 'higher', floor: 2 },
  { kind: 'level', name: 'request handlers idle', scope: 'node', figure: 'handlersIdle', worse: 'lower', floor: 0.05 },
  { kind: 'level', name: 'network threads idle', scope: 'node', figure: 'networkIdle', worse: 'lower', floor: 0.05 },
  { kind: 'level', name: 'heap in use', scope: 'node', figure: 'heapMib', worse: 'higher', floor: 128 },
  {
    kind: 'level',
    name: 'produce total time, p99',
    scope: 'cluster',
    figure: 'produceTotalMs',
    worse: 'higher',
    floor: 10,
  },
];
