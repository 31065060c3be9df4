import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { TicketView } from '../../cli/commands/ticket.ts';
import { approvalsOf, type StoredApproval } from '../../store/approvals.ts';
import { threadOf } from '../../store/thread.ts';
import { patchwrightIn } from '../patchwright.ts';
import { makeRepository } from '../release/repository.ts';
import { byRole, type Script } from '../repair/script.ts';
import { until } from '../rollout/fixture.ts';
import { startModel } from '../servers/model.ts';

export type Question = StoredApproval;

const PEOPLE = `
people:
  ann: { name: Ann, user: ${userInfo().username} }
  bob: { name: Bob, email: bob@example.org }
  cat: { name: Cat, email: cat@example.org }
`;

/**
 * The whole product by its command line; only the model is played. `more`: what there is to be fixed. `people`: others than
 * ann, bob and cat; `env`: secrets that the configuration refers to.
 */
export async function openFixWorld(
  more: (folder: string) => string,
  { people = PEOPLE, env = {} }: { people?: string; env?: Record<string, string> } = {},
) {
  const model = await startModel(() => ({ status: 500 }));
  const yaml = (folder: string) => `
model: { name: scripted, key: { env: FIX_MODEL_KEY }, baseUrl: '${model.url}' }
${people}${more(folder)}`;
  const patchwright = patchwrightIn(yaml, { FIX_MODEL_KEY: 'fix-model-key-0123456', ...env });
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

  const { store } = patchwright;
  async function waiting<T>(what: string, ticket: string, look: (told: string) => Promise<T | undefined | false>) {
    let told = '';
    try {
      return await until(what, () => read());
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${told}\n${patchwright.upLog().slice(-3_000)}`);
    }
    async function read() {
      told = (await threadOf(store(), ticket)).map(({ text }) => text).join('\n');
      return look(told);
    }
  }

  return {
    ...{ patchwright, model, store, repository, as, show },
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
      return waiting(`${ticket}/1/${round} waits`, ticket, async (told) => {
        if (told.includes('No fix:')) throw new Error('it was given back');
        const [found] = await approvalsOf(store(), { id: `${ticket}/1/${round}` });
        return found;
      });
    },
    approve: async (person: string, { id, open }: Question) => as(person, 'approve', id, '--digest', open.digest),
    /** Until its thread says this. All that was told. */
    hears: (ticket: string, what: RegExp) =>
      waiting(`it says ${what}`, ticket, async (told) => what.test(told) && told),
    async close() {
      await patchwright.close();
      await model.stop();
    },
  };
}

export type FixWorld = Awaited<ReturnType<typeof openFixWorld>>;
