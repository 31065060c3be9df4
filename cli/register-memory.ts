import type { Command } from 'commander';
import { confirm, forget, memories, memoryLines } from './commands/memory.ts';
import { type Globals, openStore, settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';

export const addMemoryCommands: Register = (program, run) => {
  const memory = program.command('memory').description('what verified fixes have taught');
  const inStore = (called: Command, act: (globals: Globals, db: Store['db']) => Promise<void>) =>
    run(called, async (globals) => {
      const store = await openStore(globals);
      try {
        await act(globals, store.db);
        return 0;
      } finally {
        await store.close();
      }
    });
  memory
    .command('list')
    .description('what you may read of it, what waits for a confirmation first')
    .action((_: object, called: Command) =>
      inStore(called, async (globals, db) => {
        const all = await memories(db, settingsOf(globals));
        print(globals, all, memoryLines(all));
      }),
    );
  memory
    .command('confirm')
    .argument('<id>')
    .option('--readers <name...>', 'people, groups or everyone, instead of who read along in its ticket')
    .description('let it count in answers, with your own token in PATCHWRIGHT_TOKEN')
    .action((id: string, { readers }: { readers?: string[] }, called: Command) =>
      inStore(called, async (globals, db) => {
        const done = await confirm(db, settingsOf(globals), id, readers);
        print(globals, done, [`${id} counts from now on`]);
      }),
    );
  memory
    .command('forget')
    .argument('<id>')
    .description('take its words away for good, with your own token in PATCHWRIGHT_TOKEN')
    .action((id: string, _: object, called: Command) =>
      inStore(called, async (globals, db) => {
        const done = await forget(db, settingsOf(globals), id);
        print(globals, done, [`${id} is forgotten; that it was there stays in the audit`]);
      }),
    );
};

type Store = Awaited<ReturnType<typeof openStore>>;
