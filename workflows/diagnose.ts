import {
  ActivityFailure,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  patched,
  proxyActivities,
} from '@temporalio/workflow';
import type { AgentActivities, DiagnosisRequest } from '../activities/agent.ts';
import type { StoryActivities } from '../activities/story.ts';
import { testName } from '../decisions/verdict-words.ts';
import { agentRun } from './agent-run.ts';
import type { DiagnosisSubject } from './agent-types.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { SuiteOutcome, Verdict } from './types.ts';

const { prepareDiagnosis, diagnosisText } = proxyActivities<AgentActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '30 seconds', maximumAttempts: 10 },
});

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** Verdicts of one candidate that are looked into; further ones seldom have another cause. */
const MOST = 3;

/** What a held candidate is looked into with: all of it is known by then. */
type Held = { input: ReleaseInput; n: number; cut: Cut; suites: readonly SuiteOutcome[] };

/**
 * Has an agent explain the verdicts that hold a candidate, in the thread. It changes nothing: the release is held
 * before, and after, and an explanation that fails is a sentence. Without a model the thread says where one would have
 * helped.
 */
export async function diagnose({ input, n, cut, suites }: Held, enter: (step: string) => Promise<void>): Promise<void> {
  if (!patched('diagnosed')) return;
  const { release, settings, fork } = input;
  const subjects = subjectsOf(fork, cut, suites, patched('once-a-culprit'));
  for (const [i, subject] of subjects.slice(0, MOST).entries()) {
    const run = `${release}/${n}/diagnose/${subject.suite}/${i + 1}`;
    const words = await explain({ run, release, settings, subject, patches: cut.patches }, () => enter('diagnose'));
    if (words === undefined) {
      const what = subjects.length === 1 ? 'this verdict' : `these ${subjects.length} verdicts`;
      return say(release, `${n}/diagnose`, `An agent could look into ${what}: no \`model\` is configured.`);
    }
    await say(release, run, words);
  }
}

/** One verdict, in the words for the thread; undefined where there is no model. */
async function explain(request: DiagnosisRequest, begins: () => Promise<void>): Promise<string | undefined> {
  const { run, release, settings, subject } = request;
  const about = testName(subject);
  try {
    const prepared = await prepareDiagnosis(request);
    if (prepared.kind === 'no-model') return undefined;
    if (prepared.kind === 'no-budget') return `${about}: no explanation by an agent: ${prepared.reason}`;
    await begins();
    const { brief, budget } = prepared;
    const outcome = await executeChild(agentRun, {
      workflowId: `agent:${run}`,
      args: [{ run, role: 'diagnose', release, settings, subject, brief, budget }],
      staticSummary: `diagnoses ${about}`.slice(0, 200),
    });
    if (outcome.kind === 'answered') return await diagnosisText(subject, outcome.answer);
    return `${about}: no explanation by an agent: ${outcome.reason} (${outcome.spent.turns} turns)`;
  } catch (error) {
    if (isCancellation(error)) throw error;
    if (!(error instanceof ActivityFailure || error instanceof ChildWorkflowFailure)) throw error;
    return `${about}: no explanation by an agent: ${error.cause?.message ?? error.message}`;
  }
}

/** One of each cause: what fails for the same reason as another, or in the same class by the same patch, is not looked into twice. */
function subjectsOf(
  fork: string,
  cut: Cut,
  suites: readonly SuiteOutcome[],
  onceACulprit: boolean,
): DiagnosisSubject[] {
  return suites.flatMap(({ suite, suiteRun, holding }) =>
    holding
      .filter(({ representative }) => representative === undefined)
      .filter((one, i, all) => !onceACulprit || all.findIndex((other) => isLike(one, other)) === i)
      .map(({ unit, test }) => ({
        fork,
        base: cut.base.commit,
        candidate: cut.candidate.commit,
        suite,
        suiteRun,
        unit,
        test,
      })),
  );
}

/** A parameterised test fails once for every parameter. */
const isLike = (one: Verdict, other: Verdict) =>
  one === other ||
  (one.culprit !== undefined && one.unit === other.unit && String(one.culprit) === String(other.culprit));

async function say(release: string, key: string, text: string): Promise<void> {
  await tell({ release, key: `${release}/${key}`, text, tone: 'warn' });
}
