import type { Command } from 'commander';
import {
  exitOfTriage,
  nothingToJudge,
  readTriage,
  type TriageRequest,
  type TriageView,
  triage,
  triageText,
} from './commands/triage.ts';
import { connect, settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';

type TriageOptions = { junit: string; fork: string; candidate?: string; base?: string; suite?: string[] };

export const addTriageCommand: Register = (program, run) => {
  program
    .command('triage')
    .description('a verdict for each failure that another CI has found; runs only what failed')
    .requiredOption('--junit <dir>', 'the folder with its JUnit XML')
    .requiredOption('--fork <fork>', 'the fork that it tested')
    .option('--candidate <ref>', 'the state that it tested, instead of the configured branch')
    .option('--base <ref>', 'what to compare with, instead of the configured base')
    .option('--suite <suite...>', 'look for the tests in these suites only')
    .action(({ junit, fork, candidate, base, suite }: TriageOptions, command: Command) =>
      run(command, async (globals) => {
        const settings = settingsOf(globals);
        const request: TriageRequest = {
          ...{ junit, fork },
          ...(candidate === undefined ? {} : { candidate }),
          ...(base === undefined ? {} : { base }),
          ...(suite === undefined ? {} : { suites: suite }),
        };
        const asked = await readTriage(settings, request);
        const tell = (shown: TriageView) => {
          print(globals, shown, triageText(shown));
          return exitOfTriage(shown);
        };
        if (asked.read.failures.length === 0) return tell(nothingToJudge(asked));
        const to = await connect(globals);
        try {
          return tell(await triage(to, settings, asked, (line) => process.stderr.write(`${line}\n`)));
        } finally {
          await to.close();
        }
      }),
    );
};
