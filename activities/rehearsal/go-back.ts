import { readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaEnvironmentSettings } from '../../config/environment.ts';
import { failedStep, nodesFor, type RehearsalStep } from '../../decisions/rehearsal.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import type { RehearsalFrom, RehearsalOutcome } from '../../workflows/rehearsal-types.ts';
import type { Artifact } from '../../workflows/types.ts';
import type { ProvisionDeps } from '../deploy/provision.ts';
import type { ProgramDeps } from '../traffic/program.ts';
import { NotAsWritten, rehearsalClient } from './client.ts';
import { NodeDown, smallOf, type ThrowAway, withThrowAway } from './cluster.ts';

/** Jars are links where they can be; what is written are logs, each node's own. */
const DISK_MB = 1_024;

export type GoBackOrder = {
  settings: KafkaEnvironmentSettings;
  from: RehearsalFrom;
  candidate: Artifact[];
  nodes: 1 | 3;
  /** When it must be over, as `Date.now()` says it. */
  endMs: number;
  signal: AbortSignal;
  /** Told what is being done. */
  doing: (step: string) => void;
};

export type GoBackDeps = ProvisionDeps & ProgramDeps;

/**
 * The rehearsal itself: a throw-away cluster begins with what runs now, is written to, becomes the candidate's node by
 * node, is written to, and becomes what it was. The first node on the way back is killed, so that the old artifact has
 * to recover what the candidate wrote. Everything is read and compared after each step.
 *
 * @throws what says nothing about the candidate: the cluster does not begin, a disk is full, it was cancelled.
 */
export async function goBack(deps: GoBackDeps, order: GoBackOrder): Promise<RehearsalOutcome> {
  const { settings, from, candidate, endMs, signal, doing } = order;
  const nodes = nodesFor(order.nodes, process.availableMemory() / 1e6);
  const { bavail, bsize } = await statfs(deps.dataDir);
  if (nodes === undefined) return { kind: 'impossible', reasons: ['there is no memory for a single node'] };
  if (bavail * bsize < DISK_MB * 1e6)
    return { kind: 'impossible', reasons: [`there are less than ${DISK_MB} MB left on the disk`] };
  const library = await deps.library(settings.library);
  const initial = await notOfTheLibrary(library, settings, from.artifacts);
  const client = await rehearsalClient(library, deps, signal);
  const began = Date.now();
  let step: RehearsalStep = 'begin';
  const enter = (next: RehearsalStep) => {
    signal.throwIfAborted();
    step = next;
    doing(next);
  };
  const tryIt = async (cluster: ThrowAway): Promise<RehearsalOutcome> => {
    await client.step(cluster, 'begin');
    const level = await cluster.level();
    enter('upgrade');
    await cluster.roll(candidate);
    await client.step(cluster, 'upgrade');
    enter('downgrade');
    const raised = await cluster.level();
    if (level !== raised) throw new NotAsWritten([`metadata.version is ${raised}, and was ${level}`]);
    await cluster.roll(from.artifacts.map(asArtifact), { killFirst: true });
    const counts = await client.step(cluster, 'downgrade');
    return { kind: 'reversible', nodes: cluster.nodes, seconds: secondsSince(began), counts };
  };
  doing(step);
  const small = smallOf(settings, nodes, from.metadataVersion);
  try {
    return await withThrowAway(small, deps, { initial, endMs, signal }, tryIt);
  } catch (error) {
    // Whatever broke because it was ended says nothing about the candidate.
    signal.throwIfAborted();
    const told =
      error instanceof NotAsWritten ? error.problems : error instanceof NodeDown ? [error.message] : undefined;
    const outcome = told && failedStep(step, told, { nodes, seconds: secondsSince(began) });
    if (outcome === undefined) throw error;
    return outcome;
  }
}

const secondsSince = (began: number) => Math.round((Date.now() - began) / 100) / 10;
const asArtifact = ({ name, sha256 }: RehearsalFrom['artifacts'][number]): Artifact => ({ name, sha256, bytes: 0 });

/** A library's own jar is there with the library, and in no store. */
async function notOfTheLibrary(
  library: string,
  { artifacts }: KafkaEnvironmentSettings,
  ran: RehearsalFrom['artifacts'],
): Promise<Artifact[]> {
  const jars = readdirSync(library);
  const own = await Promise.all(
    ran.map(async ({ name, sha256 }) => {
      const jar = artifacts[name] ?? '';
      return jars.includes(jar) && (await sha256OfFile(join(library, jar))) === sha256;
    }),
  );
  return ran.filter((_, index) => !own[index]).map(asArtifact);
}
