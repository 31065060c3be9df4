import { setTimeout as sleep } from 'node:timers/promises';
import { type Driver, openDriver, type TargetInfo } from '../../activities/deploy/driver.ts';
import { readCluster } from '../../activities/deploy/layout.ts';
import { createPrometheus } from '../../activities/health/prometheus.ts';
import { openSystem } from '../../activities/health/system.ts';
import { firstLook, lookForGate } from '../../activities/rollout/gate-look.ts';
import { gateSettingsOf } from '../../activities/rollout/gate-settings.ts';
import { openTraffic } from '../../activities/traffic.ts';
import type { ClusterSettings } from '../../config/clusters.ts';
import { allowedEnvironment, HOST_ENVIRONMENT } from '../../config/env.ts';
import type { EnvironmentSettings } from '../../config/environment.ts';
import type { PrometheusSettings } from '../../config/gates.ts';
import type { Settings } from '../../config/schema.ts';
import type { GateSample } from '../../decisions/gate/types.ts';
import { KAFKA_GATE_METRICS } from '../../decisions/kafka-rules/gate-metrics.ts';
import { few } from '../../decisions/kafka-rules/snapshot.ts';
import { judgeShadow, type ShadowVerdict, shadowWords } from '../../decisions/shadow.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { visible } from '../../lib/plain-text.ts';
import { requireEnvironment } from './env.ts';

export type ShadowView = { environment: string; profile: string; looks: number; waves: ShadowVerdict[] };
export type Span = { fromMs: number; toMs: number };

/** JMX tells the present only. */
const PRESENT_MS = 60_000;

/** ISO 8601, `now`, or so long from now: `-90m`, `+2h`, `-30s`. */
export function momentOf(text: string, nowMs: number): number {
  if (text === 'now') return nowMs;
  const relative = /^([+-])(\d+)([smhd])$/.exec(text);
  if (relative) {
    const [, sign, count, unit] = relative;
    const ms = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 's'] * Number(count);
    return nowMs + (sign === '-' ? -ms : ms);
  }
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new ExitError(2, `"${text}" is no moment: ISO 8601, now, -90m, +2h`);
  return at;
}

/**
 * `shadow ENV`: what our gates would have said of a roll-out that somebody else performed, or performs now. Reads
 * only. The past is read from Prometheus; without it the environment is looked at until the span ends.
 */
export async function shadow(
  settings: Settings,
  name: string,
  { fromMs, toMs }: Span,
  { dataDir, say }: { dataDir: string; say: (line: string) => void },
): Promise<ShadowView> {
  const cluster = settings.clusters[name];
  if (toMs <= fromMs) throw new ExitError(2, 'the span ends before it begins');
  const { profile, beatSeconds } = gateSettingsOf(cluster ?? requireEnvironment(settings, name));
  const eyes = { dataDir, say, beatMs: beatSeconds * 1000 };
  const looks = cluster
    ? await looksAtCluster(name, cluster, { fromMs, toMs }, eyes)
    : await looksAt(name, requireEnvironment(settings, name), { fromMs, toMs }, eyes);
  const probed = looks.some(({ clients }) => clients);
  const metrics = KAFKA_GATE_METRICS.filter(
    (metric) => metric.kind === 'never' || metric.scope !== 'clients' || probed,
  );
  const waves = judgeShadow(looks, { profile, metrics });
  return { environment: name, profile: profile.name, looks: looks.length, waves };
}

type Eyes = { dataDir: string; beatMs: number; say: (line: string) => void };

async function looksAt(name: string, settings: EnvironmentSettings, span: Span, eyes: Eyes): Promise<GateSample[]> {
  const { gates } = settings;
  if (typeof gates === 'object' && gates.prometheus) {
    const targets = readCluster(eyes.dataDir, name)?.targets ?? namedTargets(gates.prometheus);
    return fromPrometheus(`environments.${name}`, gates.prometheus, targets, span, eyes);
  }
  if (span.fromMs < Date.now() - PRESENT_MS) {
    const how = `environments.${name}.gates.prometheus`;
    throw new ExitError(2, `JMX tells the present only; to read the past name a Prometheus: ${how}`);
  }
  return live(name, settings, span, eyes);
}

/** Of a cluster that was not laid out here: nothing of it is asked but its Prometheus, so that no login is needed. */
async function looksAtCluster(name: string, settings: ClusterSettings, span: Span, eyes: Eyes): Promise<GateSample[]> {
  const { gates, nodes } = settings;
  const where = `clusters.${name}`;
  if (typeof gates !== 'object' || !gates.prometheus) {
    throw new ExitError(2, `figures of ${name} come from a Prometheus; name it: ${where}.gates.prometheus`);
  }
  const named = namedTargets(gates.prometheus);
  const others = nodes.filter((node) => named.every((target) => target.name !== node.name));
  const targets = [...named, ...others.map((node) => ({ ...nobody(node.name), roles: node.roles }))];
  return fromPrometheus(where, gates.prometheus, targets, span, eyes);
}

