import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { EnvironmentSettings, KafkaEnvironmentSettings } from '../../config/environment.ts';
import { stateOf } from '../../lib/detached.ts';
import { writeJsonFile } from '../../lib/json-file.ts';
import { withLock } from '../../lib/lock.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import type { Artifact } from '../../workflows/types.ts';
import { layOutCommandTarget, plannedCommandTargets } from './command.ts';
import type { DriverDeps, TargetInfo } from './driver.ts';
import { explainFullDisk, linkJars, replaceFiles, sha256Remembered } from './files.ts';
import {
  classPath,
  JOLOKIA_POLICY,
  javaCommand,
  jvmArguments,
  log4jProperties,
  newClusterId,
  plannedKafkaTargets,
  portUses,
  serverProperties,
} from './kafka-node.ts';
import { type Cluster, clusterFile, environmentDir, readCluster } from './layout.ts';
import { isLaidOut, type LaidOut, nodeFiles } from './node.ts';
import { plainProgram, plannedPlainTargets } from './plain-node.ts';
import { chooseFreePorts } from './ports.ts';
import { remember } from './staged.ts';

const run = promisify(execFile);

export type ProvisionDeps = DriverDeps & {
  /** The folder of jars of a library that the settings name (setup/libraries.ts). */
  library(name: string): Promise<string>;
};

/** Whether every target of the environment was laid out, so that `provision` needs no initial artifacts. */
export function isProvisioned(environment: string, dataDir: string): boolean {
  const cluster = readCluster(dataDir, environment);
  return cluster?.targets.every(({ dir }) => isLaidOut(dir)) ?? false;
}

/**
 * Lays out what is not yet there: names, ids and ports (once), and each node's folder. What exists stays,
 * jars and data included; the configuration of a node that does not run is written anew. Starts nothing.
 *
 * @param initial what the nodes begin with in the place of the library's own jars; [] leaves those
 * @throws where the settings ask for other nodes than were laid out, or a jar to replace is not in the library
 */
export async function provision(
  environment: string,
  settings: EnvironmentSettings,
  deps: ProvisionDeps,
  initial: Artifact[],
): Promise<Cluster> {
  const dir = environmentDir(deps.dataDir, environment);
  mkdirSync(dir, { recursive: true });
  return withLock(join(dir, 'provision.lock'), { purpose: `provision ${environment}`, waitMs: 120_000 }, async () => {
    const cluster = await clusterOf(environment, settings, deps);
    if (settings.system === 'command') {
      const infos = plannedCommandTargets(deps.dataDir, environment, settings);
      await Promise.all(infos.map(({ name }) => layOutCommandTarget(settings, infos, deps, name)));
      return cluster;
    }
    const nodes =
      settings.system === 'kafka' ? await kafkaNodes(settings, cluster, deps) : plainNodes(settings, cluster, deps);
    const laidOut = await Promise.allSettled(nodes.map((node) => layOut(node, deps, initial)));
    // All have ended: what still formats a folder would write into what the next try lays out there.
    for (const one of laidOut) if (one.status === 'rejected') throw one.reason;
    return cluster;
  });
}

function plannedTargets(dataDir: string, environment: string, settings: EnvironmentSettings): TargetInfo[] {
  switch (settings.system) {
    case 'kafka':
      return plannedKafkaTargets(dataDir, environment, settings);
    case 'process':
      return plannedPlainTargets(dataDir, environment, settings);
    case 'command':
      return plannedCommandTargets(dataDir, environment, settings);
  }
}

async function clusterOf(
  environment: string,
  settings: EnvironmentSettings,
  { dataDir }: DriverDeps,
): Promise<Cluster> {
  const planned = plannedTargets(dataDir, environment, settings);
  // What was not laid out here takes its roles from its cluster's settings, now.
  const roled = ({ name, roles }: TargetInfo) =>
    settings.system === 'command' ? name : `${name} (${roles.join('+')})`;
  const shape = (targets: TargetInfo[]) => targets.map(roled).join(', ');
  const existing = readCluster(dataDir, environment);
  if (existing) {
    if (existing.system === settings.system && shape(existing.targets) === shape(planned)) return existing;
    throw new Error(
      `environment ${environment} was laid out as ${existing.system}: ${shape(existing.targets)}; its settings now ask for ${settings.system}: ${shape(planned)}. Keep the settings, or remove it with its data: patchwright env down ${environment} --purge`,
    );
  }
  if (settings.system === 'command') {
    const cluster: Cluster = { system: 'command', targets: planned };
    writeJsonFile(clusterFile(dataDir, environment), cluster);
    return cluster;
  }
  const uses = (target: TargetInfo) => (settings.system === 'kafka' ? portUses(target.roles) : ['main']);
  const count = planned.reduce((sum, target) => sum + uses(target).length, 0);
  const ports = settings.basePort
    ? Array.from({ length: count }, (_, i) => (settings.basePort ?? 0) + i)
    : await chooseFreePorts('127.0.0.1', count, portsOfOthers(dataDir));
  const targets = planned.map((target) => ({
    ...target,
    ports: Object.fromEntries(uses(target).map((use) => [use, ports.shift() ?? 0])),
  }));
  const cluster: Cluster =
    settings.system === 'kafka'
      ? { system: 'kafka', clusterId: newClusterId(), targets }
      : { system: 'process', targets };
  writeJsonFile(clusterFile(dataDir, environment), cluster);
  return cluster;
}

/** What the environments of this data folder keep for themselves, running or not. */
function portsOfOthers(dataDir: string): Set<number> {
  const environments = existsSync(join(dataDir, 'env')) ? readdirSync(join(dataDir, 'env')) : [];
  const clusters = environments.map((environment) => readCluster(dataDir, environment));
  return new Set(clusters.flatMap((c) => c?.targets ?? []).flatMap(({ ports }) => Object.values(ports)));
}

