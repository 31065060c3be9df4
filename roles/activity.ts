import { Client } from '@temporalio/client';
import { createAgentActivities } from '../activities/agent.ts';
import { createApprovalActivities } from '../activities/approvals.ts';
import { createBuildActivities } from '../activities/build.ts';
import { createCheckActivities } from '../activities/checks.ts';
import { createEnvironmentRequestActivities } from '../activities/environment-request.ts';
import { createEnvironmentUpActivities } from '../activities/environment-up.ts';
import { createFinaliseActivities } from '../activities/finalise.ts';
import { brokenPartitions, environmentTargets, laidOutDriver, ownValue } from '../activities/fixes/environments.ts';
import { createGitChanges, type GitFixDeps } from '../activities/fixes/git-change.ts';
import { kafkaConfigKind } from '../activities/fixes/kafka-config.ts';
import type { FixKind } from '../activities/fixes/kind.ts';
import { createLooks } from '../activities/fixes/looks.ts';
import { repositoryKind } from '../activities/fixes/repository.ts';
import { stackPatchKind } from '../activities/fixes/stack-patch.ts';
import { heldBy, startFix } from '../activities/fixes/temporal.ts';
import { createFixActivities, whyNoFix } from '../activities/fixes.ts';
import { createGitActivities } from '../activities/git.ts';
import { createLiveStatus } from '../activities/health/live-status.ts';
import { createKnowledgeActivities, type KnowledgeActivities } from '../activities/knowledge.ts';
import { createMemoryActivities, createRecall, createRecallAboutCode, type MemoryDeps } from '../activities/memory.ts';
import { createPagingActivities } from '../activities/paging.ts';
import { createPublishActivities } from '../activities/publish.ts';
import { createRehearsalActivities } from '../activities/rehearsal.ts';
import { createRecordActivities } from '../activities/release-records.ts';
import { createRepairActivities } from '../activities/repair.ts';
import { createReversibilityActivities } from '../activities/reversibility.ts';
import { createRolloutActivities } from '../activities/rollout.ts';
import { plannedUse } from '../activities/sandbox/for-fork.ts';
import { createSettingsReader } from '../activities/settings.ts';
import { createSlack } from '../activities/slack.ts';
import { createStoryActivities } from '../activities/story.ts';
import { createTicketPeople } from '../activities/ticket/people.ts';
import { createTicketActivities } from '../activities/tickets.ts';
import { createWaiverActivities } from '../activities/verdict-waiver.ts';
import { allowedEnvironment, cacheDir, GIT_ENVIRONMENT, HOST_ENVIRONMENT, readSecret } from '../config/env.ts';
import { withPresentPeople } from '../config/present.ts';
import { run } from '../lib/run.ts';
import { releaseOfRef } from '../store/releases.ts';
import type { Digest } from '../workflows/types.ts';

import { dataConverter, libraryDir, type Parts, type Sandboxes, slackOf, wakeThread } from './parts.ts';

/** With the settings of now: who may read what is not a release's matter. */
export function createKnowledge({ settings, present, dataDir, db }: Parts): KnowledgeActivities {
  const { slack } = slackOf(settings);
  const people = createTicketPeople(db, slack && createSlack(slack));
  return createKnowledgeActivities({
    ...{ settings, dataDir, db, run, readSecret, groups: () => present().groups },
    membersOf: (room) => people.readersOf(room, withPresentPeople(settings, present())),
    environment: allowedEnvironment(GIT_ENVIRONMENT),
  });
}

/** Everything that a release needs, but running tests. */
export function createActivities(
  { settings, present, connection, temporal, db, dataDir, artifacts }: Parts,
  { found, sandboxOf }: Sandboxes,
  knowledge: KnowledgeActivities,
): object {
  const reader = createSettingsReader(db);
  // Who somebody is and what he may do is never of yesterday.
  const ofNow = async (digest: Digest) => withPresentPeople(await reader(digest), present());
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
      artifacts,
      targetsOf: environmentTargets(places),
      lookAt: brokenPartitions(places),
      heldBy: heldBy(client),
    }),
  ] as FixKind[];
  const memory = {
    ...{ db, settings: reader, within: withinCode(sandboxed), ownValueOf: ownValue(places) },
    ...{ ...slackOf(settings), wakeThread: wakeThread(client) },
  };
  const status = createLiveStatus({ db, driverOf: laidOutDriver(places) });
  const looks = createLooks({ db, artifacts, knowledge, status });
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
      ...{ db, settings: ofNow, ...slackOf(settings), wakeThread: wakeThread(client) },
      ...(settings.knowledge.sources.length > 0 && { knowledge }),
      recall: createRecall(memory),
      handOff: startFix(client),
      whyNoFix: whyNoFix(kinds),
    }),
    ...createFixActivities({ ...sandboxed, db, kinds, wakeThread: wakeThread(client) }),
    ...createMemoryActivities(memory),
    ...createEnvironmentRequestActivities({ temporal: client, db, settings: reader }),
    ...createApprovalActivities({ db, settings: reader, ...slackOf(settings), wakeThread: wakeThread(client) }),
    ...createAgentActivities({
      ...{ ...sandboxed, db, status, wakeThread: wakeThread(client) },
      investigating: { kinds, looks },
      recall: createRecallAboutCode(memory),
    }),
    ...createRepairActivities({ ...git, artifacts }),
    ...createPagingActivities({ db, settings: reader }),
    ...createWaiverActivities({ db, artifacts, settings: reader }),
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
