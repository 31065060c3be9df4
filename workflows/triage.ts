import { executeChild, proxyActivities } from '@temporalio/workflow';
import type { BuildActivities } from '../activities/build.ts';
import type { GitActivities } from '../activities/git.ts';
import { suite } from './suite.ts';
import type { Digest, Source, SuiteOutcome } from './types.ts';

const taskQueue = 'patchwright-activity';

const { cutCandidate } = proxyActivities<GitActivities>({
  taskQueue,
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '20 seconds',
  // Somebody waits for the answer: a repository that cannot be reached is said soon.
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds', maximumAttempts: 4 },
});

const { buildSource } = proxyActivities<BuildActivities>({
  taskQueue,
  startToCloseTimeout: '13 hours',
  heartbeatTimeout: '30 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 20 },
});

export type TriageOrder = {
  /** The id under which the store keeps what was read. */
  triage: string;
  fork: string;
  /** The state of the fork that the other CI has tested. */
  candidate: string;
  /** Instead of the configured base. */
  base?: string;
  /** Asked in this order: a failure belongs to the first that has the test. */
  suites: string[];
  settings: Digest;
};

export type TriageOutcome =
  | { kind: 'judged'; candidate: Source; base: Source; patches: number; suites: SuiteOutcome[] }
  /** It cannot be told: what was named does not fit together, or does not build. */
  | { kind: 'unjudged'; reasons: string[] };

/**
 * Judges failures that another CI has found, as a release judges its own. Nothing is pushed, recorded as a release,
 * or rolled out.
 *
 *   1. Cut candidate and base as a release would.
 *   2. Build both by the fork's own pipeline.
 *   3. Suite by suite: find the failures that are its own, rerun them on candidate and base, name the patch.
 */
export async function triage(order: TriageOrder): Promise<TriageOutcome> {
  const { fork, settings, candidate: ref, base } = order;
  const cut = await cutCandidate({ release: order.triage, n: 1, fork, ref, settings, ...(base ? { base } : {}) });
  if (cut.kind !== 'cut') return { kind: 'unjudged', reasons: cut.reasons };

  const [onBase, onTop] = await Promise.all([
    buildSource({ ...cut.base, settings }),
    buildSource({ ...cut.candidate, settings }),
  ]);
  if (onBase.kind === 'broken') return { kind: 'unjudged', reasons: ['the base does not build', ...onBase.reasons] };
  if (onTop.kind === 'broken') return { kind: 'unjudged', reasons: ['the candidate does not build', ...onTop.reasons] };

  const suites: SuiteOutcome[] = [];
  for (const name of order.suites) {
    const suiteRun = `${order.triage}/1/${name}`;
    const judged = await executeChild(suite, {
      workflowId: `suite:${suiteRun}`,
      args: [
        {
          ...{ suiteRun, release: order.triage, candidateNumber: 1, fork, suite: name, settings },
          ...{ candidate: onTop.build, base: onBase.build, patches: cut.patches, sources: cut.prefixes },
          triage: order.triage,
        },
      ],
    });
    suites.push(judged);
  }
  return { kind: 'judged', candidate: cut.candidate, base: cut.base, patches: cut.patches.length, suites };
}
