import type { KafkaEnvironmentSettings } from '../../config/environment.ts';
import type { RolloutSettings } from '../../config/rollout.ts';
import { k10KeepsFromKilling } from '../../decisions/kafka-rules/availability.ts';
import { canRoll, canRollBack, mayPutBack, preflight } from '../../decisions/kafka-rules/can-roll.ts';
import { excusedBrokers, leftOutOf, withoutBrokers } from '../../decisions/kafka-rules/dead-broker.ts';
import { finalisedLevel, k16MayFinalise, METADATA } from '../../decisions/kafka-rules/features.ts';
import { KAFKA_GATE_METRICS } from '../../decisions/kafka-rules/gate-metrics.ts';
import { clusterLook } from '../../decisions/kafka-rules/look.ts';
import { k19SeesEverything } from '../../decisions/kafka-rules/observe.ts';
import { metadataBefore } from '../../decisions/kafka-rules/put-back.ts';
import { k3Next } from '../../decisions/kafka-rules/quorum.ts';
import { k11LeadersToGiveBack, k11LedAsPreferred, k11WaitsFor } from '../../decisions/kafka-rules/settled.ts';
import {
  type Finding,
  isBroker,
  type KafkaSnapshot,
  nameOf,
  nodesNamed,
} from '../../decisions/kafka-rules/snapshot.ts';
import { clusterStatus, topicsLine } from '../../decisions/kafka-rules/status.ts';
import type { RuleWaiver } from '../../decisions/kafka-rules/waivers.ts';
import type { Driver, TargetInfo } from '../deploy/driver.ts';
import { readAllGateFigures } from './gate-figures.ts';
import { brokerAddress, readKafka } from './kafka.ts';
import { type Connect, electPreferred, raiseLevel, withConnection } from './kafka-protocol.ts';
import { createPrometheus } from './prometheus.ts';
import { allFacts, type Levels, type System, type Waiting } from './system.ts';

const jmx = { figures: readAllGateFigures };

/** One picture of a cluster, and where its nodes are asked. */
export type Seen = { snapshot: KafkaSnapshot; targets: readonly TargetInfo[] };

/** How a cluster is looked at and spoken to, wherever it runs. */
export type KafkaWays = Pick<System, 'gateMetrics' | 'gateFigures' | 'outside'> & {
  read(): Promise<Seen>;
  connect: Connect;
  /** What of ours the cluster would refuse, asked before anything is touched. */
  refuses?(seen: Seen): Promise<Finding[]>;
};

/** A cluster that was laid out on this machine. */
export function clusterHere({ gates }: KafkaEnvironmentSettings, driver: Driver): KafkaWays {
  const prometheus = typeof gates === 'object' && gates.prometheus ? createPrometheus(gates.prometheus) : undefined;
  return {
    async read() {
      const targets = await driver.targets();
      return { snapshot: await readKafka(targets, await allFacts(driver)), targets };
    },
    connect: withConnection,
    gateMetrics: KAFKA_GATE_METRICS,
    gateFigures: async () => (prometheus ?? jmx).figures(await driver.targets()),
  };
}

