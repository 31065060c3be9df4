import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readKafkaSources } from '../../examples/kafka/sources.ts';
import type { Build } from '../../workflows/types.ts';
import type { SmallKafka } from '../environment/small-kafka.ts';
import { candidateOf } from '../rollout/fixture.ts';

export const SERVER_COMMON = 'kafka-server-common-3.6.2.jar';
const CHECKPOINT = 'org/apache/kafka/server/common/CheckpointFile.java';

/** The library's jar with one class of Kafka's published sources changed, as a candidate. */
async function candidate(deps: SmallKafka, name: string, change: (source: string) => string): Promise<Build> {
  const library = await deps.library('kafka-3.6.2');
  const folder = join(deps.root, name);
  const source = join(folder, 'sources', CHECKPOINT);
  const classes = join(folder, 'classes');
  mkdirSync(dirname(source), { recursive: true });
  mkdirSync(classes, { recursive: true });
  const published = await readKafkaSources(deps.cacheDir, () => undefined);
  const text = published.find(({ path }) => path.endsWith(CHECKPOINT))?.content.toString() ?? '';
  const changed = change(text);
  if (changed === text) throw new Error(`${CHECKPOINT} is not as it was: nothing was changed for ${name}`);
  writeFileSync(source, changed);
  const flags = ['-nowarn', '-proc:none', '-cp', join(library, '*'), '-d', classes, source];
  execFileSync('javac', flags, { stdio: ['ignore', 'ignore', 'inherit'] });
  const jar = join(folder, SERVER_COMMON);
  copyFileSync(join(library, SERVER_COMMON), jar);
  execFileSync('jar', ['uf', jar, '-C', classes, '.']);
  const stored = await deps.store.put({ file: jar });
  return candidateOf('shop', `3.6.2-${name}`, name.padEnd(40, '0'), [{ name: 'server-common.jar', ...stored }]);
}

/** Another word in an error that nobody sees. */
export const harmless = (deps: SmallKafka) =>
  candidate(deps, 'harmless', (source) => source.replace('Unrecognised version', 'Unknown version'));

/** Writes every checkpoint in a newer version, and reads both: what ran before knows the older one alone. */
export const newerCheckpoints = (deps: SmallKafka) =>
  candidate(deps, 'newer-checkpoints', (source) =>
    source
      .replace('Integer.toString(version)', 'Integer.toString(version + 1)')
      .replace('if (readVersion != version) {', 'if (readVersion != version && readVersion != version + 1) {'),
  );
