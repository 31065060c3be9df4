import { z } from 'zod';
import { tellingLines } from '../../decisions/rehearsal.ts';
import { run } from '../../lib/run.ts';
import type { RehearsalCounts } from '../../workflows/rehearsal-types.ts';
import { javaCommand } from '../deploy/kafka-node.ts';
import { type ProgramDeps, trafficClassPath } from '../traffic/program.ts';
import { ledgerIn, type ThrowAway } from './cluster.ts';

const JVM = ['-Xms16m', '-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const STEP_MS = 300_000;

const answerSchema = z.object({
  records: z.number(),
  transactional: z.number(),
  keys: z.number(),
  offsets: z.number(),
  problems: z.array(z.string()),
});

/** What the cluster did not take, or did not give back as it was: a sentence each. */
export class NotAsWritten extends Error {
  override name = 'NotAsWritten';
  readonly problems: string[];
  constructor(problems: string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

/** Clients of a rehearsal: the library's own, never the fork's. */
export type RehearsalClient = { step(cluster: ThrowAway, name: string): Promise<RehearsalCounts> };

/** @param library the folder of jars that the environment's nodes run */
export async function rehearsalClient(
  library: string,
  deps: ProgramDeps,
  signal: AbortSignal,
): Promise<RehearsalClient> {
  const classPath = await trafficClassPath(library, deps);
  return {
    /**
     * Reads back what earlier steps wrote, writes more and reads all of it (traffic/Rehearsal.java).
     *
     * @throws NotAsWritten where something is not as it was, or the clients fail.
     */
    async step(cluster, name) {
      const replicas = String(Math.min(3, cluster.nodes));
      const program = ['io.patchwright.traffic.Main', 'rehearse', cluster.bootstrap, ledgerIn(cluster), name, replicas];
      const { exitCode, stdout, stderr } = await run(
        javaCommand(deps.hostEnv),
        [...JVM, '-cp', classPath, ...program],
        {
          cwd: cluster.dir,
          env: { PATH: deps.hostEnv.PATH ?? '/usr/bin:/bin', LANG: 'C.UTF-8' },
          timeoutMs: STEP_MS,
          signal,
        },
      );
      if (exitCode !== 0) throw new NotAsWritten([`a client failed: ${tellingLines(stderr).join(' | ')}`]);
      const { problems, ...counts } = answerSchema.parse(JSON.parse(stdout));
      if (problems.length > 0) throw new NotAsWritten(problems);
      return counts;
    },
  };
}
