import { type Client, WorkflowIdConflictPolicy, WorkflowNotFoundError } from '@temporalio/client';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { assembleReport } from '../../report/assemble.ts';
import type { Db } from '../../store/database.ts';
import { findRelease, keepSettings } from '../../store/releases.ts';
import type { PublicationOrder } from '../../workflows/publication-types.ts';

/**
 * Publishes a release with the settings of now: one that could not be published, or was not to be then. Safe to
 * repeat: what is published already is found by its digest. One under way, which may wait for hours with the settings of
 * before, is ended; what it is just doing is under the journal's lease, and nobody does that beside it.
 *
 * @returns `replaced`: one was under way
 */
export async function publishRelease(
  { db, client }: { db: Db; client: Client },
  settings: Settings,
  wanted: string,
): Promise<{ id: string; replaced: boolean }> {
  const id = await findRelease(db, wanted);
  if (id === undefined) throw new ExitError(2, `there is no release ${wanted}`);
  const { fork, outcome, candidates } = await assembleReport(db, id);
  const candidate = candidates.at(-1);
  if (outcome?.kind !== 'released' || !candidate)
    throw new ExitError(2, `${id} is ${outcome?.kind ?? 'running'}: only what is released is published`);
  if (settings.forks[fork]?.release.publish === undefined)
    throw new ExitError(2, `forks.${fork}.release.publish is not configured: nobody knows where to publish ${id}`);
  const { n, version, commit, artifacts, rollouts } = candidate;
  const order: PublicationOrder = {
    ...{ release: id, n, fork, version, commit, artifacts },
    settings: await keepSettings(db, settings),
    environments: rollouts.map(({ environment }) => environment),
  };
  const workflowId = `publication:${id}`;
  const replaced = await isUnderWay(client, workflowId);
  await client.workflow.start('publication', {
    workflowId,
    taskQueue: 'patchwright',
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.TERMINATE_EXISTING,
    args: [order],
  });
  return { id, replaced };
}

async function isUnderWay(client: Client, workflowId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
