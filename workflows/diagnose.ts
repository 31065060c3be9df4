import { patched, proxyActivities } from '@temporalio/workflow';
import type { DiagnosisRequest } from '../activities/agent.ts';
import type { StoryActivities } from '../activities/story.ts';
import { testName } from '../decisions/verdict-words.ts';
import type { DiagnosisSubject, Explained } from './agent-types.ts';
import { explain } from './explain.ts';
import type { Cut, ReleaseInput } from './release.ts';
import type { SuiteOutcome, Verdict } from './types.ts';

const { tell } = proxyActivities<StoryActivities>({
  taskQueue: 'patchwright-activity',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { maximumInterval: '10 seconds' },
});

/** Causes of one candidate that are looked into; the budget of the release ends it sooner. */
const MOST = 20;
/** As many as that, before. */
const MOST_ONCE = 3;

/** What a held candidate is looked into with: all of it is known by then. */
type Held = { input: ReleaseInput; n: number; cut: Cut; suites: readonly SuiteOutcome[] };

/**
 * Has an agent explain the verdicts that hold a candidate, in the thread. It changes nothing: the release is held
 * before, and after, and an explanation that fails is a sentence. Without a model the thread says where one would have
 * helped. Returns what was explained, for whoever mends it.
 */
export async function diagnose(
  { input, n, cut, suites }: Held,
  enter: (step: string) => Promise<void>,
): Promise<Explained[]> {
  if (!patched('diagnosed')) return [];
  const { release, settings, fork } = input;
  const found = subjectsOf(fork, cut, suites, patched('once-a-culprit'));
  const explained: Explained[] = [];
  const most = found.length > MOST_ONCE && patched('every-cause') ? MOST : MOST_ONCE;
  for (const [i, { subject, culprit }] of found.slice(0, most).entries()) {
    const run = `${release}/${n}/diagnose/${subject.suite}/${i + 1}`;
    const request: DiagnosisRequest = { run, release, settings, subject, patches: cut.patches };
    const asked = { run, release, about: testName(subject), of: subject, request: async () => request };
    const explanation = await explain(asked, () => enter('diagnose'));
    if (explanation === undefined) {
      await sayNoModel(release, n, found.length === 1 ? 'this verdict' : `these ${found.length} verdicts`);
      return explained;
    }
    const { words, answer, isSpent } = explanation;
    await say(release, run, words);
    if (isSpent && most === MOST) break;
    const { suite, unit, test } = subject;
    if (answer !== undefined) explained.push({ answer, suite, unit, test, ...(culprit && { culprit }) });
  }
  return explained;
}

export const sayNoModel = (release: string, n: number, what: string) =>
  say(release, `${n}/diagnose`, `An agent could look into ${what}: no \`model\` is configured.`);

type Found = { subject: DiagnosisSubject; culprit: string[] | undefined };

/** One of each cause: what fails for the same reason as another, or in the same class by the same patch, is not looked into twice. */
function subjectsOf(fork: string, cut: Cut, suites: readonly SuiteOutcome[], onceACulprit: boolean): Found[] {
  return suites.flatMap(({ suite, suiteRun, holding }) =>
    holding
      .filter(({ representative }) => representative === undefined)
      .filter((one, i, all) => !onceACulprit || all.findIndex((other) => isLike(one, other)) === i)
      .map(({ unit, test, culprit }) => ({
        subject: { fork, base: cut.base.commit, candidate: cut.candidate.commit, suite, suiteRun, unit, test },
        culprit,
      })),
  );
}

/** A parameterised test fails once for every parameter. */
const isLike = (one: Verdict, other: Verdict) =>
  one === other ||
  (one.culprit !== undefined && one.unit === other.unit && String(one.culprit) === String(other.culprit));

export async function say(release: string, key: string, text: string): Promise<void> {
  await tell({ release, key: `${release}/${key}`, text, tone: 'warn' });
}
