import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readKafkaSources } from '../../examples/kafka/sources.ts';
import { CLIENTS_JAR, type SmallKafka } from '../../test/environment/small-kafka.ts';
import { candidateOf } from '../../test/rollout/fixture.ts';
import type { Artifact, Build } from '../../workflows/types.ts';
import { CLIENTS, SERVER_COMMON, SERVER_COMMON_JAR } from './environments.ts';

const FAULT = 'org/apache/kafka/common/utils/SeededFault.java';
const FAULT_CLASS = fileURLToPath(new URL('./java/SeededFault.java', import.meta.url));

/** Where the brokers' jar calls the fault: a line is put after the first match. */
const HOOKS: Record<string, [after: RegExp, call: string]> = {
  'org/apache/kafka/common/utils/AppInfoParser.java': [
    /public static synchronized void registerAppInfo\([^)]*\) \{/,
    'if ("kafka.server".equals(prefix)) SeededFault.started();',
  ],
  'org/apache/kafka/common/record/DefaultRecordBatch.java': [
    /public boolean isValid\(\) \{/,
    'org.apache.kafka.common.utils.SeededFault.appending();',
  ],
  'org/apache/kafka/common/requests/FetchRequest.java': [
    // Followers make it by this constructor, and not by `forReplica`; clients, who have no id of a replica, as well.
    /super\(ApiKeys\.FETCH, minVersion, maxVersion\);/,
    'if (replicaId >= 0) org.apache.kafka.common.utils.SeededFault.following();',
  ],
};

/** One candidate to roll. `number`: milliseconds, or every how manieth request. */
export type Case = {
  id: string;
  kind: string;
  number?: number;
  otherCommit?: true;
  /** What the candidate is a version of; 3.6.2 is what its jars are of. */
  version?: string;
};

/** Twice ten kinds, each in two sizes; the sizes are not those that any default was chosen by. */
export const FAULTS: Case[] = [
  ['crash-on-start', 0, 0],
  ['crash-later', 14_000, 22_000],
  ['hangs', 13_000, 20_000],
  ['metrics-gone', 12_000, 20_000],
  ['leak', 8_000, 14_000],
  ['refuses-to-stop', 13_000, 20_000],
  ['slow-appends', 1_500, 4_000],
  ['produce-errors', 3, 6],
  ['slow-follower', 12_000, 20_000],
  ['never-rejoins', 0, 0],
].flatMap(([kind, ...numbers]) =>
  numbers.map((number, index): Case => ({ id: `${kind}-${index + 1}`, kind: String(kind), number: Number(number) })),
);
FAULTS.push({ id: 'wrong-version-1', kind: 'wrong-version', otherCommit: true });

/** What a node prints when its fault acts for the first time: a seed that nothing calls proves nothing. */
export const actsWords = (id: string) => `seeded fault ${id} acts`;

export const harmless = (n: number): Case => ({ id: `harmless-${n}`, kind: 'harmless' });

/** Builds candidates: the stock jar with the hooks in it, which do nothing where no fault is named. */
export async function candidateMaker(deps: SmallKafka) {
  const hooked = await hookedJar(deps);
  // As published; only where the environment asks for it is it installed.
  const published = join(await deps.library('kafka-3.6.2'), SERVER_COMMON_JAR);
  const common = { name: SERVER_COMMON, ...(await deps.store.put({ file: published })) };
  return async ({ id, kind, number, otherCommit, version: of = '3.6.2' }: Case, attempt: number): Promise<Build> => {
    const folder = join(deps.root, 'candidates', `${id}-${attempt}`);
    mkdirSync(join(folder, 'kafka'), { recursive: true });
    copyFileSync(hooked, join(folder, CLIENTS_JAR));
    const commit = Buffer.from(`${id}-${attempt}`.padEnd(20, '.')).toString('hex').slice(0, 40);
    const version = `${of}-${id}`;
    writeFileSync(join(folder, 'kafka', 'kafka-version.properties'), `commitId=${commit}\nversion=${version}\n`);
    writeFileSync(join(folder, 'seeded-fault.properties'), `id=${id}\nkind=${kind}\nnumber=${number ?? 0}\n`);
    execFileSync('jar', ['uf', CLIENTS_JAR, 'kafka/kafka-version.properties', 'seeded-fault.properties'], {
      cwd: folder,
    });
    const stored = await deps.store.put({ file: join(folder, CLIENTS_JAR) });
    const said = otherCommit ? 'f'.repeat(40) : commit;
    return candidateOf('kafka', version, said, [{ name: CLIENTS, ...stored }, common]);
  };
}

async function hookedJar(deps: SmallKafka): Promise<string> {
  const hooks = Object.entries(HOOKS).map(
    ([path, [after, call]]): Patch => [path, after, (found) => `${found} ${call}`],
  );
  return patchedJar(deps, { jar: CLIENTS_JAR, patches: hooks, more: { [FAULT]: readFileSync(FAULT_CLASS) } });
}

/** Knows no `metadata.version` above 3.6-IV1: the artifact of before, as K17 means it. */
export async function olderServerCommon(deps: SmallKafka): Promise<Artifact> {
  const path = 'org/apache/kafka/server/common/MetadataVersion.java';
  const patches: Patch[] = [
    [
      path,
      /Arrays\.copyOf\(enumValues, enumValues\.length\)/,
      () => 'Arrays.copyOf(enumValues, enumValues.length - 1)',
    ],
    [path, /for \(MetadataVersion metadataVersion: MetadataVersion\.values\(\)\)/, () => OLDER],
  ];
  const file = await patchedJar(deps, { jar: SERVER_COMMON_JAR, patches });
  return { name: SERVER_COMMON, ...(await deps.store.put({ file })) };
}

const OLDER = 'for (MetadataVersion metadataVersion: VERSIONS)';

/** A source file, a place in it, and what is to stand there. */
type Patch = [path: string, place: RegExp, instead: (found: string) => string];

/** One of the library's jars with some of its classes compiled anew, from the published sources. */
async function patchedJar(
  deps: SmallKafka,
  { jar, patches, more = {} }: { jar: string; patches: Patch[]; more?: Record<string, Buffer> },
): Promise<string> {
  const libraries = await deps.library('kafka-3.6.2');
  const work = join(deps.root, 'patched', jar);
  const [sources, classes] = ['sources', 'classes'].map((name) => join(work, name));
  mkdirSync(classes!, { recursive: true });
  const texts = new Map<string, string | Buffer>(Object.entries(more));
  const published = await readKafkaSources(deps.cacheDir, () => undefined);
  for (const [path, place, instead] of patches) {
    const text = String(texts.get(path) ?? published.find((file) => file.path.endsWith(path))?.content ?? '');
    const patched = text.replace(place, instead);
    if (patched === text) throw new Error(`${path} has no place like ${place}`);
    texts.set(path, patched);
  }
  const files = [...texts].map(([path, text]) => {
    const file = join(sources!, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  });
  execFileSync('javac', ['-nowarn', '-proc:none', '-cp', join(libraries, '*'), '-d', classes!, ...files], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const made = join(work, jar);
  writeFileSync(made, readFileSync(join(libraries, jar)));
  execFileSync('jar', ['uf', made, '-C', classes!, '.']);
  return made;
}
