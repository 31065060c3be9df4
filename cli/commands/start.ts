import type { Settings } from '../../config/schema.ts';
import { makeFork } from '../../examples/kafka/make-fork.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { redactionKey } from '../../lib/redact-key.ts';
import type { RunningUp } from '../../services/supervisor.ts';
import { startUp } from '../../services/supervisor.ts';
import { fired, untilInterrupted } from '../../services/until-interrupted.ts';
import { type Progress, progressOnStderr } from '../../setup/progress.ts';
import { type Connected, type Globals, openConnected, settingsOf } from '../context.ts';
import { followNewReleases } from '../follow-new.ts';
import { followStory } from '../follow-story.ts';
import { upOptions } from '../up-options.ts';
import { waitForSlack } from '../wait-for-slack.ts';
import { waitForWatch } from '../wait-for-watch.ts';
import { envUp } from './env.ts';
import { exitOf, startRelease } from './release.ts';
import { stackShow } from './stack.ts';

const FORK = 'kafka';

const NEXT = `
What to try next, in another terminal:
  npx patchwright example push good          one more patch; then: npx patchwright release kafka
  npx patchwright example push breaks-tests  a patch that upstream's tests catch
  npx patchwright report latest              the evidence of the release
  npx patchwright env show production        what runs there, read back from the nodes
  npx patchwright ticket open --text '…'     a question, as a user asks it; then: npx patchwright ticket show latest
Ctrl-C stops Patchwright and leaves the clusters; npx patchwright down stops them too.
`;

/**
 * `npm start`: the main job, for real, on the example.
 *
 *   1. Everything that is needed is set up; the example's fork is made on first use.
 *   2. Temporal, database and workers start.
 *   3. Staging and production come up while the release builds and tests.
 *   4. The release's story, as it happens. `--once` ends with it; else it stays up and follows the next ones.
 */
export async function start(globals: Globals, { once }: { once: boolean }): Promise<number> {
  const progress = progressOnStderr();
  const settings = settingsOf(globals);
  const fork = settings.forks[FORK];
  if (fork === undefined)
    throw new ExitError(
      2,
      `${globals.config} has no fork "${FORK}": npm start runs the example; for forks of your own use npx patchwright up`,
    );
  const options = await upOptions(globals, settings, undefined, progress);
  await makeFork({ dir: fork.repository, progress });
  const status = await untilInterrupted(
    (interrupted) => startUp({ ...options, interrupted }),
    (running, interrupted) => runExample({ globals, settings, running, interrupted, once, progress }),
    (line) => progress('patchwright', line),
  );
  return status ?? 130;
}

type Example = {
  globals: Globals;
  settings: Settings;
  running: RunningUp;
  interrupted: AbortSignal;
  once: boolean;
  progress: Progress;
};

async function runExample({ settings, running, interrupted, once, progress }: Example): Promise<number> {
  const connected = await openConnected(
    running.databaseUrl,
    running.temporal,
    running.dataDir,
    redactionKey(running.dataDir),
  );
  try {
    const environments = bringUpEnvironments(connected, settings, progress);
    const id = await releaseOrNothing(connected, settings, progress);
    const outcome =
      id === undefined
        ? undefined
        : await Promise.race([
            followStory(connected.db, id, process.stderr, { signal: interrupted }),
            failing(environments),
          ]);
    await environments;
    if (once && outcome?.kind === 'released' && id !== undefined)
      await waitForWatch(connected.db, settings, id, { signal: interrupted });
    if (once && outcome !== undefined && id !== undefined && settings.announcements.slack !== undefined) {
      const lag = await waitForSlack(connected.db, id, { signal: interrupted });
      if (lag !== undefined) progress('Slack', lag);
    }
    if (once || interrupted.aborted) return outcome === undefined ? 0 : exitOf(outcome);
    process.stderr.write(NEXT);
    await Promise.race([followNewReleases(connected.db, process.stderr, interrupted), fired(interrupted)]);
    return 0;
  } finally {
    await connected.close();
  }
}

/** Rejects when the promise does, and otherwise never answers. */
function failing(promise: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    promise.catch(reject);
  });
}

/** What stands on the branch is released, unless it is what was released last. */
async function releaseOrNothing(
  connected: Connected,
  settings: Settings,
  progress: Progress,
): Promise<string | undefined> {
  const stack = await stackShow(settings, FORK);
  const last = await connected.db
    .selectFrom('candidate')
    .innerJoin('release', 'release.id', 'candidate.release')
    .select(['release.id', 'candidate.commit', 'candidate.outcome'])
    .where('release.fork', '=', FORK)
    .orderBy('release.number', 'desc')
    .orderBy('candidate.n', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last?.commit === stack.patches.at(-1)?.commit && last?.outcome?.kind === 'released') {
    progress(
      'patchwright',
      `${last.id} has released what stands on the branch (${last.commit.slice(0, 12)}): nothing to do`,
    );
    return undefined;
  }
  return (await startRelease(connected, settings, { fork: FORK })).id;
}

async function bringUpEnvironments(connected: Connected, settings: Settings, progress: Progress): Promise<void> {
  const names = settings.forks[FORK]?.release.environments ?? [];
  await Promise.all(
    names.map(async (name) => {
      const nodes = await envUp(connected, settings, name);
      progress(name, nodes.join(', '));
    }),
  );
}
