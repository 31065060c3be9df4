import { readSecret } from '../../config/env.ts';
import type { EnvironmentSettings } from '../../config/environment.ts';
import type { Figures, GateMetric } from '../../decisions/gate/types.ts';
import type { Finalisation } from '../../decisions/kafka-rules/features.ts';
import type { MetadataBefore } from '../../decisions/kafka-rules/put-back.ts';
import type { LedPartition } from '../../decisions/kafka-rules/settled.ts';
import type { Finding } from '../../decisions/kafka-rules/snapshot.ts';
import type { Judgement } from '../../decisions/kafka-rules/waivers.ts';
import type { Driver, TargetFacts } from '../deploy/driver.ts';
import { clusterOnHosts } from './kafka-on-hosts.ts';
import { clusterHere, kafkaSystem } from './kafka-system.ts';
import { plainSystem } from './plain-system.ts';

/** What a system looks like at one moment of the soak, by names; client figures come from the traffic. */
export type SystemLook = {
  unread: string[];
  offline: string[];
  underMinIsr: string[];
  underReplicated: string[];
  /** Whose figures a gate is not to count, since it is waived as dead. */
  leftOut?: string[];
};

/** `more`: what is long (names of topics). `whole`: whether everything that was asked has answered. */
export type SystemStatus = { lines: string[]; more: string[]; whole: boolean };

/** What a node still has to reach; `progress` falls while it is getting there (logs to recover). */
export type Waiting = { waitingFor: string[]; progress?: number };

/**
 * What the roll-out engine asks of a system, whichever it is. Every answer is read now, none is kept. A
 * system that has no rule for a question answers that nothing is in the way.
 */
export type System = {
  /** `toVersion`: of what is to be installed, where it is known. */
  preflight(targets: string[], toVersion?: string): Promise<Judgement>;
  /** The nodes that a roll-out does not touch, since somebody waived them as dead. */
  leftOut(): Promise<string[]>;
  /** Which of these is next (K3); `unknown` where nothing tells the order. */
  next(remaining: string[]): Promise<{ next: string } | 'unknown'>;
  /** Who leads the quorum, and comes last (K3); undefined where nobody does, or nothing tells it. */
  goesLast(): Promise<string | undefined>;
  canRoll(wave: string[]): Promise<Judgement>;
  /** The same for nodes that carry the artifact which is rolled back. */
  canRollBack(wave: string[], suspects: string[], before?: MetadataBefore): Promise<Judgement>;
  /** What speaks against giving a node that is down its old artifact. */
  mayPutBack(before?: MetadataBefore): Promise<Judgement>;
  /** By node, the leaders that its stop would move, to be given back (K11). */
  ledAsPreferred(targets: string[]): Promise<Record<string, LedPartition[]>>;
  /** Why a node that does not exit may not be killed yet (K10 as corrected), or undefined. */
  keepsFromKilling(target: string): Promise<string | undefined>;
  /** K11 but for the leaders. */
  waitsFor(target: string, suspects: string[]): Promise<Waiting>;
  /** Gives leaders back in batches; what is left is not yet in sync, or was refused. */
  giveBackLeaders(target: string, moved: LedPartition[], batch: number): Promise<{ left: string[] }>;
  /** `rolled`: for a gate, the nodes that were changed; what waivers excuse of dead brokers is then left out. */
  look(rolled?: string[]): Promise<SystemLook>;
  /** How it stands, in lines for a reader: nodes, what is wrong, what does not answer. */
  status(): Promise<SystemStatus>;
  /** What a gate judges of this system; none where it has no figures of its own. */
  gateMetrics: readonly GateMetric[];
  /** Their figures by node, read now. */
  gateFigures(): Promise<Record<string, Figures | 'unread'>>;
  /** Whether a target can say which commit it runs (G6). */
  readsCommit(target: string): boolean;
  /** Feature levels, where the system has them. */
  levels?: Levels;
  /** Of what was not laid out here, and has none of our traffic; absent for what was. */
  outside?: SeenFromOutside;
};

export type SeenFromOutside = {
  /** Whose figures a gate judges there, in words. */
  figures: string;
  /** Racks that nodes tell themselves, by name. */
  racks(): Promise<Record<string, string>>;
  /** What of it nobody can see, in words. */
  unseen(): Promise<string[]>;
};

export type Levels = {
  /** To be kept before the first node (K17); undefined where not every broker tells. */
  before(): Promise<MetadataBefore | undefined>;
  /** What speaks against finalising (K16), and the level that is finalised now. */
  mayFinalise(wanted: Finalisation): Promise<{ findings: Finding[]; level: number | undefined }>;
  /** Raises the level for good. What the cluster says against it, in its words; undefined once it was taken. */
  raise(level: number): Promise<string | undefined>;
};

/**
 * The system of an environment, read through its driver and its own interfaces. Secrets of a cluster are read here, by
 * whoever looks, and go to its brokers alone. @throws where one is not there, in words that hold nothing of it
 */
export function openSystem(settings: EnvironmentSettings, driver: Driver): System {
  const { rollout } = settings;
  if (settings.system === 'kafka') return kafkaSystem(rollout, clusterHere(settings, driver));
  const { cluster, gates } = settings.system === 'command' ? settings : {};
  return cluster
    ? kafkaSystem(rollout, clusterOnHosts({ cluster, gates }, driver, readSecret))
    : plainSystem(settings, driver);
}

/** Facts of every target, read at the same time. */
export async function allFacts(driver: Driver): Promise<TargetFacts[]> {
  const targets = await driver.targets();
  return Promise.all(targets.map(({ name }) => driver.facts(name)));
}