/** Kafka under its rules: every question is answered from a snapshot that was read for it. */
export function kafkaSystem(rules: RolloutSettings, ways: KafkaWays): System {
  const fetchTimeoutMs = rules.quorumFetchTimeoutMs;
  const { gateMetrics, gateFigures, outside } = ways;
  const read = async () => (await ways.read()).snapshot;
  return {
    async preflight(targets, toVersion) {
      const seen = await ways.read();
      const { blocks, waived } = preflight(seen.snapshot, targets, rules, toVersion);
      return { blocks: [...blocks, ...((await ways.refuses?.(seen)) ?? [])], waived };
    },
    leftOut: async () => (rules.waivers.length === 0 ? [] : leftOutOf(await read(), rules.waivers)),
    next: async (remaining) => k3Next(await read(), remaining, fetchTimeoutMs),
    goesLast: async () => leaderOf(await read()),
    canRoll: async (wave) => canRoll(await read(), wave, rules),
    canRollBack: async (wave, suspects, before) => canRollBack(await read(), wave, suspects, rules, before),
    mayPutBack: async (before) => mayPutBack(await read(), rules, before),
    async ledAsPreferred(targets) {
      const snapshot = await read();
      return Object.fromEntries(targets.map((target) => [target, k11LedAsPreferred(snapshot, target)]));
    },
    keepsFromKilling: async (target) => k10KeepsFromKilling(await read(), target),
    async waitsFor(target, suspects) {
      const snapshot = await read();
      const dead = excusedBrokers(snapshot, [target], 'K11', rules.waivers).map(({ node }) => node);
      const seen = withoutBrokers(snapshot, dead);
      const waitingFor = k11WaitsFor(seen, target, {
        fetchTimeoutMs,
        suspects: suspects.filter((s) => !dead.includes(s)),
      });
      return { waitingFor, ...progressOf(snapshot, target) };
    },
    giveBackLeaders: (target, moved, batch) => giveBackLeaders(ways, target, moved, batch),
    look: async (rolled) => clusterLook(await read(), rules.waivers, rolled),
    status: async () => status(await read()),
    ...{ gateMetrics, gateFigures, ...(outside && { outside }) },
    readsCommit: () => true,
    levels: levelsOf(ways, rules.waivers),
  };
}

function levelsOf({ read, connect }: KafkaWays, waivers: readonly RuleWaiver[]): Levels {
  return {
    before: async () => metadataBefore((await read()).snapshot, waivers),
    async mayFinalise(wanted) {
      const { snapshot } = await read();
      return { findings: k16MayFinalise(snapshot, wanted), level: finalisedLevel(snapshot) };
    },
    async raise(level) {
      const asked = oneThatAnswered(await read());
      if (!asked) throw new Error('no broker answers: the level cannot be raised now');
      return connect(brokerAddress(asked), (connection) => raiseLevel(connection, METADATA, level));
    },
  };
}

export const oneThatAnswered = ({ snapshot, targets }: Seen): TargetInfo | undefined =>
  targets.find(({ name }) => snapshot.answeredBy.includes(name));

function leaderOf({ quorum, nodes }: KafkaSnapshot): string | undefined {
  return quorum === 'unknown' ? undefined : nodes.find(({ id }) => id === quorum.leader)?.name;
}

/** K12: fewer logs to recover is progress. */
function progressOf(snapshot: KafkaSnapshot, target: string): Pick<Waiting, 'progress'> {
  const { figures } = nodesNamed(snapshot, [target])[0]!;
  if (figures === 'unknown' || figures.logsToRecover === 'unknown') return {};
  return { progress: figures.logsToRecover };
}

function status(snapshot: KafkaSnapshot) {
  const whole = k19SeesEverything(snapshot).length === 0;
  return { lines: clusterStatus(snapshot), more: [topicsLine(snapshot)], whole };
}

async function giveBackLeaders(
  { read, connect }: KafkaWays,
  target: string,
  moved: Parameters<System['giveBackLeaders']>[1],
  batch: number,
) {
  const seen = await read();
  const { snapshot } = seen;
  if (snapshot.partitions === 'unknown') return { left: moved.map(nameOf) };
  const { ready, blocked } = k11LeadersToGiveBack(snapshot, target, moved);
  const refused: string[] = [];
  const asked = oneThatAnswered(seen);
  if (ready.length > 0 && asked && isBroker(asked)) {
    for (let from = 0; from < ready.length; from += batch) {
      const answers = await connect(brokerAddress(asked), (connection) =>
        electPreferred(connection, ready.slice(from, from + batch)),
      );
      refused.push(...answers.map(({ partition, errorCode }) => `${partition} (error ${errorCode})`));
    }
    // Elected is what the next snapshot shows, not what was answered.
    const after = k11LeadersToGiveBack((await read()).snapshot, target, ready);
    return { left: [...new Set([...refused, ...[...after.ready, ...after.blocked, ...blocked].map(nameOf)])] };
  }
  return { left: [...blocked, ...ready].map(nameOf) };
}
