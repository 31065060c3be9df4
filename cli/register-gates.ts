import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readSecret } from '../config/env.ts';
import { openArtifacts } from '../store/open-artifacts.ts';
import { canRollNode, canRollText } from './commands/can-roll.ts';
import { replayGate, replayText, waveNamed } from './commands/gate.ts';
import { exitOfShadow, momentOf, shadow, shadowText } from './commands/shadow.ts';
import { openStore, settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';

export const addGateCommands: Register = (program, run) => {
  program
    .command('gate')
    .description('what the gates of roll-outs decided')
    .command('replay')
    .argument('<wave>', 'RELEASE/ENV/WAVE, for example kafka-1/staging/1')
    .description('compute the verdict of a wave again from the looks that were stored with it')
    .action((wave: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const name = waveNamed(wave);
        const store = await openStore(globals);
        try {
          const artifacts = await openArtifacts(settingsOf(globals).artifacts, {
            dataDir: resolve(globals.data),
            readSecret,
          });
          const replay = await replayGate({ db: store.db, artifacts }, name);
          print(globals, replay, replayText(replay));
          return replay.same ? 0 : 1;
        } finally {
          await store.close();
        }
      }),
    );
  program
    .command('can-roll')
    .argument('<env>')
    .argument('<node>')
    .description('whether the rules would let this node be stopped now; reads only')
    .action((environment: string, node: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const asked = await canRollNode(settingsOf(globals), environment, node, { dataDir: resolve(globals.data) });
        print(globals, asked, canRollText(asked));
        return asked.may ? 0 : 1;
      }),
    );
  program
    .command('shadow')
    .argument('<env>')
    .requiredOption('--from <t>', 'ISO 8601, now, or so long ago: -3h')
    .requiredOption('--to <t>', 'the same; may lie in the future: +30m')
    .description('what the gates would have said of a roll-out that somebody else performs')
    .action((environment: string, { from, to }: { from: string; to: string }, command: Command) =>
      run(command, async (globals) => {
        const now = Date.now();
        const span = { fromMs: momentOf(from, now), toMs: momentOf(to, now) };
        const say = (line: string) => void process.stderr.write(`${line}\n`);
        const view = await shadow(settingsOf(globals), environment, span, { dataDir: resolve(globals.data), say });
        print(globals, view, shadowText(view));
        return exitOfShadow(view);
      }),
    );
};
