import { executeChild, patched, proxyActivities } from '@temporalio/workflow';
import type { AgentActivities } from '../activities/agent.ts';
import type { StoryActivities } from '../activities/story.ts';
import { testName } from '../decisions/verdict-words.ts';
import { agentRun } from './agent-run.ts';
import type { DiagnosisSubject } from './agent-types.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { SuiteOutcome } from './types.ts';

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

/**
 * Has an agent explain the verdicts that hold a candidate, in the thread. It changes nothing: the release is held
 * before, and after. Without a model the thread says where one would have helped.
 */
export async function diagnose(
  input: ReleaseInput,
  n: number,
  cut: Cut,
  suites: readonly SuiteOutcome[],
): Promise<void> {
  if (!patched('diagnosed')) return;
  const subjects = subjectsOf(input.fork, cut, suites);
  for (const [i, subject] of subjects.slice(0, MOST).entries()) {
    const run = `${input.release}/${n}/diagnose/${subject.suite}/${i + 1}`;
    const request = { run, release: input.release, settings: input.settings, subject, patches: cut.patches };
    const prepared = await prepareDiagnosis(request);
    if (prepared.kind === 'no-model') {
      await say(
        input.release,
        `${n}/diagnose`,
        `An agent could look into ${subjects.length === 1 ? 'this verdict' : `these ${subjects.length} verdicts`}: no \`model\` is configured.`,
      );
      return;
    }
    const { brief, budget } = prepared;
    const outcome = await executeChild(agentRun, {
      workflowId: `agent:${run}`,
      args: [{ run, role: 'diagnose', release: input.release, settings: input.settings, subject, brief, budget }],
      staticSummary: `diagnoses ${testName(subject)}`.slice(0, 200),
    });
    const words =
      outcome.kind === 'answered'
        ? await diagnosisText(subject, outcome.answer)
        : `${testName(subject)}: no explanation by an agent: ${outcome.reason} (${outcome.spent.turns} turns)`;
    await say(input.release, run, words);
  }
}

/** One of each cause: what fails for the same reason as another is not looked into twice. */
function subjectsOf(fork: string, cut: Cut, suites: readonly SuiteOutcome[]): DiagnosisSubject[] {
  return suites.flatMap(({ suite, suiteRun, holding }) =>
    holding
      .filter(({ representative }) => representative === undefined)
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

async function say(release: string, key: string, text: string): Promise<void> {
  await tell({ release, key: `${release}/${key}`, text, tone: 'warn' });
}
