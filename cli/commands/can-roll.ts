import { openDriver } from '../../activities/deploy/driver.ts';
import { readCluster } from '../../activities/deploy/layout.ts';
import { openSystem } from '../../activities/health/system.ts';
import { allowedEnvironment, HOST_ENVIRONMENT } from '../../config/env.ts';
import type { Settings } from '../../config/schema.ts';
import type { Judgement } from '../../decisions/kafka-rules/waivers.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { requireEnvironment } from './env.ts';

export type CanRoll = Judgement & { environment: string; node: string; may: boolean };

/** `can-roll ENV NODE`: the rules right before a stop, asked of the cluster as it is now. Reads only. */
export async function canRollNode(
  settings: Settings,
  name: string,
  node: string,
  { dataDir }: { dataDir: string },
): Promise<CanRoll> {
  const environment = requireEnvironment(settings, name);
  const known = readCluster(dataDir, name)?.targets.map((target) => target.name);
  if (!known) throw new ExitError(1, `${name} was never brought up; run: npx patchwright env up ${name}`);
  if (!known.includes(node)) throw new ExitError(2, `${name} has no node "${node}"; there are: ${known.join(', ')}`);
  const never = async () => {
    throw new Error('can-roll only looks');
  };
  const driver = openDriver(name, environment, {
    dataDir,
    hostEnv: allowedEnvironment(HOST_ENVIRONMENT),
    artifacts: { fetch: never },
  });
  const judged = await openSystem(environment, driver).canRoll([node]);
  return { environment: name, node, may: judged.blocks.length === 0, ...judged };
}

export function canRollText({ environment, node, may, blocks, waived }: CanRoll): string[] {
  return [
    `${environment}/${node}: ${may ? 'may be stopped now' : 'may not be stopped now'}`,
    ...blocks.map(({ rule, reason }) => `  ${rule}: ${reason}`),
    ...waived.map(({ finding, waiver }) => `  ${finding.rule} is waived until ${waiver.until}: ${waiver.reason}`),
  ];
}
