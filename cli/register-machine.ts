import { resolve } from 'node:path';
import type { Command } from 'commander';
import { stopEnvironmentProcesses } from '../activities/deploy/environment.ts';
import { progressOnStderr } from '../setup/progress.ts';
import { doctor } from './commands/doctor.ts';
import { down } from './commands/down.ts';
import { start } from './commands/start.ts';
import { ROLES, up } from './commands/up.ts';
import { settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';
import { upOptions } from './up-options.ts';

export const addMachineCommands: Register = (program, run) => {
  program
    .command('start')
    .description('set everything up, bring the example up, release it and stay up (npm start)')
    .option('--once', 'end when the release has ended; its clusters go on', false)
    .action((options: { once: boolean }, command: Command) => run(command, (globals) => start(globals, options)));

  program
    .command('up')
    .description('run it all here: Temporal, database, workers; Ctrl-C stops it')
    .option('--role <role...>', `only these worker roles (${ROLES.join(', ')})`)
    .action((options: { role?: string[] }, command: Command) =>
      run(command, async (globals) => {
        const settings = settingsOf(globals);
        return up(await upOptions(globals, settings, options.role, undefined, { withoutSandbox: true }));
      }),
    );

  program
    .command('down')
    .description('stop it, with its clusters and every process it left')
    .action((_: object, command: Command) =>
      run(command, async (globals) => {
        const report = await down({
          dataDir: resolve(globals.data),
          stopEnvironments: stopEnvironmentProcesses,
          progress: progressOnStderr(),
        });
        const stopped = [
          report.up ? `stopped up (process ${report.up.pid})` : 'nothing was up',
          `${report.detached.length} detached processes`,
        ];
        print(globals, report, stopped);
        return 0;
      }),
    );

  program
    .command('doctor')
    .description('what is here, what is missing, and the command that gets it')
    .option('--fix', 'fetch what Patchwright can fetch by itself', false)
    .action((options: { fix: boolean }, command: Command) => run(command, (globals) => doctor(globals, options)));

  const config = program.command('config').description('the configuration');
  config
    .command('check')
    .description('check it; exit 2 with every problem')
    .action((_: object, command: Command) =>
      run(command, async (globals) => {
        const settings = settingsOf(globals);
        const forks = Object.keys(settings.forks);
        const environments = Object.keys(settings.environments);
        print(globals, { ok: true, forks, environments }, [
          `${globals.config} is right: forks ${forks.join(', ')}; environments ${environments.join(', ') || 'none'}`,
        ]);
        return 0;
      }),
    );
};
