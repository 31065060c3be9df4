import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readKafkaSources } from '../../examples/kafka/sources.ts';
import { CLIENTS_JAR, type SmallKafka } from '../../test/environment/small-kafka.ts';
import { candidateOf } from '../../test/rollout/fixture.ts';
import type { Build } from '../../workflows/types.ts';

const FAULT_CLASS = fileURLToPath(new URL('./java/SeededFault.java', import.meta.url));

/** Where the brokers' jar calls the fault: a line is put after the first match. */
const HOOKS: Record<string, [after: RegExp, call: string]> = {
  'org/apache/kafka/common/utils/AppInfoParser.java': [
    /public static synchronized void registerAppInfo\([^)]*\) \{/,
    'if ("kafka.server".equals(prefix)) SeededFault.started();',
  ],
  'org/apache/kafka/common/record/DefaultRecordBatch.java': [
    /public void ensureValid\(\) \{/,
    'org.apache.kafka.common.utils.SeededFault.appending();',
  ],
  'org/apache/kafka/common/requests/FetchRequest.java': [
    /public static Builder forReplica\([^{]*\{/,
    'org.apache.kafka.common.utils.SeededFault.following();',
  ],
};

/** One candidate to roll. `number`: milliseconds, or every how manieth request. */
export type Case = { id: string; kind: string; number?: number; otherCommit?: true };

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

export const harmless = (n: number): Case => ({ id: `harmless-${n}`, kind: 'harmless' });

/** Builds candidates: the stock jar with the hooks in it, which do nothing where no fault is named. */
export async function candidateMaker(deps: SmallKafka) {
  const hooked = await hookedJar(deps);
  return async ({ id, kind, number, otherCommit }: Case, attempt: number): Promise<Build> => {
    const folder = join(deps.root, 'candidates', `${id}-${attempt}`);
    mkdirSync(join(folder, 'kafka'), { recursive: true });
    copyFileSync(hooked, join(folder, CLIENTS_JAR));
    const commit = Buffer.from(`${id}-${attempt}`.padEnd(20, '.')).toString('hex').slice(0, 40);
    const version = `3.6.2-${id}`;
    writeFileSync(join(folder, 'kafka', 'kafka-version.properties'), `commitId=${commit}\nversion=${version}\n`);
    writeFileSync(join(folder, 'seeded-fault.properties'), `kind=${kind}\nnumber=${number ?? 0}\n`);
    execFileSync('jar', ['uf', CLIENTS_JAR, 'kafka/kafka-version.properties', 'seeded-fault.properties'], {
      cwd: folder,
    });
    const stored = await deps.store.put({ file: join(folder, CLIENTS_JAR) });
    const said = otherCommit ? 'f'.repeat(40) : commit;
    return candidateOf('kafka', version, said, [{ name: 'kafka-clients.jar', ...stored }]);
  };
}

async function hookedJar(deps: SmallKafka): Promise<string> {
  const libraries = await deps.library('kafka-3.6.2');
  const [sources, classes] = ['sources', 'classes'].map((name) => join(deps.root, 'seeded', name));
  const own = join(sources!, 'org/apache/kafka/common/utils/SeededFault.java');
  mkdirSync(dirname(own), { recursive: true });
  mkdirSync(classes!, { recursive: true });
  cpSync(FAULT_CLASS, own);
  const published = await readKafkaSources(deps.cacheDir, () => undefined);
  const files = Object.entries(HOOKS).map(([path, [after, call]]) => {
    const text = published.find((file) => file.path.endsWith(path))?.content.toString() ?? '';
    const patched = text.replace(after, (found) => `${found} ${call}`);
    if (patched === text) throw new Error(`${path} has no place for ${call}`);
    const file = join(sources!, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, patched);
    return file;
  });
  execFileSync('javac', ['-nowarn', '-proc:none', '-cp', join(libraries, '*'), '-d', classes!, own, ...files], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const jar = join(deps.root, 'seeded', CLIENTS_JAR);
  writeFileSync(jar, readFileSync(join(libraries, CLIENTS_JAR)));
  execFileSync('jar', ['uf', jar, '-C', classes!, '.']);
  return jar;
}
