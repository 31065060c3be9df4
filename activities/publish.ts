import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretRef } from '../config/env.ts';
import type { PublishSettings } from '../config/publish.ts';
import type { Settings } from '../config/schema.ts';
import { bakeOf } from '../decisions/finalise.ts';
import { redact } from '../lib/redact.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';
import { runEffect } from '../store/journal.ts';
import { promotedRollout } from '../store/promoted-rollout.ts';
import { artifactOfRelease, outcomeOfRelease } from '../store/publications.ts';
import type { PublicationLook, PublicationOrder } from '../workflows/publication-types.ts';
import type { Artifact, Digest } from '../workflows/types.ts';
import { permanent } from './failures.ts';
import { commandPublisher } from './publish/by-command.ts';
import type { Published, Publisher } from './publish/publisher.ts';
import { mavenPublisher } from './publish/to-maven.ts';
import { gateSettingsOf } from './rollout/gate-settings.ts';

export type PublishDeps = {
  db: Db;
  dataDir: string;
  artifacts: ArtifactStore;
  settings: (digest: Digest) => Promise<Settings>;
  hostEnv: Readonly<Record<string, string>>;
  readSecret: (ref: SecretRef, what: string) => string;
};

/** A release has said its last word a moment after this is asked for. */
const LAST_WORD_MS = 2_000;
const WATCH_LOOK_MS = 15_000;

/** Longer than an attempt may last (workflows/publication.ts). */
const OLD_COPY_MS = 86_400_000;
const COPY = 'copy-';

type One = Omit<PublicationOrder, 'artifacts' | 'environments'> & { artifact: Artifact };

export function createPublishActivities(deps: PublishDeps) {
  return {
    /** Whether a finished release of this fork is published anywhere. Reads only. */
    async publishes({ fork, settings }: { fork: string; settings: Digest }): Promise<boolean> {
      return (await deps.settings(settings)).forks[fork]?.release.publish !== undefined;
    },

    /** Whether it may be published now, and what of it. Reads only: safe to repeat. */
    async lookToPublish(order: PublicationOrder): Promise<PublicationLook> {
      const settings = await deps.settings(order.settings);
      const publish = settings.forks[order.fork]?.release.publish;
      if (publish === undefined) return { kind: 'not', reason: `${order.fork} is published nowhere` };
      const outcome = await outcomeOfRelease(deps.db, order.release);
      if (!outcome) return { kind: 'wait', ms: LAST_WORD_MS };
      if (outcome.kind !== 'released') return { kind: 'not', reason: `${order.release} is ${outcome.kind}` };
      const open = publish.after === 'watch' ? await watched(deps, settings, order) : 'passed';
      if (open === 'running') return { kind: 'wait', ms: WATCH_LOOK_MS };
      if (open === 'failed') return { kind: 'not', reason: `a watch of ${order.release} failed` };
      const names = publisherOf(deps, publish, order.release).takes(order.artifacts.map(({ name }) => name));
      return { kind: 'go', artifacts: order.artifacts.filter(({ name }) => names.includes(name)) };
    },

    /**
     * Publishes one artifact, once. Journaled: after a crash in the middle what is published is read back by its
     * digest, and only what is not there is done. Safe to repeat.
     */
    async publishArtifact(order: One): Promise<Published> {
      const { release, artifact, version, commit } = order;
      const publish = (await deps.settings(order.settings)).forks[order.fork]?.release.publish;
      if (publish === undefined) throw permanent('BadConfiguration', `${order.fork} is published nowhere any more`);
      const publisher = publisherOf(deps, publish, release);
      const item = { artifact, version, commit, release };
      // Another place is another effect: what is done there says nothing of here.
      const destination = createHash('sha256').update(publisher.destination(item)).digest('hex').slice(0, 12);
      const intent = { artifact: artifact.name, sha256: artifact.sha256, version, destination };
      return runEffect(
        deps.db,
        { key: `${release}/publish/${artifact.name}/${destination}`, kind: 'publish', release, intent },
        {
          readBack: () => publisher.find(item),
          perform: () => withCopy(deps, artifact, (file) => publisher.publish(item, file)),
        },
      );
    },
  };
}

export type PublishActivities = ReturnType<typeof createPublishActivities>;

function publisherOf(deps: PublishDeps, publish: PublishSettings, release: string): Publisher {
  if ('command' in publish) {
    return commandPublisher(publish.command, { ...deps, redact, cwd: publishFolder(deps.dataDir) });
  }
  const readArtifact = async (of: string, name: string) => {
    const found = await artifactOfRelease(deps.db, of, name);
    if (found !== undefined) return (await deps.artifacts.read(found)).toString('utf8');
    throw permanent('BadConfiguration', `${release} has no artifact ${name}, which is to be a POM`);
  };
  return mavenPublisher(publish.maven, { readSecret: deps.readSecret, readArtifact });
}

/** Over all environments of the release: one that was taken back is failed, one that can be still runs. */
async function watched(
  { db }: PublishDeps,
  settings: Settings,
  { release, n, environments }: PublicationOrder,
): Promise<'passed' | 'running' | 'failed'> {
  const states = await Promise.all(
    environments.map(async (environment) => {
      const promoted = await promotedRollout(db, `${release}/${n}/${environment}`);
      const configured = settings.environments[environment];
      if (promoted === undefined || configured === undefined) return 'failed' as const;
      const { endedAtMs, waves } = promoted;
      const { watchSeconds } = gateSettingsOf(configured);
      return bakeOf(waves, { endedAtMs, nowMs: Date.now(), watchSeconds });
    }),
  );
  return states.includes('failed') ? 'failed' : states.includes('running') ? 'running' : 'passed';
}

/** A verified copy under its own name, as a command wants it; gone afterwards. No two attempts share one. */
async function withCopy<T>(
  { dataDir, artifacts }: PublishDeps,
  { name, sha256 }: Artifact,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(publishFolder(dataDir), COPY));
  const file = join(folder, name);
  try {
    await artifacts.fetch(sha256, file);
    return await work(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function publishFolder(dataDir: string): string {
  const folder = join(dataDir, 'publish');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Removes the copies that attempts left which were killed, on this host. Returns how many; safe to repeat. */
export function collectCopies(dataDir: string): number {
  const folder = publishFolder(dataDir);
  const old = readdirSync(folder)
    .filter((name) => name.startsWith(COPY))
    .filter((name) => Date.now() - statSync(join(folder, name)).mtimeMs > OLD_COPY_MS);
  for (const name of old) rmSync(join(folder, name), { recursive: true, force: true });
  return old.length;
}
