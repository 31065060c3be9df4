import { type AddressInfo, createServer, type Socket } from 'node:net';
import { ResponseError, Writer } from '@platformatic/kafka';
import { expect, onTestFinished, test } from 'vitest';
import { firstAnswer, soonAnswered } from '../../activities/health/first-answer.ts';
import { mergePartitions, readKafka } from '../../activities/health/kafka.ts';
import { readHeldTopics, securedConnect, toldInSpite, withConnection } from '../../activities/health/kafka-protocol.ts';
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

test('one that hangs keeps no other from being asked', async () => {
  let release: (answer: string | undefined) => void = () => undefined;
  const hangs = () =>
    new Promise<string | undefined>((resolve) => {
      release = resolve;
    });
  const asked: string[] = [];
  const answers = (name: string, answer?: string) => async () => {
    asked.push(name);
    return answer;
  };
  expect(await firstAnswer([hangs, answers('second'), answers('third', 'here')])).toBe('here');
  expect(asked).toEqual(['second', 'third']);
  release('late');
  expect(await firstAnswer([answers('first', 'one'), answers('not asked')])).toBe('one');
  expect(asked).not.toContain('not asked');
  expect(await firstAnswer([answers('a'), answers('b')])).toBeUndefined();
  expect(await firstAnswer([])).toBeUndefined();
  // The last one's answer is waited for, however late.
  const last = firstAnswer([answers('none'), hangs]);
  setTimeout(() => release('at last'), 10);
  expect(await last).toBe('at last');
});

test('once there is an answer nobody else is asked, also when one that hung gives up', async () => {
  let giveUp: () => void = () => undefined;
  const hangs = () =>
    new Promise<undefined>((resolve) => {
      giveUp = () => resolve(undefined);
    });
  let asked = 0;
  const next = async () => {
    asked += 1;
    return undefined;
  };
  expect(await firstAnswer([hangs, async () => 'here', next, next])).toBe('here');
  giveUp();
  await new Promise(setImmediate);
  expect(asked).toBe(0);
});

test('what has answered soon is gone on with; where nobody has, all are waited for', async () => {
  const hangs = new Promise<undefined>(() => undefined);
  expect(await soonAnswered([Promise.resolve('a'), hangs, Promise.resolve(undefined)])).toEqual([
    'a',
    undefined,
    undefined,
  ]);
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('late'), 50));
  expect(await soonAnswered([Promise.resolve(undefined), late])).toEqual([undefined, 'late']);
  expect(await soonAnswered([])).toEqual([]);
});

const UNSUPPORTED_SASL_MECHANISM = 33;
const STORAGE_ERROR = 56;
const CLUSTER_AUTHORIZATION_FAILED = 31;

/** Something that answers to whatever it is asked, as a broker would. */
async function played(answer: (request: Buffer, socket: Socket) => Writer) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (request) => {
      const head = Writer.create().appendInt32(request.readInt32BE(8));
      socket.write(head.appendFrom(answer(request, socket)).prependLength().buffer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** What is read of a broker that says of its disks these things. */
async function disksOf(errorCode: number, dirs: { errorCode: number; topics: string[] }[]): Promise<string[]> {
  const address = await played(() =>
    Writer.create()
      .appendTaggedFields()
      .appendInt32(0)
      .appendInt16(errorCode)
      .appendArray(dirs, (w, dir) =>
        w
          .appendInt16(dir.errorCode)
          .appendString('/data')
          .appendArray(dir.topics, (w, name) => w.appendString(name).appendArray([], () => undefined))
          .appendInt64(0n)
          .appendInt64(0n),
      )
      .appendTaggedFields(),
  );
  return withConnection(address, readHeldTopics);
}

test('a disk that has failed keeps nobody from seeing which topics lie on the others', async () => {
  const failed = { errorCode: STORAGE_ERROR, topics: [] };
  expect(await disksOf(0, [failed, { errorCode: 0, topics: ['t', 'pay'] }])).toEqual(['t', 'pay']);
  await expect(disksOf(CLUSTER_AUTHORIZATION_FAILED, [])).rejects.toThrow('DescribeLogDirs');
});

test('whoever refuses a login cannot hold the connection', async () => {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const address = await played((_, socket) => {
    socket.once('error', () => resolve());
    // It never closes, and would go on talking for ever.
    socket.once('end', () => {
      const talk = setInterval(() => socket.write('still here'), 10);
      socket.once('close', () => clearInterval(talk));
    });
    return Writer.create().appendInt16(UNSUPPORTED_SASL_MECHANISM).appendInt32(0);
  });
  const login = securedConnect(() => ({ sasl: { mechanism: 'PLAIN', username: 'ada', password: 'hunter2' } }));
  await expect(login(address, readHeldTopics)).rejects.toThrow('failed');
  await gone;
});

test('a partition without a leader is told, and hides no other: the client library throws for it', () => {
  const LEADER_NOT_AVAILABLE = 5;
  const answer = told(6, -1, [1]);
  const error = (response: unknown) =>
    new ResponseError(3, 12, { '/topics/0/partitions/0': [LEADER_NOT_AVAILABLE, null] }, response as never);
  const partitions = mergePartitions([toldInSpite(error(answer))]);
  expect(partitions).toEqual([{ topic: 't', partition: 0, leader: -1, replicas: [1, 2, 3], isr: [1] }]);
  const whole = error({ ...answer, topics: answer.topics.map((topic) => ({ ...topic, errorCode: 3 })) });
  expect(() => toldInSpite(whole)).toThrow(whole);
  const away = new Error('connection refused');
  expect(() => toldInSpite(away)).toThrow(away);
});
