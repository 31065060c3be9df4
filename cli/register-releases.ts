import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { readSecret } from '../config/env.ts';
import { ExitError } from '../lib/exit-error.ts';
import type { Report } from '../report/report.ts';
import { openArtifacts } from '../store/open-artifacts.ts';
import { publishRelease } from './commands/publish.ts';
import { cancelRelease, exitOf, nowhere, retryRelease, startRelease } from './commands/release.ts';
import { releaseShow, releaseShowText } from './commands/release-show.ts';
import { releases, releasesText } from './commands/releases.ts';
import { report, reportText } from './commands/report.ts';
import { stackShow } from './commands/stack.ts';
import { type Connected, connect, type Globals, openStore, settingsOf } from './context.ts';
import { followStory } from './follow-story.ts';
import { lookOf } from './look.ts';
import type { Register } from './main.ts';
import { print, table } from './output.ts';

type ReleaseOptions = { ref?: string; suite?: string[]; expedite: boolean; detach: boolean };

export const addReleaseCommands: Register = (program, run) => {
  const release = program
    .command('release')
    .description('release a fork, or follow the release that runs of the same commit')
    .argument('<fork>')
    .option('--ref <ref>', 'another branch, tag or commit than the configured branch')
    .option('--suite <suite...>', 'only these suites')
    .option(
      '--expedite',
      'ask people for the lane before others, without cool-down, in windows that let expedited ones in',
      false,
    )
    .option('--detach', 'start it and return', false)
    .action((fork: string, options: ReleaseOptions, command: Command) =>
      run(command, (globals) => releaseCommand(globals, fork, options)),
    );
  release
    .command('show')
    .argument('<id>', 'a release, or latest')
    .description('state and thread of a release')
    .action((id: string, _: object, command: Command) =>
      run(command, (globals) =>
        reading(globals, async ({ db }) => {
          const view = await releaseShow(db, id);
          print(globals, view, [releaseShowText(view, lookOf(process.stdout)).trimEnd()]);
        }),
      ),
    );
  release
    .command('cancel')
    .argument('<id>', 'a release, or latest')
    .description('end a running release; what it has under way is aborted')
    .action((id: string, _: object, command: Command) =>
      run(command, (globals) =>
        connected(globals, async (to) => {
          const cancelled = await cancelRelease(to, id);
          print(globals, { cancelled }, [
            `${cancelled} is asked to end; follow it with: npx patchwright release show ${cancelled}`,
          ]);
          return 0;
        }),
      ),
    );
  release
    .command('retry')
    .argument('<id>', 'a release, or latest')
    .description('release again what an ended one could not')
    .action((id: string, _: object, command: Command) =>
      run(command, (globals) =>
        connected(globals, async (to) => follow(globals, to, (await retryRelease(to, settingsOf(globals), id)).id)),
      ),
    );
  release
    .command('publish')
    .argument('<id>', 'a release, or latest')
    .description('publish what is released, as the configuration says now')
    .action((id: string, _: object, command: Command) =>
      run(command, (globals) =>
        connected(globals, async (to) => {
          const { id: published, replaced } = await publishRelease(to, settingsOf(globals), id);
          if (replaced) process.stderr.write(`${published} was being published already: this one takes its place\n`);
          print(globals, { published, replaced }, [
            `${published} is being published; its thread says how that ends: npx patchwright release show ${published}`,
          ]);
          return 0;
        }),
      ),
    );

  program
    .command('releases')
    .description('the releases, newest first')
    .action((_: object, command: Command) =>
      run(command, (globals) =>
        reading(globals, async ({ db }) => {
          const list = await releases(db);
          print(globals, list, [releasesText(list, lookOf(process.stdout)).trimEnd()]);
        }),
      ),
    );
  program
    .command('report')
    .argument('<id>', 'a release, or latest')
    .option('--md', 'as Markdown (the default without --json)', false)
    .option('--out <dir>', 'where the Markdown and its plots are written, instead of reports/ID of the data folder')
    .description('the evidence of a release; as Markdown also into a folder, with plots of what its gates judged')
    .action((id: string, { out }: { out?: string }, command: Command) =>
      run(command, (globals) =>
        reading(globals, async ({ db }) => {
          const evidence = await report(db, id);
          print(globals, evidence, [reportText(evidence).trimEnd()]);
          if (!globals.json || out !== undefined) await writeFolder(globals, evidence, out);
        }),
      ),
    );
  addStackAndExample(program, run);
};

