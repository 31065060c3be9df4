import type { EnvironmentSettings } from '../../config/environment.ts';
import type { Artifact, Digest, ReadBack } from '../../workflows/types.ts';
import { createCommandDriver, plannedCommandTargets } from './command.ts';
import { kafkaProgram } from './kafka-node.ts';
import { requireCluster } from './layout.ts';
import type { NodeProgram } from './node.ts';
import { plainProgram } from './plain-node.ts';
import { createProcessDriver } from './process.ts';

/** One node, job or process of an environment, as it was laid out. Never changes after `env up`. */
export type TargetInfo = {
  name: string;
  /** `controller`, `broker` (Kafka; both on a combined node) or `process`. */
  roles: string[];
  nodeId?: number;
  rack?: string;
  host: string;
  /** By use: `broker`, `controller`, `jolokia`, `main`. */
  ports: Record<string, number>;
  /** The target's own folder: libraries, configuration, data, logs, process state. */
  dir: string;
};

/** What the disk and the process table say now. */
export type TargetFacts = {
  name: string;
  /** `starting`: the process lives and is not yet ready. `unknown`: never laid out. */
  state: 'running' | 'starting' | 'stopped' | 'unknown';
  pid?: number;
  /** The restart token: another one with every start, and only equality means anything. Kept once it has ended. */
  startedAt?: string;
  /** How the process ended, where somebody was left to write it (128 + signal when killed). */
  exitCode?: number;
  /** Of what runs, where the driver is told it. */
  version?: string;
  /** Who let it start last. */
  permit?: StartPermit;
  /** The managed files, hashed on disk now, by artifact name. A file that is missing is not listed. */
  artifacts: { name: string; sha256: Digest }[];
  /**
   * What nobody installed: a managed file whose digest was never staged here, another library that
   * differs from what was laid out, one too many, one missing. A sentence each, naming file and digests.
   */
  strangers: string[];
};

/** Only an open ledger entry or `env up` starts a process (design.md, *Settled*); it is kept in the node's folder. */
export type StartPermit = { ledger: string } | { envUp: true };

export type StopOptions = {
  graceMs: number;
  /** Whether one that has not ended after `graceMs` is killed. Otherwise it is left as it is, stopping. */
  kill: boolean;
};

/**
 * The hands of a roll-out in one environment. Every method is safe to repeat, and after a crash in the
 * middle; none decides anything. Errors name target, file or port, and what to do.
 */
export type Driver = {
  targets(): Promise<TargetInfo[]>;
  facts(target: string): Promise<TargetFacts>;
  /** Puts the artifacts, verified, beside what runs: `staged/<digest>/<artifact>` in the target's folder. */
  stage(target: string, artifacts: Artifact[]): Promise<void>;
  stop(target: string, options: StopOptions): Promise<Stopped>;
  /** Only while the target is stopped; atomic per file; verified by reading it again. Files not named stay. */
  install(target: string, artifacts: Artifact[], build?: InstalledBuild): Promise<void>;
  /** Adopts what runs already. `pid`: where it is a process of this machine. */
  start(target: string, permit: StartPermit): Promise<{ pid?: number; adopted: boolean }>;
  /** Waits for this start's ready sign. False at once when the process has ended, with the end of its log. */
  waitReady(target: string, timeoutMs: number): Promise<{ ready: boolean; detail: string }>;
  /** Digests from disk (re-hashed now), the commit from the running process (`''` where the settings name no way). */
  readBack(target: string): Promise<ReadBack>;
  /**
   * By name, what a start would take now of its settings that is another than at the target's last start (G1). Missing
   * where a driver cannot tell.
   */
  changedSettings?(target: string): Promise<{ kind: 'configuration' | 'jvm'; name: string }[]>;
  /** Of the disk that holds the target's files and data; missing where a driver cannot tell. */
  freeBytes?(target: string): Promise<number>;
  /** Beginning and end of what the target logs, not redacted; empty where there is none, missing where it is elsewhere. */
  logs?(target: string): Promise<string>;
};

/** `detail`: why it was not stopped, where the driver knows. */
export type Stopped = { stopped: boolean; killed: boolean; seconds: number; detail?: string };

/** Whose artifacts they are; unknown for what was there before us. */
export type InstalledBuild = { version?: string | undefined; commit?: string | undefined };

/** What the driver needs of the artifact store (store/artifacts.ts). */
export type ArtifactSource = {
  fetch(sha256: Digest, toFile: string): Promise<unknown>;
};

export type DriverDeps = {
  dataDir: string;
  artifacts: ArtifactSource;
  /** What child processes get of this machine's environment: PATH, JAVA_HOME, HOME, LANG. Nothing secret. */
  hostEnv: Readonly<Record<string, string>>;
};

/**
 * The driver of an environment that was brought up before.
 *
 * @throws where the environment was never laid out
 */
export function openDriver(environment: string, settings: EnvironmentSettings, deps: DriverDeps): Driver {
  const { system, targets } = requireCluster(deps.dataDir, environment);
  if (system !== settings.system) {
    throw new Error(`environment ${environment} was laid out as ${system}; its settings now say ${settings.system}`);
  }
  if (settings.system !== 'command') return createProcessDriver(programsOf(environment, settings, targets, deps), deps);
  // Hosts as they are configured now: a target may have moved.
  return createCommandDriver(settings, plannedCommandTargets(deps.dataDir, environment, settings), deps);
}

function programsOf(
  environment: string,
  settings: Exclude<EnvironmentSettings, { system: 'command' }>,
  targets: readonly TargetInfo[],
  deps: DriverDeps,
): NodeProgram[] {
  if (settings.system === 'kafka') return targets.map((info) => kafkaProgram(settings, info, deps.hostEnv));
  return targets.map((info) => {
    const target = settings.targets.find(({ name }) => name === info.name);
    if (target) return plainProgram(target, info, deps.hostEnv);
    throw new Error(`environment ${environment} has a target ${info.name} that its settings no longer name`);
  });
}
