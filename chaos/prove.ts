import { join } from 'node:path';
import { environmentIn } from '../config/environment-cluster.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import type { Report } from '../report/report.ts';
import { proveGit } from './proofs/git.ts';
import { proveNodes } from './proofs/nodes.ts';
import { proveNoOrphans } from './proofs/processes.ts';
import { proveEffects, proveLaunches, proveSuites } from './proofs/resumed.ts';
import { proveThread } from './proofs/thread.ts';
import { proveTopic, type TopicFigures, type TopicWatch } from './topics.ts';
import { reportOf, type World } from './world.ts';

/** What was found wrong, by what it was found in; an empty list is a proof that held. */
export type Proofs = Record<
  'outcome' | 'git' | 'nodes' | 'processes' | 'topics' | 'thread' | 'launches' | 'suites' | 'effects',
  string[]
>;

export type Proved = { report: Report; proofs: Proofs; topics: Record<string, TopicFigures> };

export const settingsOf = (world: World): Settings => loadSettings(join(world.folder, 'patchwright.yaml'));

/** Everything that can be seen from outside after the `number`th release of this world. */
export async function prove(
  world: World,
  {
    release,
    number,
    branchTree,
    watches,
  }: { release: string; number: number; branchTree: string; watches: TopicWatch[] },
): Promise<Proved> {
  const report = await reportOf(world, release);
  const settings = settingsOf(world);
  const nodes: string[] = [];
  for (const name of world.ground.environments) {
    const environment = environmentIn(settings, name);
    if (environment) nodes.push(...(await proveNodes(world, name, environment, report)));
  }
  const topics: Record<string, TopicFigures> = {};
  const inTopics: string[] = [];
  for (const watch of watches) {
    const { problems, figures } = await proveTopic(world, watch);
    const { acknowledged, found, records, duplicates } = figures;
    topics[watch.environment] = { acknowledged, found, records, duplicates };
    inTopics.push(...problems);
  }
  const kind = report.outcome?.kind;
  const proofs: Proofs = {
    outcome: kind === 'released' ? [] : [`${release} ended as ${kind}: ${report.outcome?.reasons.join('; ')}`],
    git: proveGit(world.ground.repository(world.folder), report, branchTree),
    nodes,
    processes: await proveNoOrphans(world),
    topics: inTopics,
    thread: proveThread(world.slack, report),
    launches: proveLaunches(world, number),
    suites: proveSuites(world, report),
    effects: proveEffects(world, report),
  };
  return { report, proofs, topics };
}