const addStackAndExample: Register = (program, run) => {
  program
    .command('stack')
    .description('the patch stack of a fork')
    .command('show')
    .argument('<fork>')
    .action((fork: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const stack = await stackShow(settingsOf(globals), fork);
        const rows = stack.patches.map((patch, i) => [
          `${i + 1}.`,
          patch.commit.slice(0, 12),
          patch.upstreamStatus,
          patch.subject,
        ]);
        const head = `${fork}: ${stack.patches.length} patches on ${stack.base.version} (${stack.base.commit.slice(0, 12)}), ${stack.state}`;
        print(globals, stack, [head, ...table(rows), ...stack.reasons]);
        return stack.reasons.length === 0 ? 0 : 1;
      }),
    );
  program
    .command('example')
    .description("the example's fork")
    .command('push')
    .argument('<kind>', 'good, breaks-tests, flaky, breaks-cluster, breaks-cluster-fixed or conflicts')
    .description("put one more patch on the example's fork")
    .action((kind: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const fork = settingsOf(globals).forks.kafka;
        if (fork === undefined) throw new ExitError(2, `${globals.config} has no fork "kafka", the example's`);
        // Only this command knows the example.
        const { isPushKind, PUSH_KINDS, pushExample } = await import('../examples/kafka/push.ts');
        if (!isPushKind(kind))
          throw new ExitError(2, `there is no push "${kind}"; there are: ${PUSH_KINDS.join(', ')}`);
        const pushed = await pushExample({ repository: fork.repository, kind });
        print(globals, pushed, [pushed.summary, 'Release it with: npx patchwright release kafka']);
        return 0;
      }),
    );
};

/** Beside what is printed; a configuration that is wrong today keeps nobody from reading yesterday's report. */
async function writeFolder(globals: Globals, evidence: Report, out: string | undefined): Promise<void> {
  const folder = out ?? join(globals.data, 'reports', evidence.release);
  try {
    const settings = settingsOf(globals).artifacts;
    const artifacts = await openArtifacts(settings, { dataDir: resolve(globals.data), readSecret });
    // With it come the gates and the client of Kafka: nothing that the other commands here need.
    const { writeReportFolder } = await import('./commands/report-folder.ts');
    const plots = await writeReportFolder(evidence, artifacts, folder);
    process.stderr.write(`written to ${join(folder, 'report.md')}, with ${plots.length} plots\n`);
  } catch (error) {
    if (out !== undefined) throw error;
    process.stderr.write(`not written to ${folder}: ${(error as Error).message}\n`);
  }
}

async function releaseCommand(globals: Globals, fork: string, options: ReleaseOptions): Promise<number> {
  const settings = settingsOf(globals);
  return connected(globals, async (to) => {
    const { id, joined } = await startRelease(to, settings, {
      fork,
      expedite: options.expedite,
      ...(options.ref === undefined ? {} : { ref: options.ref }),
      ...(options.suite === undefined ? {} : { suites: options.suite }),
    });
    if (joined) process.stderr.write(`${id} runs already; this follows it\n`);
    if (!options.detach) return follow(globals, to, id);
    const again = [fork, ...(options.ref ? ['--ref', options.ref] : []), ...(options.expedite ? ['--expedite'] : [])];
    print(globals, { release: id }, [`${id} runs; follow it with: npx patchwright release ${again.join(' ')}`]);
    return 0;
  });
}

async function follow(globals: Globals, { db }: Connected, id: string): Promise<number> {
  const outcome = await followStory(db, id, globals.json ? nowhere() : process.stderr);
  if (globals.json) print(globals, await report(db, id), []);
  return outcome === undefined ? 1 : exitOf(outcome);
}

async function connected(globals: Globals, work: (to: Connected) => Promise<number>): Promise<number> {
  const to = await connect(globals);
  try {
    return await work(to);
  } finally {
    await to.close();
  }
}

async function reading(globals: Globals, work: (store: { db: Connected['db'] }) => Promise<void>): Promise<number> {
  const store = await openStore(globals);
  try {
    await work(store);
    return 0;
  } finally {
    await store.close();
  }
}
