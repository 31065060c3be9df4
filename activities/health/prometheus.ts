import type { PrometheusSettings } from '../../config/gates.ts';
import type { Figures } from '../../decisions/gate/types.ts';
import { logger } from '../../lib/log.ts';
import { oneLine } from '../../lib/plain-text.ts';
import type { TargetInfo } from '../deploy/driver.ts';
import { innermost } from './kafka-refusal.ts';

const log = logger('prometheus');
const TIMEOUT_MS = 10_000;
/** How old the youngest sample of a node is: what nobody scraped lately is not read, whatever is remembered. */
const AGE = 'scrapeAgeSeconds';

/**
 * The figures of `kafka-rules/gate-metrics.ts` by the names that Prometheus' JMX exporter gives them with its own
 * example configuration for Kafka. Each answers one series a node, by the label that names it (`{label}`).
 */
const request = (name: string, labels: string) => `kafka_network_requestmetrics_${name}{${labels}}`;
const KAFKA_QUERIES: Record<string, string> = {
  produceRequests: `sum by ({label}) (${request('requests_total', 'request="Produce"')})`,
  fetchRequests: `sum by ({label}) (${request('requests_total', 'request="FetchConsumer"')})`,
  produceErrors: `sum by ({label}) (${request('errors_total', 'request="Produce",error!="NONE"')})`,
  fetchErrors: `sum by ({label}) (${request('errors_total', 'request="FetchConsumer",error!="NONE"')})`,
  isrShrinks: 'sum by ({label}) (kafka_server_replicamanager_isrshrinks_total)',
  uncleanElections: 'sum by ({label}) (kafka_controller_controllerstats_uncleanleaderelections_total)',
  uptimeMs: '(time() - max by ({label}) (process_start_time_seconds)) * 1000',
  produceLocalMs: `max by ({label}) (${request('localtimems', 'request="Produce",quantile="0.99"')})`,
  fetchLocalMs: `max by ({label}) (${request('localtimems', 'request="FetchConsumer",quantile="0.99"')})`,
  produceTotalMs: `max by ({label}) (${request('totaltimems', 'request="Produce",quantile="0.99"')})`,
  handlersIdle: 'min by ({label}) (kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent)',
  networkIdle: 'min by ({label}) (kafka_network_socketserver_networkprocessoravgidle_percent)',
  heapMib: 'max by ({label}) (jvm_memory_used_bytes{area="heap"} or jvm_memory_bytes_used{area="heap"}) / 1048576',
  // Of a cluster that nobody asks directly (shadow mode): invariants, as counts by node.
  offlinePartitions: 'max by ({label}) (kafka_controller_kafkacontroller_offlinepartitionscount)',
  underMinIsrPartitions: 'max by ({label}) (kafka_server_replicamanager_underminisrpartitioncount)',
  underReplicatedPartitions: 'max by ({label}) (kafka_server_replicamanager_underreplicatedpartitions)',
  [AGE]: 'time() - max by ({label}) (timestamp(process_start_time_seconds))',
};

type Series = { metric: Record<string, string>; values: [number, string][] };
type NodeFigures = Record<string, Figures | 'unread'>;

