import { expect, test } from 'vitest';
import { environmentIn, isKafkaCluster } from '../../config/environment-cluster.ts';
import { settingsSchema } from '../../config/schema.ts';

// Where an environment that commands reach is a Kafka cluster.
const one = { run: ['/opt/ops/do', '{host}'] };
const driver = { kind: 'command', stop: one, start: one, install: one, readBack: one, facts: one };
const nodes = [
  { name: 'ada', id: 1, roles: ['controller', 'broker'], rack: 'a' },
  { name: 'Bob.2', id: 2 },
  { name: 'cy', id: 3 },
];
const clusters = { prod: { bootstrap: ['kafka-1.example.org:9092'], nodes } };
const environment = (more: object = {}) => ({
  ...{ system: 'command', driver, artifacts: ['a.jar'], cluster: 'prod', targets: [{ name: 'ada' }, { name: 'cy' }] },
  ...more,
});
const parse = (environments: object, others: object = clusters) =>
  settingsSchema.safeParse({ forks: {}, environments, clusters: others });

test('its targets are nodes of the cluster that it names; a node that is no target is not rolled', () => {
  const settings = parse({ production: environment() }).data!;
  const found = environmentIn(settings, 'production');
  expect(found).toMatchObject({ cluster: { name: 'prod', nodes: [{ name: 'ada', id: 1 }, {}, {}] } });
  expect(isKafkaCluster(found)).toBe(true);
  expect(environmentIn(settings, 'elsewhere')).toBeUndefined();
  // What is kept is what was written: it can be read again.
  expect(settings.environments.production).toMatchObject({ cluster: 'prod' });
  expect(settingsSchema.safeParse(settings).success).toBe(true);
});

test('without one they are plain', () => {
  const { cluster: _, ...plain } = environment();
  const found = environmentIn(parse({ production: plain }).data!, 'production');
  expect(found).not.toHaveProperty('cluster');
  expect(isKafkaCluster(found)).toBe(false);
});

test.each<[string, object, object, string, string]>([
  [
    'a cluster that there is not',
    { production: environment({ cluster: 'prd' }) },
    clusters,
    'environments.production.cluster',
    'no cluster "prd" under clusters; there are: prod',
  ],
  ['none at all', { production: environment() }, {}, 'environments.production.cluster', 'none are configured'],
  [
    'a target that is no node of it',
    { production: environment({ targets: [{ name: 'ada' }, { name: 'dee' }] }) },
    clusters,
    'environments.production.targets.1.name',
    'no node "dee" under clusters.prod.nodes, where its id and roles have to stand; there are: ada, Bob.2, cy',
  ],
  [
    'a second environment of the same cluster',
    { production: environment(), other: environment() },
    clusters,
    'environments.other.cluster',
    'environment production rolls it already',
  ],
  [
    'a cluster of what is laid out here',
    { production: { system: 'process', cluster: 'prod', targets: [] } },
    clusters,
    'environments.production',
    '"cluster"',
  ],
])('%s is refused, and the message says where', (_what, environments, others, path, words) => {
  const { success, error } = parse(environments, others);
  expect(success).toBe(false);
  const told = (error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  expect(told.find((line) => line.startsWith(path) && line.includes(words)) ?? told).toEqual(
    expect.stringContaining(words),
  );
});
