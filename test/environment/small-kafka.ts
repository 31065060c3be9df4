import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProvisionDeps } from '../../activities/deploy/provision.ts';
import type { TrafficDeps } from '../../activities/traffic.ts';
import { allowedEnvironment, HOST_ENVIRONMENT } from '../../config/env.ts';
import { environmentSchema, type KafkaEnvironmentSettings } from '../../config/environment.ts';
import { resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import type { Artifact } from '../../workflows/types.ts';

/** Real parts: Kafka 3.6.2 from Maven (cached), and an artifact store and data folder of the test's own. */
export const LIBRARIES = {
  'kafka-3.6.2': {
    coordinates: ['org.apache.kafka:kafka_2.13:3.6.2', 'org.slf4j:slf4j-reload4j:1.7.36'],
    transitive: true,
  },
  jolokia: { coordinates: ['org.jolokia:jolokia-agent-jvm:2.1.2:javaagent'], transitive: false },
};

export const CLIENTS_JAR = 'kafka-clients-3.6.2.jar';

export type SmallKafka = ProvisionDeps & TrafficDeps & { store: ReturnType<typeof createArtifactStore>; root: string };

export async function smallKafkaDeps(): Promise<SmallKafka> {
  const root = mkdtempSync(join(tmpdir(), 'pw-env-'));
  const machine = thisMachine();
  const folders: Record<string, string> = {};
  for (const [name, spec] of Object.entries(LIBRARIES)) {
    folders[name] = (await resolveLibrary(spec, machine, () => undefined)).dir;
  }
  const store = createArtifactStore(join(root, 'artifacts'));
  return {
    root,
    dataDir: join(root, 'data'),
    cacheDir: machine.cacheDir,
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
    artifacts: store,
    store,
    async library(name) {
      const folder = folders[name];
      if (folder === undefined) throw new Error(`the test has no library ${name}`);
      return folder;
    },
  };
}

export function smallKafkaSettings(more: Record<string, unknown> = {}): KafkaEnvironmentSettings {
  const settings = environmentSchema.parse({
    system: 'kafka',
    provision: { combined: 3 },
    library: 'kafka-3.6.2',
    artifacts: { 'kafka-clients.jar': CLIENTS_JAR },
    initial: 'library',
    traffic: { recordsPerSecond: 120, trickle: 20 },
    ...more,
  });
  if (settings.system !== 'kafka') throw new Error('not a Kafka environment');
  return settings;
}

/** The stock clients jar, carrying another version and commit: what the broker then reports. */
export async function stampedClients(deps: SmallKafka, version: string, commitId: string): Promise<Artifact> {
  const folder = join(deps.root, `stamp-${commitId}`);
  mkdirSync(join(folder, 'kafka'), { recursive: true });
  copyFileSync(join(await deps.library('kafka-3.6.2'), CLIENTS_JAR), join(folder, CLIENTS_JAR));
  writeFileSync(join(folder, 'kafka', 'kafka-version.properties'), `commitId=${commitId}\nversion=${version}\n`);
  execFileSync('jar', ['uf', CLIENTS_JAR, 'kafka/kafka-version.properties'], { cwd: folder });
  return { name: 'kafka-clients.jar', ...(await deps.store.put({ file: join(folder, CLIENTS_JAR) })) };
}

/** Every process whose command line names this folder: who is left when nobody should be. */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandLine(pid).includes(folder));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    // It ended while we looked.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