const nobody = (name: string): TargetInfo => ({ name, roles: [], host: '', ports: {}, dir: '' });
const namedTargets = ({ nodes }: PrometheusSettings) => Object.keys(nodes).map(nobody);

async function fromPrometheus(
  where: string,
  settings: PrometheusSettings,
  targets: readonly TargetInfo[],
  span: Span,
  { beatMs, say }: Eyes,
): Promise<GateSample[]> {
  const how = `${where}.gates.prometheus.nodes: {NODE: VALUE of ${settings.label}}`;
  if (targets.length === 0) throw new ExitError(2, `which nodes belong to it is not known; name them: ${how}`);
  await until(span.toMs, say);
  const prometheus = createPrometheus(settings);
  const looks = await prometheus.between(targets, { ...span, stepSeconds: beatMs / 1000 }).catch(unanswered);
  const read = looks.some(({ nodes }) => Object.values(nodes).some((figures) => figures !== 'unread'));
  if (!read) {
    const values = await prometheus.labels(span.toMs).catch(unanswered);
    const known =
      values.length > 0
        ? `it has ${few(values.map((value) => visible(value)))}`
        : 'it has no process_start_time_seconds at all';
    throw new ExitError(
      4,
      `Prometheus has no figures of ${few(targets.map(({ name }) => name))} in that span; of ${settings.label} ${known}. Name the values of these nodes: ${how}`,
    );
  }
  return looks.map(({ atMs, nodes }) => sampleOf(atMs, nodes));
}

const unanswered = (error: Error): never => {
  throw new ExitError(4, error.message);
};

/** Invariants are what a node counts of them. A node that is away is a restart, or is missed as no data. */
function sampleOf(atMs: number, nodes: Record<string, Record<string, number> | 'unread'>): GateSample {
  const read = Object.entries(nodes).flatMap(([node, figures]) =>
    figures === 'unread' ? [] : [[node, figures] as const],
  );
  const broken = (figure: string) => read.filter(([, figures]) => (figures[figure] ?? 0) > 0).map(([node]) => node);
  return {
    atMs,
    unread: Object.keys(nodes).filter((node) => nodes[node] === 'unread'),
    invariants: {
      offline: broken('offlinePartitions'),
      underMinIsr: broken('underMinIsrPartitions'),
      underReplicated: broken('underReplicatedPartitions'),
    },
    nodes: Object.fromEntries(read),
  };
}

async function live(name: string, settings: EnvironmentSettings, { toMs }: Span, eyes: Eyes): Promise<GateSample[]> {
  const never = async () => {
    throw new Error('shadow only looks');
  };
  const { dataDir, beatMs, say } = eyes;
  const driver = openDriver(name, settings, {
    ...{ dataDir, artifacts: { fetch: never } },
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
  });
  const traffic = openTraffic(name, settings, { dataDir, cacheDir: '', hostEnv: {}, library: never });
  const system = systemOrExit(settings, driver);
  if (system.outside && system.gateMetrics.length === 0) {
    const how = `environments.${name}.gates.prometheus, or jolokia of the cluster's nodes`;
    throw new ExitError(2, `there is nothing that a gate could judge: ${system.outside.figures}. Name them: ${how}`);
  }
  const parts = { system, traffic };
  const looks: GateSample[] = [];
  let state = firstLook(Date.now());
  say(`looking at ${name} until ${new Date(toMs).toISOString()}`);
  while (Date.now() < toMs) {
    const began = Date.now();
    const seen = await lookForGate(parts, state);
    ({ state } = seen);
    looks.push(seen.sample);
    await sleep(Math.max(0, Math.min(began + beatMs, toMs) - Date.now()));
  }
  return looks;
}

function systemOrExit(settings: EnvironmentSettings, driver: Driver) {
  try {
    return openSystem(settings, driver);
  } catch (error) {
    throw new ExitError(2, (error as Error).message);
  }
}

async function until(atMs: number, say: (line: string) => void): Promise<void> {
  if (atMs <= Date.now()) return;
  say(`waiting until ${new Date(atMs).toISOString()}`);
  await sleep(atMs - Date.now());
}

export function shadowText({ environment, profile, looks, waves }: ShadowView): string[] {
  const head = `${environment}: ${looks} looks, gates ${profile}; ${waves.length} waves of restarts were seen`;
  return [
    head,
    ...waves.map((wave, index) => `wave ${index + 1}, ${new Date(wave.beganAtMs).toISOString()}: ${shadowWords(wave)}`),
  ];
}

/** 1 where a gate would have stopped what was done. */
export const exitOfShadow = ({ waves }: ShadowView): number =>
  waves.some(({ judgement }) => judgement.kind === 'fail' || judgement.kind === 'inconclusive') ? 1 : 0;
