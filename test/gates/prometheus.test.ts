import { afterEach, describe, expect, test } from 'vitest';
import type { TargetInfo } from '../../activities/deploy/driver.ts';
import { createPrometheus } from '../../activities/health/prometheus.ts';
import { exitOfShadow, momentOf, shadow, shadowText } from '../../cli/commands/shadow.ts';
import { gatesSchema } from '../../config/gates.ts';
import { settingsSchema } from '../../config/schema.ts';
import { startPrometheus, type Told } from '../servers/prometheus.ts';

// The real client against a server that answers the query API.
let server: Awaited<ReturnType<typeof startPrometheus>>;
afterEach(() => server?.stop());

const node = (name: string, port = 9092): TargetInfo => ({
  name,
  roles: ['broker'],
  host: '10.0.0.1',
  ports: { jolokia: port },
  dir: '',
});

async function sourceOf(told: Told, more: object = {}) {
  server = await startPrometheus(told);
  const gates = gatesSchema.parse({ profile: 'full', prometheus: { url: server.url, ...more } });
  if (typeof gates === 'string' || !gates.prometheus) throw new Error('no Prometheus is configured');
  return createPrometheus(gates.prometheus);
}

/** What a broker tells by the JMX exporter's names, as far as the table needs it. */
const usual: Told = (query) => {
  const of = (value: number) => ({ a: value, 'b:7071': value, '10.0.0.1:7073': value });
  if (query.startsWith('time() - max by (instance) (timestamp(')) return of(5);
  if (query.includes('requests_total{request="Produce"}')) return of(1000);
  if (query.includes('uptime') || query.includes('process_start_time_seconds')) return of(60_000);
  return {};
};

describe('figures from Prometheus', () => {
  test('are of the node that a label names: by its name, with a port, or by an address', async () => {
    const source = await sourceOf(usual);
    expect(await source.figures([node('a'), node('b'), node('c', 7073), node('d', 7074)])).toEqual({
      // An error counter that does not exist yet is left out, as by JMX.
      a: { produceRequests: 1000, uptimeMs: 60_000 },
      b: { produceRequests: 1000, uptimeMs: 60_000 },
      c: { produceRequests: 1000, uptimeMs: 60_000 },
      d: 'unread',
    });
  });

  test('are of the node on a host that commands reach, where it is the only one there', async () => {
    const source = await sourceOf(usual);
    const on = (name: string, host: string): TargetInfo => ({ ...node(name), host, ports: {} });
    const one = await source.figures([on('ada', '10.0.0.1'), on('bob', 'elsewhere')]);
    expect(one).toMatchObject({ ada: { produceRequests: 1000 }, bob: 'unread' });
    expect(await source.figures([on('ada', '10.0.0.1'), on('cy', '10.0.0.1')])).toEqual({
      ada: 'unread',
      cy: 'unread',
    });
  });

  test('what was not scraped lately is unread, whatever is remembered', async () => {
    const stale: Told = (query, at) =>
      query.startsWith('time() - max by (instance) (timestamp(') ? { a: 300 } : usual(query, at);
    const source = await sourceOf(stale);
    expect(await source.figures([node('a')])).toEqual({ a: 'unread' });
  });

  test('a server that does not answer is no data, and no error of ours', async () => {
    const source = await sourceOf(() => {
      throw new Error('too many samples');
    });
    expect(await source.figures([node('a')])).toEqual({ a: 'unread' });
    await expect(source.between([node('a')], { fromMs: 0, toMs: 1000, stepSeconds: 1 })).rejects.toThrow(
      'too many samples',
    );
  });

  test('queries, label and nodes may be named', async () => {
    const told: Told = (query) => ({ k1: query.includes('timestamp(') ? 1 : query === 'mine by instance' ? 7 : 3 });
    const source = await sourceOf(told, { nodes: { a: 'k1' }, queries: { heapMib: 'mine by {label}' } });
    expect(await source.figures([node('a')])).toMatchObject({ a: { heapMib: 7, produceErrors: 3 } });
  });
});

