/** What the roles of a worker are made of. Only worker.ts and what is here builds clients. */
import { homedir } from 'node:os';
import type { Client } from '@temporalio/client';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { beatMeanwhile } from '../activities/heartbeat.ts';
import { createSandboxOf, type SandboxOf } from '../activities/sandbox/for-fork.ts';
import { openSandbox, refusalText } from '../activities/sandbox/open.ts';
import { sweepSandboxes } from '../activities/sandbox/sweep.ts';
import type { SandboxOn, SandboxRefused } from '../activities/sandbox/types.ts';
import type { SlackConnection } from '../activities/slack.ts';
import { allowedEnvironment, GIT_ENVIRONMENT, readSecret, type TemporalSettings } from '../config/env.ts';
import type { Settings } from '../config/schema.ts';
import { logger } from '../lib/log.ts';
import { redactingCodec } from '../lib/payload-redaction.ts';
import { run } from '../lib/run.ts';
import { resolveLibrary } from '../setup/libraries.ts';
import { thisMachine } from '../setup/machine.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';

export const ROLES = ['workflow', 'activity', 'suite', 'agent', 'inbound'] as const;

export type Role = (typeof ROLES)[number];

export type Parts = {
  role: Role;
  /** Those of the start. */
  settings: Settings;
  /** Those of now: who somebody is, and what he may do. */
  present: () => Settings;
  connection: NativeConnection;
  temporal: TemporalSettings;
  db: Db;
  dataDir: string;
  artifacts: ArtifactStore;
  /** Called when the workers have ended. */
  onEnd: (stop: () => void) => void;
};

/** No secret of this process stands in a history, whatever text would bring it there. */
export const dataConverter = { payloadCodecs: [redactingCodec()] };

/** What every worker of ours has in common. A completed step is reported even while it shuts down. */
export function common({ connection, temporal }: Parts) {
  return {
    connection,
    namespace: temporal.namespace,
    dataConverter,
    shutdownGraceTime: '3s',
    // Cancellations and lost workers are noticed within seconds, not within the default half minute.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '2s',
    interceptors: { activity: [beatMeanwhile] },
  } satisfies Partial<WorkerOptions>;
}

/** A worker of Temporal, or whatever else serves until it is told to stop. */
export type Serving = { run: () => Promise<void> };

export type Sandboxes = { found: SandboxOn | SandboxRefused; sandboxOf: SandboxOf };

/**
 * The sandbox, once, by running it, and what crashes left of earlier ones removed. Where it is refused, what
 * needs it does not run and says so; everything else does.
 */
export async function openSandboxes(dataDir: string): Promise<Sandboxes> {
  const found = await openSandbox({ dataDir });
  if (found.kind === 'refused') logger('worker').warn(refusalText(found));
  await sweepSandboxes(dataDir);
  const env = allowedEnvironment(['PATH', 'JAVA_HOME']);
  return { found, sandboxOf: createSandboxOf(found, { dataDir, home: homedir(), env }) };
}

export const gitTools = () => ({ run, environment: allowedEnvironment(GIT_ENVIRONMENT) });

export function libraryOf(settings: Settings, name: string) {
  const found = settings.libraries[name];
  if (found !== undefined) return found;
  throw new Error(
    `no library "${name}" is configured; there are: ${Object.keys(settings.libraries).join(', ') || 'none'}`,
  );
}

export async function libraryDir(settings: Settings, name: string): Promise<string> {
  return (await resolveLibrary(libraryOf(settings, name), thisMachine(), logProgress)).dir;
}

export function logProgress(step: string, detail: string): void {
  logger('setup').info({ step }, detail);
}

/** Without a token the same thread is in the store, and the terminal shows it. */
export function slackOf({ announcements }: Settings): { slack?: SlackConnection & { channel: string } } {
  const { slack } = announcements;
  if (slack === undefined) return {};
  const token = readSecret(slack.token, 'announcements.slack.token');
  return { slack: { token, channel: slack.channel, ...(slack.apiUrl === undefined ? {} : { apiUrl: slack.apiUrl }) } };
}

export function wakeThread(client: Client) {
  return async (release: string): Promise<void> => {
    await client.workflow.signalWithStart('thread', {
      workflowId: `thread:${release}`,
      taskQueue: 'patchwright',
      args: [{ release }],
      signal: 'told',
    });
  };
}
