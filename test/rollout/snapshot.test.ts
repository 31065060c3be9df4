import { expect, test } from 'vitest';
import { mergePartitions, readKafka } from '../../activities/health/kafka.ts';
import { k19SeesEverything } from '../../decisions/kafka-rules/observe.ts';

type Told = Parameters<typeof mergePartitions>[0][number];

const told = (leaderEpoch: number, leaderId: number, isrNodes: number[]): Told => ({
  throttleTimeMs: 0,
  brokers: [],
  clusterId: 'x',
  controllerId: 1,
  topics: [
    {
      errorCode: 0,
      name: 't',
      topicId: 'id',
      isInternal: false,
      topicAuthorizedOperations: 0,
      partitions: [
        {
          errorCode: 0,
          partitionIndex: 0,
          leaderId,
          leaderEpoch,
          replicaNodes: [1, 2, 3],
          isrNodes,
          offlineReplicas: [],
        },
      ],
    },
  ],
});

test.each([
  ['they agree', [told(5, 1, [1, 2, 3]), told(5, 1, [1, 2, 3])], 1, [1, 2, 3]],
  ['one was cut off and tells an old, better ISR', [told(5, 1, [1, 2, 3]), told(5, 1, [1])], 1, [1]],
  ['one was cut off and tells an old leader', [told(6, 2, [2, 3]), told(5, 1, [1, 2, 3])], 2, [2, 3]],
  ['in whichever order they answer', [told(5, 1, [1, 2, 3]), told(6, 2, [2, 3])], 2, [2, 3]],
  ['the newest has no leader', [told(5, 1, [1, 2]), told(6, -1, [1])], -1, [1]],
])('what several brokers tell is merged to the worse: %s', (_name, answers, leader, isr) => {
  expect(mergePartitions(answers)).toEqual([{ topic: 't', partition: 0, leader, replicas: [1, 2, 3], isr }]);
});

test('nobody answers: unknown, never an empty cluster (K19)', async () => {
  expect(mergePartitions([])).toBe('unknown');
  const target = {
    name: 'n1',
    nodeId: 1,
    roles: ['broker', 'controller'],
    host: '127.0.0.1',
    // Nobody listens there: both are refused at once.
    ports: { broker: 1, jolokia: 2 },
    dir: '/nowhere',
  };
  const snapshot = await readKafka([target], [{ name: 'n1', state: 'running', artifacts: [], strangers: [] }]);
  expect(snapshot).toMatchObject({
    answeredBy: [],
    quorum: 'unknown',
    partitions: 'unknown',
    reassigning: 'unknown',
    nodes: [{ name: 'n1', alive: 'unknown', controlledShutdown: 'unknown', figures: 'unknown' }],
  });
  expect(k19SeesEverything(snapshot).length).toBeGreaterThan(3);
});
