import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheDir as userCacheDir } from '../../config/env.ts';
import { type Progress, progressOnStderr } from '../../setup/progress.ts';
import { templateFiles } from './make-fork.ts';
import { run } from './run.ts';
import { readKafkaSources, SOURCE_MODULES } from './sources.ts';

const PACKAGE = ['-B', '-q', 'package'];

/**
 * Gets what the fork's build needs (plugins, dependencies, upstream's test jars) into the local Maven repository,
 * so that the build itself runs offline. Does so by building the same poms around one class a module: whatever
 * Maven resolves for the fork it resolves here. Where everything is there already this asks no network.
 * Throws where Maven cannot get a part, with what Maven said.
 */
export async function fetchBuildDependencies({ progress }: { progress: Progress }): Promise<'present' | 'fetched'> {
  const folder = mkdtempSync(join(tmpdir(), 'patchwright-kafka-build-'));
  try {
    writeSkeleton(folder);
    const present = await run('mvn', ['-o', ...PACKAGE], { cwd: folder }).then(
      () => true,
      () => false,
    );
    if (present) return 'present';
    progress('Kafka build', 'fetching plugins and dependencies with Maven');
    await run('mvn', PACKAGE, { cwd: folder });
    await run('mvn', ['-o', ...PACKAGE], { cwd: folder });
    return 'fetched';
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything that the example's fork needs from the network. */
export async function fetchExample({ cacheDir = userCacheDir(), progress }: { cacheDir?: string; progress: Progress }) {
  await readKafkaSources(cacheDir, progress);
  return fetchBuildDependencies({ progress });
}

function writeSkeleton(folder: string): void {
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  for (const { path, content } of templateFiles()) write(path, content);
  for (const { module } of SOURCE_MODULES) {
    write(`${module}/src/main/java/Probe.java`, 'class Probe {}\n');
    write(`${module}/src/test/java/ProbeTest.java`, 'class ProbeTest {}\n');
  }
}

if (import.meta.main) {
  const progress = progressOnStderr();
  progress('Kafka build', await fetchExample({ progress }));
}
