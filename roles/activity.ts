import { Client } from '@temporalio/client';
import { createAgentActivities } from '../activities/agent.ts';
import { createApprovalActivities } from '../activities/approvals.ts';
import { createBuildActivities } from '../activities/build.ts';
import { createCheckActivities } from '../activities/checks.ts';
import { createEnvironmentRequestActivities } from '../activities/environment-request.ts';
import { createEnvironmentUpActivities } from '../activities/environment-up.ts';
import { createFinaliseActivities } from '../activities/finalise.ts';
import { brokenPartitions, environmentTargets, laidOutDriver } from '../activities/fixes/environments.ts';
import { createGitChanges, type GitFixDeps } from '../activities/fixes/git-change.ts';
import { kafkaConfigKind } from '../activities/fixes/kafka-config.ts';
import type { FixKind } from '../activities/fixes/kind.ts';
import { createLooks } from '../activities/fixes/looks.ts';
import { repositoryKind } from '../activities/fixes/repository.ts';
import { stackPatchKind } from '../activities/fixes/stack-patch.ts';
import { heldBy, startFix } from '../activities/fixes/temporal.ts';
import { createFixActivities, whyNoFix } from '../activities/fixes.ts';
import { createGitActivities } from '../activities/git.ts';
import { createKnowledgeActivities, type KnowledgeActivities } from '../activities/knowledge.ts';
import { createMemoryActivities, createRecall, type MemoryDeps } from '../activities/memory.ts';
import { createPagingActivities } from '../activities/paging.ts';
import { createPublishActivities } from '../activities/publish.ts';
import { createRehearsalActivities } from '../activities/rehearsal.ts';
import { createRecordActivities } from '../activities/release-records.ts';
import { createRepairActivities } from '../activities/repair.ts';
import { createReversibilityActivities } from '../activities/reversibility.ts';
import { createRolloutActivities } from '../activities/rollout.ts';
import { plannedUse } from '../activities/sandbox/for-fork.ts';
import { createSettingsReader } from '../activities/settings.ts';
import { createStoryActivities } from '../activities/story.ts';
import { createTicketActivities } from '../activities/tickets.ts';
import { allowedEnvironment, cacheDir, GIT_ENVIRONMENT, HOST_ENVIRONMENT, readSecret } from '../config/env.ts';
import { run } from '../lib/run.ts';
import { releaseOfRef } from '../store/releases.ts';

import { dataConverter, libraryDir, type Parts, type Sandboxes, slackOf, wakeThread } from './parts.ts';

/** With the settings of now: who may read what is not a release's matter. */
export function createKnowledge({ settings, dataDir, db }: Parts): KnowledgeActivities {
  return createKnowledgeActivities({
    ...{ settings, dataDir, db, run, readSecret },
    environment: allowedEnvironment(GIT_ENVIRONMENT),
  });
}

/** Everything that a release needs, but running tests. */
export function createActivities(
  { settings, connection, temporal, db, dataDir, artifacts }: Parts,
  { found, sandboxOf }: Sandboxes,
  knowledge: KnowledgeActivities,
): object {
  const reader = createSettingsReader(db);
  const client = new Client({ connection, namespace: temporal.namespace, dataConverter });
  const gitEnvironment = allowedEnvironment(GIT_ENVIRONMENT);
  const places = {
    db,
    dataDir,
    cacheDir: cacheDir(),
    artifacts,
    settings: reader,
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
    library: libraryDir,
  };
  const builds = { ...places, run, allowedEnvironment, gitEnvironment, sandboxOf };
  const git = { run, environment: gitEnvironment, dataDir, settings: reader };
  const sandboxed = { ...git, artifacts, sandboxOf, allowedEnvironment };
  const kinds = [
    repositoryKind(sandboxed),
    stackPatchKind({ ...sandboxed, releaseOf: (fork, ref) => releaseOfRef(db, fork, ref) }),
    kafkaConfigKind({
      targetsOf: environmentTargets(places),
      lookAt: brokenPartitions(places),
      heldBy: heldBy(client),
    }),
  ] as FixKind[];
  const memory = { db, settings: reader, within: withinCode(sandboxed), ...slackOf(settings) };
  const looks = createLooks({ db, knowledge, driverOf: laidOutDriver(places) });
  return {
    ...createRecordActivities({
      db,
      settings: reader,
      sandboxUse: (fork) => plannedUse(found, fork),
    }),
    ...createGitActivities({ run, environment: gitEnvironment, db, dataDir, settings: reader }),
    ...createBuildActivities(builds),
    ...createCheckActivities(builds),
    ...createStoryActivities({ db, ...slackOf(settings), wakeThread: wakeThread(client) }),
    ...createTicketActivities({
      ...{ db, settings: reader, ...slackOf(settings), wakeThread: wakeThread(client) },
      ...(settings.knowledge.sources.length > 0 && { knowledge }),
      recall: createRecall(memory),
      handOff: startFix(client),
      whyNoFix: whyNoFix(kinds),
    }),
    ...createFixActivities({ ...sandboxed, db, kinds, wakeThread: wakeThread(client) }),
    ...createMemoryActivities(memory),
    ...createEnvironmentRequestActivities({ temporal: client, db, settings: reader }),
    ...createApprovalActivities({ db, settings: reader, ...slackOf(settings), wakeThread: wakeThread(client) }),
    ...createAgentActivities({ ...sandboxed, db, investigating: { kinds, looks } }),
    ...createRepairActivities({ ...git, artifacts }),
    ...createPagingActivities({ db, settings: reader }),
    ...createReversibilityActivities({ run, environment: gitEnvironment, db, dataDir, settings: reader }),
    ...createEnvironmentUpActivities(places),
    ...createRolloutActivities(places),
    ...createFinaliseActivities(places),
    ...createRehearsalActivities(places),
    ...createPublishActivities({ ...places, readSecret }),
  };
}

/** Reads a fork's or repository's files in our clone of it. */
function withinCode(deps: GitFixDeps): MemoryDeps['within'] {
  const { within } = createGitChanges(deps);
  return (settings, name, work) =>
    within({ settings, digest: '', ticket: '', fix: '', run: '' }, name, (git) => work(git));
}
