import { resolve } from 'node:path';
import type { Command } from 'commander';
import { answerLines, indexedLines, needsStore, rebuildIndex, searchAs } from './commands/knowledge.ts';
import { type Globals, openStore, settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';

export const addKnowledgeCommands: Register = (program, run) => {
  const knowledge = program.command('knowledge').description('what questions are answered from');
  knowledge
    .command('rebuild')
    .description('read every source and make the index anew; exit 1 where a source could not be read')
    .action((_: object, command: Command) => run(command, rebuild));
  knowledge
    .command('search')
    .argument('<question...>', 'in words')
    .option('--as <person...>', 'what all of these may read, the first one asking; what everyone may read by default')
    .description('what would be found for a question, and whether that is enough; exit 1 where it is not')
    .action((question: string[], options: { as?: string[] }, command: Command) =>
      run(command, async (globals) => {
        const here = { settings: settingsOf(globals), dataDir: resolve(globals.data) };
        const answer = await searchAs(here, question.join(' '), options.as ?? []);
        print(globals, answer, answerLines(answer));
        return answer.enough ? 0 : 1;
      }),
    );
};

async function rebuild(globals: Globals): Promise<number> {
  const settings = settingsOf(globals);
  const store = needsStore(settings) ? await openStore(globals) : undefined;
  try {
    const indexed = await rebuildIndex({ settings, dataDir: resolve(globals.data), db: store?.db });
    print(globals, indexed, indexedLines(indexed));
    return indexed.sources.some(({ unreadable }) => unreadable !== undefined) ? 1 : 0;
  } finally {
    await store?.close();
  }
}