/** A server that answers Prometheus' query API, as a source of a gate's figures. Reads only. */
export function createPrometheus(settings: PrometheusSettings) {
  const queries = Object.entries({ ...KAFKA_QUERIES, ...settings.queries }).map(
    ([figure, query]) => [figure, query.replaceAll('{label}', settings.label)] as const,
  );
  const nameOf = namer(settings);

  async function ask(path: string, parameters: Record<string, string>): Promise<Series[]> {
    const { status, answer } = await post(
      new URL(`api/v1/${path}`, `${settings.url.replace(/\/+$/, '')}/`),
      parameters,
    );
    if (answer.status !== 'success' || !Array.isArray(answer.data?.result)) {
      const why = typeof answer.error === 'string' ? oneLine(answer.error) : `HTTP ${status}`;
      throw new Error(`Prometheus does not answer ${parameters.query}: ${why}`);
    }
    return answer.data.result.map(({ metric, value, values }) => ({
      metric,
      values: values ?? (value ? [value] : []),
    }));
  }

  return {
    /** Every value of the label that names nodes, whichever process it is of. @throws where the server does not answer */
    async labels(atMs: number): Promise<string[]> {
      const query = `group by (${settings.label}) (process_start_time_seconds)`;
      const told = await ask('query', { query, time: String(atMs / 1000) });
      return told.flatMap(({ metric }) => metric[settings.label] ?? []).sort();
    },

    /** Every node's figures now; a node that was not scraped lately, or a server that does not answer, is unread. */
    async figures(targets: readonly TargetInfo[]): Promise<NodeFigures> {
      try {
        const [at] = await this.between(targets, undefined);
        return at?.nodes ?? unread(targets);
      } catch (error) {
        log.warn({ err: (error as Error).message }, 'Prometheus tells no figures');
        return unread(targets);
      }
    },

    /**
     * The same of the past, a look every `stepSeconds`. @throws where the server does not answer
     *
     * @param range undefined: now
     */
    async between(
      targets: readonly TargetInfo[],
      range: { fromMs: number; toMs: number; stepSeconds: number } | undefined,
    ): Promise<{ atMs: number; nodes: NodeFigures }[]> {
      const times = range && {
        start: String(range.fromMs / 1000),
        end: String(range.toMs / 1000),
        step: String(range.stepSeconds),
      };
      const looks = new Map<number, Record<string, Figures>>();
      await Promise.all(
        queries.map(async ([figure, query]) => {
          for (const { metric, values } of await ask(range ? 'query_range' : 'query', { query, ...times })) {
            const node = nameOf(targets, metric[settings.label] ?? '');
            for (const [second, text] of node === undefined ? [] : values) {
              const value = Number(text);
              if (!Number.isFinite(value)) continue;
              const atMs = range ? Math.round(second * 1000) : 0;
              const nodes = looks.get(atMs) ?? {};
              looks.set(atMs, nodes);
              nodes[node!] = { ...nodes[node!], [figure]: value };
            }
          }
        }),
      );
      return [...looks].sort(([a], [b]) => a - b).map(([atMs, nodes]) => ({ atMs, nodes: judged(targets, nodes) }));
    },
  };

  function judged(targets: readonly TargetInfo[], told: Record<string, Figures>): NodeFigures {
    return Object.fromEntries(
      targets.map(({ name }): [string, Figures | 'unread'] => {
        const { [AGE]: age, ...figures } = told[name] ?? {};
        const young = age !== undefined && age <= settings.maxAgeSeconds;
        return [name, young && Object.keys(figures).length > 0 ? figures : 'unread'];
      }),
    );
  }
}

async function post(url: URL, parameters: Record<string, string>) {
  try {
    const body = new URLSearchParams(parameters);
    const response = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    if (!text.startsWith('{')) throw new Error(`HTTP ${response.status}, and no answer of its form`);
    return { status: response.status, answer: JSON.parse(text) as Answer };
  } catch (error) {
    throw new Error(`no Prometheus answers (${innermost(error)}): look at prometheus.url; a login is not known`);
  }
}

type Answer = { status: string; error?: unknown; data?: { result?: Answered[] } };
type Answered = { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] };

const unread = (targets: readonly TargetInfo[]): NodeFigures =>
  Object.fromEntries(targets.map(({ name }) => [name, 'unread' as const]));

/** Which node a label's value stands for: as configured, the node's name (a port may follow), or an address of it. */
function namer({ nodes }: PrometheusSettings) {
  return (targets: readonly TargetInfo[], value: string): string | undefined =>
    targets.find(({ name, host, ports }) => {
      const configured = nodes[name];
      if (configured !== undefined) return configured === value;
      const addresses = Object.values(ports).map((port) => `${host}:${port}`);
      return (
        value === name || value.split(':')[0] === name || addresses.includes(value) || isHostOf(targets, host, value)
      );
    })?.name;
}

/** A host without ports of ours is known by its name, where no other node is on it. */
function isHostOf(targets: readonly TargetInfo[], host: string, value: string): boolean {
  const there = targets.filter((target) => target.host === host);
  return value.replace(/:\d+$/, '') === host && there.length === 1 && Object.keys(there[0]!.ports).length === 0;
}
