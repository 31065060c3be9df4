import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { TicketView } from '../../cli/commands/ticket.ts';
import { patchwrightIn } from '../patchwright.ts';
import { makeRepository } from '../release/repository.ts';
import { byRole, type Script } from '../repair/script.ts';
import { until } from '../rollout/fixture.ts';
import { startModel } from '../servers/model.ts';

export type Question = {
  id: string;
  question: { title: string; summary: string; binds: Record<string, string> };
  open: { digest: string; deciders: string[]; barred: Record<string, string> };
};

const PEOPLE = `
people:
  ann: { name: Ann, user: ${userInfo().username} }
  bob: { name: Bob, email: bob@example.org }
  cat: { name: Cat, email: cat@example.org }
`;

/** The whole product by its command line; only the model is played. `more`: what there is to be fixed. */
export async function openFixWorld(more: (folder: string) => string) {
  const model = await startModel(() => ({ status: 500 }));
  const yaml = (folder: string) => `
model: { name: scripted, key: { env: FIX_MODEL_KEY }, baseUrl: '${model.url}' }
${PEOPLE}${more(folder)}`;
  const patchwright = patchwrightIn(yaml, { FIX_MODEL_KEY: 'fix-model-key-0123456' });
  const repository = (name: string) => makeRepository(join(patchwright.folder, name));
  const tokens = new Map<string, string>();

  async function tokenOf(person: string): Promise<string> {
    const known = tokens.get(person);
    if (known !== undefined) return known;
    const { token } = await patchwright.json<{ token: string }>('people', 'token', person);
    tokens.set(person, token);
    return token;
  }

  const as = async (person: string, ...args: string[]) =>
    patchwright.callWith({ PATCHWRIGHT_TOKEN: await tokenOf(person) }, ...args);
  const show = (id = 'latest') =>
    patchwright.json<TicketView & { thread: { text: string; tone: string }[] }>('ticket', 'show', id);

  return {
    ...{ patchwright, model, repository, as, show },
    /** Asks, and hands it to the agent at once. Returns the ticket's id. */
    async handOff(text: string, script: Script, hint?: string): Promise<string> {
      model.play(byRole(script));
      const asked = await patchwright.call('ticket', 'open', '--text', text);
      if (asked.status !== 0) throw new Error(`${asked.stderr}\n${patchwright.upLog()}`);
      const id = asked.stdout.split('\n')[0] ?? '';
      const handed = await patchwright.call('ticket', 'hand-off', id, ...(hint === undefined ? [] : ['--hint', hint]));
      if (handed.status !== 0) throw new Error(handed.stderr);
      return id;
    },
    /** The question of this round, once it waits. */
    async question(ticket: string, round = 1): Promise<Question> {
      let found: Question | undefined;
      let told = '';
      try {
        await until('it waits for a decision', async () => {
          const waiting = await patchwright.json<Question[]>('approvals');
          found = waiting.find(({ id }) => id === `${ticket}/1/${round}`);
          const view = await show(ticket);
          told = JSON.stringify(view.thread.map((line) => line.text), undefined, 1);
          if (view.thread.some(({ text }) => text.includes('No fix:'))) throw new Error('it was given back');
          return found !== undefined;
        }, 60_000);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${told}\n${patchwright.upLog().slice(-3_000)}`);
      }
      return found as Question;
    },
    approve: async (person: string, { id, open }: Question) => as(person, 'approve', id, '--digest', open.digest),
    /** Until its thread says this. All that was told. */
    async hears(ticket: string, what: RegExp): Promise<string> {
      let told = '';
      try {
        await until(`it says ${what}`, async () => {
          told = (await show(ticket)).thread.map(({ text }) => text).join('\n');
          return what.test(told);
        }, 60_000);
      } catch (error) {
        throw new Error(`${(error as Error).message}: ${what} in\n${told}\n${patchwright.upLog().slice(-3_000)}`);
      }
      return told;
    },
    async close() {
      await patchwright.close();
      await model.stop();
    },
  };
}

export type FixWorld = Awaited<ReturnType<typeof openFixWorld>>;
