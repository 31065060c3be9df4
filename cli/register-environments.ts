import { resolve } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import type { Settings } from '../config/schema.ts';
import { inEffectLines } from '../decisions/environment-words.ts';
import { oneLine } from '../lib/plain-text.ts';
import type { Db } from '../store/database.ts';
import type { EnvironmentState } from '../workflows/environment-messages.ts';
import { brakeLines, pressBrake, stopAll } from './commands/brakes.ts';
import { envDown, envShow, envShowText, envUp, requireEnvironment } from './commands/env.ts';
import { inEffect } from './commands/env-in-effect.ts';
import { askedLines, finalise } from './commands/finalise.ts';
import { unheldWords, unhold } from './commands/unhold.ts';
import { connect, type Globals, settingsOf } from './context.ts';
import { lookOf } from './look.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';

export const addEnvironmentCommands: Register = (program, run) => {
  const env = program.command('env').description('environments, and a human’s brakes');
  env
    .command('show')
    .argument('<env>')
    .description('what runs there and why: from disk and processes now, and what is in effect')
    .action((name: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const settings = settingsOf(globals);
        const view = await envShow(settings, name, { dataDir: resolve(globals.data) });
        const effect = await inEffect(globals, name, requireEnvironment(settings, name));
        const lines = inEffectLines(effect, new Date()).map((line) => `  ${oneLine(line, 400)}`);
        const shown = envShowText(view, lookOf(process.stdout)).trimEnd();
        print(globals, { ...view, inEffect: effect }, [shown, ...lines]);
        return 0;
      }),
    );
  env
    .command('up')
    .argument('<env>')
    .description('lay out and start what is missing, adopt what runs')
    .action((name: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const settings = settingsOf(globals);
        const connected = await connect(globals);
        try {
          const nodes = await envUp(connected, settings, name);
          print(globals, { environment: name, nodes }, nodes);
          return 0;
        } finally {
          await connected.close();
        }
      }),
    );
  env
    .command('down')
    .argument('<env>')
    .option('--purge', 'remove its data too', false)
    .description('stop it; its data stays')
    .action((name: string, options: { purge: boolean }, command: Command) =>
      run(command, async (globals) => {
        const results = await envDown(settingsOf(globals), name, {
          dataDir: resolve(globals.data),
          purge: options.purge,
        });
        const lines = results.map(
          (result) => `${result.name} ${result.killed ? 'killed' : result.stopped ? 'stopped' : 'did not run'}`,
        );
        print(globals, { environment: name, targets: results }, lines.length > 0 ? lines : [`${name} is not up`]);
        return 0;
      }),
    );
  env
    .command('unhold')
    .argument('<env>')
    .argument('<digest>', 'of the artifact, or how it begins')
    .requiredOption('--reason <text>', 'why it may be rolled out again')
    .description('let an artifact go that was rolled back, or froze, there')
    .action((environment: string, digest: string, { reason }: { reason: string }, command: Command) =>
      run(command, async (globals) => {
        const connected = await connect(globals);
        try {
          const lifted = await unhold(connected.db, settingsOf(globals), { environment, digest, reason });
          print(globals, lifted, [unheldWords(lifted)]);
          return 0;
        } finally {
          await connected.close();
        }
      }),
    );
  addFinalise(env, run);
  for (const [kind, description] of BRAKES) {
    env
      .command(kind)
      .argument('<env>')
      .option('--reason <text>', 'why; it is shown to everyone')
      .description(description)
      .action((name: string, options: { reason?: string }, command: Command) =>
        run(command, (globals) =>
          braking(globals, async (connected, settings) => [
            await pressBrake(connected, settings, name, { kind, ...options }),
          ]),
        ),
      );
  }
  program
    .command('stop-all')
    .option('--reason <text>', 'why; it is shown to everyone')
    .description('pause every environment')
    .action((options: { reason?: string }, command: Command) =>
      run(command, (globals) =>
        braking(globals, (connected, settings) => stopAll(connected, settings, options.reason)),
      ),
    );
};

function addFinalise(env: Command, run: Parameters<Register>[1]): void {
  env
    .command('finalise')
    .argument('<env>')
    .argument('<level>', 'of metadata.version, as 3.6-IV2')
    .description('raise the metadata version for good, once people have approved it')
    .action((name: string, level: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const settings = settingsOf(globals);
        const connected = await connect(globals);
        try {
          const asked = await finalise(connected, settings, name, level);
          print(globals, asked, askedLines(asked));
          return 0;
        } finally {
          await connected.close();
        }
      }),
    );
}

const BRAKES = [
  ['pause', 'nothing after the current node; the rest stays as it is'],
  ['resume', 'go on'],
  ['freeze', 'no new roll-out starts'],
  ['unfreeze', 'roll-outs may start again'],
  ['abort', 'pause, then roll back what this roll-out changed'],
] as const;

async function braking(
  globals: Globals,
  press: (connected: { client: Client; db: Db }, settings: Settings) => Promise<EnvironmentState[]>,
): Promise<number> {
  const settings = settingsOf(globals);
  const connected = await connect(globals);
  try {
    const states = await press(connected, settings);
    print(globals, states, states.flatMap(brakeLines));
    return 0;
  } finally {
    await connected.close();
  }
}