/** One node to lay out. `configure` may be called again at any time while the node does not run. */
type NodePlan = {
  info: TargetInfo;
  managed: Record<string, string>;
  library?: string;
  configure(): void;
  format(): Promise<void>;
};

async function kafkaNodes(
  settings: KafkaEnvironmentSettings,
  cluster: Cluster,
  deps: ProvisionDeps,
): Promise<NodePlan[]> {
  const library = await deps.library(settings.library);
  const present = readdirSync(library);
  for (const jar of Object.values(settings.artifacts)) {
    if (!present.includes(jar))
      throw new Error(`the library ${settings.library} has no ${jar}, which an artifact is to replace`);
  }
  const agents = await deps.library(settings.jolokia);
  const agent = readdirSync(agents).find((jar) => jar.includes('jolokia') && jar.endsWith('.jar'));
  if (!agent)
    throw new Error(
      `the library ${settings.jolokia} has no Jolokia agent (org.jolokia:jolokia-agent-jvm:VERSION:javaagent)`,
    );
  return cluster.targets.map((info) => {
    const config = join(info.dir, 'config');
    return {
      info,
      library,
      managed: Object.fromEntries(
        Object.entries(settings.artifacts).map(([n, jar]) => [n, join(info.dir, 'libs', jar)]),
      ),
      configure() {
        mkdirSync(config, { recursive: true });
        mkdirSync(join(info.dir, 'logs'), { recursive: true });
        if (!existsSync(join(info.dir, 'jolokia.jar')))
          copyFileSync(join(agents, agent), join(info.dir, 'jolokia.jar'));
        writeFileSync(join(config, 'server.properties'), serverProperties(settings, cluster, info));
        writeFileSync(join(config, 'log4j.properties'), log4jProperties(info));
        writeFileSync(join(config, 'jolokia-policy.xml'), JOLOKIA_POLICY);
        writeFileSync(join(config, 'jvm.args'), jvmArguments(settings, info));
      },
      format: () => formatStorage(settings, cluster, info, deps),
    };
  });
}

/** KRaft's own tool: meta.properties and the first record of the metadata log. */
async function formatStorage(
  settings: KafkaEnvironmentSettings,
  { clusterId = '' }: Cluster,
  info: TargetInfo,
  { hostEnv }: DriverDeps,
): Promise<void> {
  const jvm = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
  const properties = join(info.dir, 'config', 'server.properties');
  const pinned = settings.rollout.metadataVersion;
  const format = [
    ...['kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', clusterId, '-c', properties],
    // K15: a new cluster begins where it is pinned, and not at the newest that its tool knows.
    ...(pinned === undefined ? [] : ['--release-version', pinned]),
  ];
  await run(javaCommand(hostEnv), [...jvm, '-cp', classPath(settings, info), ...format], {
    cwd: info.dir,
    env: { PATH: hostEnv.PATH, LANG: 'C.UTF-8' },
    timeout: 60_000,
  });
}

function plainNodes(
  settings: EnvironmentSettings & { system: 'process' },
  cluster: Cluster,
  { hostEnv }: DriverDeps,
): NodePlan[] {
  return cluster.targets.flatMap((info) => {
    const target = settings.targets.find(({ name }) => name === info.name);
    if (!target) return [];
    const { managed } = plainProgram(target, info, hostEnv);
    return [{ info, managed, configure: () => undefined, format: async () => undefined }];
  });
}

async function layOut(node: NodePlan, deps: ProvisionDeps, initial: Artifact[]): Promise<void> {
  const { dir } = node.info;
  try {
    if (isLaidOut(dir)) {
      if (stateOf(dir).kind !== 'running') node.configure();
      return;
    }
    // Of an earlier try that was cut off; it never ran, so there is nothing to keep.
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    const libs = node.library ? await linkLibrary(node, node.library) : {};
    await placeInitial(node, deps, initial);
    node.configure();
    await node.format();
    writeJsonFile(nodeFiles.laidOut(dir), { libs, at: new Date().toISOString() } satisfies LaidOut);
  } catch (error) {
    throw explainFullDisk(error, join(dir, 'data'));
  }
}

async function linkLibrary({ info }: NodePlan, library: string): Promise<Record<string, string>> {
  const libs = join(info.dir, 'libs');
  linkJars(library, libs);
  const digests: Record<string, string> = {};
  for (const jar of readdirSync(libs)) digests[jar] = await sha256Remembered(join(libs, jar));
  return digests;
}

async function placeInitial({ info, managed }: NodePlan, deps: ProvisionDeps, initial: Artifact[]): Promise<void> {
  for (const [name, file] of Object.entries(managed)) {
    const artifact = initial.find((candidate) => candidate.name === name);
    if (artifact) {
      const staged = join(nodeFiles.staged(info.dir), artifact.sha256, name);
      mkdirSync(join(staged, '..'), { recursive: true });
      await deps.artifacts.fetch(artifact.sha256, staged);
      await replaceFiles([{ source: staged, target: file, sha256: artifact.sha256 }]);
      remember(info.dir, [artifact]);
    } else if (existsSync(file)) {
      // The library's own jar: staged and known, since the first roll-out may have to go back to it.
      const sha256 = await sha256OfFile(file);
      await replaceFiles([{ source: file, target: join(nodeFiles.staged(info.dir), sha256, name), sha256 }]);
      remember(info.dir, [{ name, sha256 }]);
    } else {
      throw new Error(`${info.name} has no ${basename(file)}: there is no initial artifact ${name} to put there`);
    }
  }
}
