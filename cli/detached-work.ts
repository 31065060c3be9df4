import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stopAllRunners } from '../activities/suite-runner.ts';
import { findDetached, stopDetached } from '../lib/detached.ts';

const BUILD_GRACE_MS = 2_000;

/**
 * Ends what outlives a worker but not `up`: suite runners with their current units, and builds. Clusters and
 * their traffic go on (design, *Processes that outlive a worker*); what was ended here is begun again the
 * next time, and nothing that had finished.
 */
export async function endDetachedWork(dataDir: string): Promise<void> {
  const builds = join(dataDir, 'builds');
  const running = existsSync(builds) ? findDetached(builds) : [];
  await Promise.all([
    stopAllRunners(dataDir),
    ...running.map((dir) => stopDetached(dir, { signal: 'SIGTERM', graceMs: BUILD_GRACE_MS })),
  ]);
}
