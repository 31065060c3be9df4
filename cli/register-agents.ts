import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readSecret } from '../config/env.ts';
import { openArtifacts } from '../store/open-artifacts.ts';
import { listAgentRuns, runsText, runText, showAgentRun } from './commands/agent.ts';
import { openStore, settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';

export const addAgentCommands: Register = (program, run) => {
  const agent = program.command('agent').description('what agents were given, did and said');
  agent
    .command('runs')
    .argument('<release>', 'a release, latest, or a ticket')
    .description('the runs of a release or ticket, and what each cost')
    .action((release: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          const runs = await listAgentRuns(store.db, () => settingsOf(globals), release);
          print(globals, runs, runsText(release, runs).split('\n'));
          return 0;
        } finally {
          await store.close();
        }
      }),
    );
  agent
    .command('show')
    .argument('<run>', 'for example kafka-2/1/diagnose/fast/1')
    .description('one run: its brief, every call and answer, how it ended')
    .action((name: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          const settings = settingsOf(globals);
          const artifacts = await openArtifacts(settings.artifacts, { dataDir: resolve(globals.data), readSecret });
          const view = await showAgentRun({ db: store.db, artifacts, settings }, name);
          print(globals, view, runText(view).split('\n'));
          return 0;
        } finally {
          await store.close();
        }
      }),
    );
};