describe('shadow mode', () => {
  const START = Date.UTC(2026, 0, 5);
  const MINUTE = 60_000;
  const RESTARTS: Record<string, number> = { n1: 180, n2: 200, n3: 220 };

  /** Three brokers, restarted one after another; n1 errs from its restart on, if it is to. */
  const story =
    (errs: boolean): Told =>
    (query, at) => {
      const minute = (at - START) / MINUTE;
      const each = (value: (node: string, minute: number) => number) =>
        Object.fromEntries(Object.keys(RESTARTS).map((name) => [name, value(name, minute)]));
      const since = (name: string) => (minute >= RESTARTS[name]! ? minute - RESTARTS[name]! : minute + 500);
      if (query.includes('timestamp(')) return each(() => 1);
      if (query.includes('process_start_time')) return each((name) => since(name) * MINUTE);
      if (query.includes('requests_total')) return each((name) => Math.round(since(name) * 6_000));
      if (query.includes('errors_total{request="Produce"')) {
        return each((name) => (errs && name === 'n1' && minute >= 180 ? Math.round(since(name) * 30) : 0));
      }
      return query.includes('errors_total') ? each(() => 0) : {};
    };

  const NODES = { n1: 'n1', n2: 'n2', n3: 'n3' };
  const span = { fromMs: START, toMs: START + 240 * MINUTE };
  const quiet = { dataDir: '/nowhere', say: () => undefined };
  const gatesOf = (nodes: Record<string, string>) => ({
    profile: 'full',
    ...{ warmUpSeconds: 120, bakeSeconds: 600, minimumBlocks: 0, beatSeconds: 20 },
    prometheus: { url: server.url, nodes },
  });

  const judged = async (errs: boolean) => {
    server = await startPrometheus(story(errs));
    const settings = settingsSchema.parse({
      forks: {},
      environments: {
        theirs: {
          system: 'kafka',
          provision: { combined: 3 },
          library: 'kafka',
          artifacts: { jar: 'kafka.jar' },
          gates: gatesOf(NODES),
        },
      },
      libraries: { kafka: { coordinates: ['g:a:1'] } },
    });
    return shadow(settings, 'theirs', span, quiet);
  };

  /** A cluster that was not laid out here; no broker of it is asked. */
  const judgedCluster = async (more: object) => {
    const theirs = { bootstrap: ['nowhere.invalid:9093'], ...more };
    return shadow(settingsSchema.parse({ forks: {}, clusters: { theirs } }), 'theirs', span, quiet);
  };

  test('a roll-out of others that went well would have gone on', async () => {
    const view = await judged(false);
    expect(view.waves.map(({ targets, judgement }) => [targets, judgement.kind])).toEqual([
      [['n1'], 'pass'],
      [['n2'], 'pass'],
      [['n3'], 'pass'],
    ]);
    expect(exitOfShadow(view)).toBe(0);
    expect(shadowText(view)[1]).toMatch(/^wave 1, 2026-01-05T02:59:40.*n1: the gate would have gone on after 7\d\d s/);
  });

  test('one that erred would have been rolled back on its first node', async () => {
    const view = await judged(true);
    expect(view.waves[0]).toMatchObject({ targets: ['n1'], judgement: { kind: 'fail' } });
    expect(view.waves[0]!.afterSeconds).toBeLessThan(600);
    expect(exitOfShadow(view)).toBe(1);
    expect(shadowText(view)[1]).toContain('ROLLED BACK');
  });

  test('of a cluster that was not laid out here is the same', async () => {
    const environment = await judged(true);
    expect(await judgedCluster({ gates: gatesOf(NODES) })).toEqual(environment);
    // A node that has its label's value for a name needs no other.
    const nodes = ['n1', 'n2', 'n3'].map((name, id) => ({ name, id }));
    expect(await judgedCluster({ gates: gatesOf({}), nodes })).toEqual(environment);
  });

  test('says what is missing of such a cluster', async () => {
    server = await startPrometheus(story(false));
    await expect(judgedCluster({})).rejects.toThrow(
      'come from a Prometheus; name it: clusters.theirs.gates.prometheus',
    );
    await expect(judgedCluster({ gates: gatesOf({}) })).rejects.toThrow(
      'is not known; name them: clusters.theirs.gates',
    );
    const other = judgedCluster({ gates: gatesOf({ n1: 'kafka-1:7071' }) });
    await expect(other).rejects.toThrow(
      'no figures of n1 in that span; of instance it has n1, n2, n3. Name the values',
    );
  });

  test('no terminal obeys what such a server says, and no login of it is told', async () => {
    const label = '\u001b[2Jn1';
    const hostile: Told = (query): Record<string, number> => (query.startsWith('group by') ? { [label]: 1 } : {});
    server = await startPrometheus(hostile);
    const asked = () => judgedCluster({ gates: gatesOf({ n1: 'kafka-1:7071' }) });
    await expect(asked()).rejects.toThrow('it has \\u{1b}[2Jn1. Name');
    await server.stop();
    server = await startPrometheus(() => {
      throw new Error('\u001b[2Jtoo many samples');
    });
    await expect(asked()).rejects.toThrow(/: too many samples$/);
    const login = { profile: 'full', prometheus: { url: 'https://ada:hunter2hunter2@prometheus.example.org' } };
    const { error } = gatesSchema.safeParse(login);
    expect(error?.message).toContain('without a login');
    expect(error?.message).not.toContain('hunter2');
  });

  test.each([
    ['now', 0],
    ['-90m', -90 * MINUTE],
    ['+2h', 120 * MINUTE],
    ['2026-01-05T00:00:10Z', 10_000],
  ])('%s is a moment', (text, after) => {
    expect(momentOf(text, START) - START).toBe(after);
  });

  test('what is none is refused', () => {
    expect(() => momentOf('yesterday', START)).toThrow('is no moment');
  });
});
