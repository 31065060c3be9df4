/**
 * What upstream publishes of one version: sources, the built jar, tests. Fetched by the same code that fetches the
 * libraries of a configuration, kept in the user's cache, and never part of this repository.
 */
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSettings } from '../../config/load.ts';
import { type LibrarySpec, resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import type { Progress } from '../../setup/progress.ts';
import { runToEnd } from '../../setup/run.ts';

const GROUP = 'org.apache.kafka';
const CLIENTS = `${GROUP}:kafka-clients`;
export const CONFIGURATION = fileURLToPath(new URL('../../patchwright.yaml', import.meta.url));

/** The Java files of kafka-clients by their path below the source folder (`org/apache/…`). */
export async function publishedSources(version: string, progress: Progress): Promise<ReadonlyMap<string, string>> {
  return javaFiles(`${CLIENTS}:${version}:sources`, progress);
}

/** The Java files of its published tests. */
export async function publishedTests(version: string, progress: Progress): Promise<ReadonlyMap<string, string>> {
  return javaFiles(`${CLIENTS}:${version}:test-sources`, progress);
}

/** The published jar and what one of its files is compiled against beside it. */
export async function stockJars(version: string, progress: Progress): Promise<string[]> {
  const spec = { coordinates: [`${CLIENTS}:${version}`], transitive: true };
  const { dir, jars } = await resolveLibrary(spec, thisMachine(), progress);
  return jars.filter(({ file }) => /^(kafka-clients|slf4j-api)-/.test(file)).map(({ file }) => join(dir, file));
}

/** Upstream's tests of one version as a library of a configuration: the example's own, of another version. */
export function testLibrary(version: string): LibrarySpec {
  const example = loadSettings(CONFIGURATION).libraries['kafka-tests'];
  if (example === undefined) throw new Error('patchwright.yaml has no library "kafka-tests"');
  const coordinates = example.coordinates.map((text) =>
    text.startsWith(`${GROUP}:`) ? text.replace(/:\d[^:]*/, `:${version}`) : text,
  );
  return { ...example, coordinates };
}

async function javaFiles(coordinates: string, progress: Progress): Promise<ReadonlyMap<string, string>> {
  const { dir, jars } = await resolveLibrary(
    { coordinates: [coordinates], transitive: false },
    thisMachine(),
    progress,
  );
  const jar = jars[0];
  if (jar === undefined) throw new Error(`${coordinates} is no jar`);
  const folder = await unpacked(join(dir, jar.file), jar.sha256);
  return new Map(
    globSync('**/*.java', { cwd: folder })
      .sort()
      .map((path) => [path, readFileSync(join(folder, path), 'utf8')]),
  );
}

/** Unpacked once for the same bytes, whole or not at all. */
async function unpacked(jar: string, sha256: string): Promise<string> {
  const machine = thisMachine();
  const folder = join(machine.cacheDir, 'unpacked', sha256);
  if (existsSync(folder)) return folder;
  mkdirSync(join(machine.cacheDir, 'unpacked'), { recursive: true });
  const fresh = mkdtempSync(join(machine.cacheDir, 'unpacked', 'new-'));
  try {
    await runToEnd('jar', ['xf', jar], { cwd: fresh, env: machine.env, what: `unpack ${jar}` });
    renameSync(fresh, folder);
  } catch (error) {
    // Somebody else was faster with the same bytes.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return folder;
}
