import { executeChild, patched, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { StoryActivities } from '../activities/story.ts';
import type { WaiverActivities } from '../activities/verdict-waiver.ts';
import { outcomeWords } from '../decisions/approval.ts';
import { couldBeWaived, waivedWords, waiverQuestion } from '../decisions/verdict-waiver.ts';
import { approval } from './approval.ts';
import { approvalId } from './approval-messages.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { Build, SuiteOutcome } from './types.ts';

const { readWaivable, waiveVerdicts } = proxyActivities<WaiverActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds' },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

type Held = { cut: Cut; candidate: Build; base: Build; suites: readonly SuiteOutcome[] };

/**
 * Asks people whether a candidate may go on that is held by nothing but what nobody could tell (triage.md: policy may
 * let *undecided* and *untestable* through with a human's approval).
 *
 *   1. Read what holds it, all of it, and what the fork's policy allows: one verdict of another kind, and nobody is asked.
 *   2. Ask; the question is bound to the candidate and to the counts of each test.
 *   3. Read it anew, ask the approval once more, and keep the waiver with each verdict.
 *
 * `refusal`: they were asked, and it is not let through.
 */
export async function askToWaive(
  { input, n }: { input: ReleaseInput; n: number },
  { cut, candidate, base, suites }: Held,
  enter: (step: string) => Promise<void>,
): Promise<{ waived: boolean; refusal?: string }> {
  if (!couldBeWaived(suites) || !patched('verdict-waiver')) return { waived: false };
  const { release, fork, settings, requestedBy, steered } = input;
  const { patches } = cut;
  const order = { fork, settings, suiteRuns: suites.map(({ suiteRun }) => suiteRun) };
  const names = patches.map(({ commit, subject }) => ({ commit, subject }));
  const found = await readWaivable({ ...order, patches: names });
  if (found.kind === 'none') return { waived: false };
  await enter('waiver');
  const id = `${release}/${n}/verdicts/${workflowInfo().runId.slice(-6)}`;
  const about = { release, n, candidate, base };
  const of = { id, settings, requestedBy, patches, ...(steered && { steered }) };
  const question = waiverQuestion({ ...of, ...about, ...found });
  const outcome = await executeChild(approval, {
    workflowId: approvalId(id),
    args: [question],
    staticSummary: question.title,
  });
  if (outcome.kind !== 'approved') return { waived: false, refusal: `${question.title} ${outcomeWords(outcome)}` };
  const used = await waiveVerdicts({ ...order, ...about, approval: id });
  if (used.kind === 'refused') return { waived: false, refusal: used.reason };
  const text = waivedWords(n, used.waiver, found.lines, found.tests);
  await tell({ release, key: `${release}/${n}/waiver`, text, tone: 'warn' });
  return { waived: true };
}
