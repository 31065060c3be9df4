/**
 * A fork of kafka-clients that builds in two seconds: its repository holds the published sources, and beside them the
 * published jar, into which the build puts what differs from them. Made anew for each run, below a folder that is
 * removed afterwards.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Progress } from '../../setup/progress.ts';
import { makeRepository, patchMessage } from '../../test/release/repository.ts';
import { publishedSources, stockJars, testLibrary } from './published.ts';

/** One commit of a stack. `files`: paths below the source folder with their new text. */
export type ProofPatch = { subject: string; files: Record<string, string> };

export type ProofFork = {
  name: string;
  version: string;
  sources: ReadonlyMap<string, string>;
  /** Puts a stack on the base as a branch of its own. Returns its commits, oldest first. */
  push(branch: string, stack: readonly ProofPatch[]): string[];
};

const SOURCES = 'src';

/**
 * What differs from the base is compiled against the published jar, and put into a copy of it. The base itself goes
 * through the same steps. Names, not times: the same commit makes the same bytes.
 */
const BUILD = `set -e
export LC_ALL=C
rm -rf out && mkdir -p out/classes
cp lib/kafka-clients-*.jar out/kafka-clients.jar
chmod u+w out/kafka-clients.jar
find ${SOURCES} -name '*.java' | sort | xargs sha256sum | sort > out/now.sha256
comm -13 base.sha256 out/now.sha256 | sed 's/^[0-9a-f]*  //' > out/changed
if [ -s out/changed ]; then
  javac -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -nowarn -encoding UTF-8 --release 8 -d out/classes \\
    -cp "$(echo lib/*.jar | tr ' ' ':')" @out/changed 2> out/javac.log || { cat out/javac.log >&2; exit 1; }
  jar -J-XX:TieredStopAtLevel=1 --update --date=2026-01-01T00:00:00Z --file out/kafka-clients.jar -C out/classes .
fi
`;

export async function makeProofFork(
  folder: string,
  { name, version, progress }: { name: string; version: string; progress: Progress },
): Promise<ProofFork> {
  const sources = await publishedSources(version, progress);
  const dir = join(folder, name);
  const repository = makeRepository(dir);
  mkdirSync(join(dir, 'lib'), { recursive: true });
  for (const jar of await stockJars(version, progress)) cpSync(jar, join(dir, 'lib', basename(jar)));
  const lines: string[] = [];
  for (const [path, text] of sources) {
    write(join(dir, SOURCES, path), text);
    lines.push(`${createHash('sha256').update(text).digest('hex')}  ${SOURCES}/${path}\n`);
  }
  repository.commit({ 'base.sha256': lines.sort().join(''), 'build.sh': BUILD }, `Import ${version}`);
  return {
    name,
    version,
    sources,
    push(branch, stack) {
      repository.git('checkout', '--quiet', '--force', '-B', branch, 'upstream');
      return stack.map(({ subject, files }) =>
        repository.commit(
          Object.fromEntries(Object.entries(files).map(([path, text]) => [`${SOURCES}/${path}`, text])),
          patchMessage(subject),
        ),
      );
    },
  };
}

/** Gone with everything in it. */
export const removeFork = (folder: string) => rmSync(folder, { recursive: true, force: true });

export type ProofSuite = {
  include: string[];
  exclude?: string[];
  limits?: object;
  reruns?: object;
  jvm?: string[];
  slots?: number;
};

/** The fork's part of a configuration: a build, and upstream's tests of the same version. */
export function forkSettings(folder: string, { name, version }: { name: string; version: string }, suite: ProofSuite) {
  const library = `tests-${version}`;
  return {
    fork: {
      repository: join(folder, name),
      base: 'upstream',
      baseVersion: version,
      build: {
        command: ['sh', 'build.sh'],
        artifacts: [{ name: 'kafka-clients.jar', path: 'out/kafka-clients.jar' }],
        toolchain: [['javac', '-version']],
      },
      suites: {
        upstream: {
          runner: 'junit-platform',
          classpath: [{ artifact: 'kafka-clients.jar' }, { library }],
          scan: [{ library, jar: `kafka-clients-${version}-test.jar` }],
          ...suite,
        },
      },
      release: { suites: ['upstream'], environments: [] },
    },
    library: { [library]: testLibrary(version) },
  };
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
