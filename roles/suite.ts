import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { testUsersIn } from '../activities/agent/test-sources.ts';
import { collectRunFolders, hourly } from '../activities/retention.ts';
import { createSettingsReader } from '../activities/settings.ts';
import { createSuiteRunnerActivities, hostIdentity, joinHosts, queueOf } from '../activities/suite-runner.ts';
import { requireRuleOfTwo } from '../activities/touches.ts';
import { allowedEnvironment, cacheDir } from '../config/env.ts';
import { createBlobReader } from '../git/blobs.ts';
import { checkoutFiles, ensureCommit } from '../git/clone.ts';
import { redact } from '../lib/redact.ts';
import { resolveLibrary } from '../setup/libraries.ts';
import { thisMachine } from '../setup/machine.ts';

import { common, gitTools, libraryOf, logProgress, openSandboxes, type Parts } from './parts.ts';

/** A host's own queue has as many slots as it can really run at once; the shared one only hands out hosts. */
export async function createSuiteWorkers(parts: Parts): Promise<Worker[]> {
  const { db, dataDir, settings, artifacts } = parts;
  const { sandboxOf } = await openSandboxes(dataDir);
  const slots = settings.slots ?? availableParallelism();
  const hostId = hostIdentity(dataDir);
  const tools = gitTools();
  const blobs = createBlobReader(tools);
  const activities = requireRuleOfTwo(
    createSuiteRunnerActivities({
      db,
      dataDir,
      cacheDir: cacheDir(),
      hostId,
      slots,
      sandboxOf,
      settings: createSettingsReader(db),
      artifacts,
      libraryJars: async (name, found) => {
        const library = await resolveLibrary(libraryOf(found, name), thisMachine(), logProgress);
        return library.jars.map(({ file }) => join(library.dir, file));
      },
      checkout: async (source, dir, found) => {
        const mirror = join(dataDir, 'git', `${source.fork}.git`);
        const repository = found.forks[source.fork]?.repository;
        if (repository !== undefined) await ensureCommit(tools, mirror, repository, source.commit);
        await checkoutFiles(tools, mirror, source.commit, dir);
      },
      testUsers: async ({ fork, commit }, before, touched, found) => {
        const mirror = join(dataDir, 'git', `${fork}.git`);
        const repository = found.forks[fork]?.repository;
        // It may have been built and run on other hosts alone.
        if (repository !== undefined)
          for (const one of [commit, before]) await ensureCommit(tools, mirror, repository, one);
        return testUsersIn({ ...tools, blobs }, mirror, { treeish: commit, before, touched });
      },
      environment: allowedEnvironment,
      redact,
    }),
  );
  const queues = [
    { taskQueue: 'patchwright-suite' },
    // Twice the slots: when a suite's history begins anew, each slot is followed by two for some seconds.
    { taskQueue: queueOf(hostId), maxConcurrentActivityTaskExecutions: 2 * slots + 2 },
  ];
  const workers = await Promise.all(queues.map((queue) => Worker.create({ ...common(parts), ...queue, activities })));
  parts.onEnd(await joinHosts({ db, hostId, slots }));
  parts.onEnd(hourly('folders of suite runs', () => collectRunFolders({ ...parts, retention: settings.retention })));
  return workers;
}
