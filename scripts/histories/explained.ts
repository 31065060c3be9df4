import type { Patchwright } from '../../test/patchwright.ts';
import { type makeRepository, patchMessage } from '../../test/release/repository.ts';
import { PATCHES } from './fork.ts';
import { outcomeOf, until } from './outcome.ts';

/** File name to workflow id, as the releases below leave them. */
export const EXPLAINED_HELD: Record<string, string> = {
  'release-explained-build': 'release:greeter-1',
  'agent-explained-a-build': 'agent:greeter-1/1/diagnose/build/1',
  'release-of-a-mended-build': 'release:mended-1',
  'repair-of-a-build': 'repair:mended-1/1/repair',
  'release-explained-conflict': 'release:careful-1',
  'agent-explained-a-conflict': 'agent:careful-1/1/diagnose/cut/1',
  'repair-of-an-explained-conflict': 'repair:careful-1/1/repair',
};

type Asked = { id: string; open: { digest: string } };

/** What does not compile, explained where nothing is mended and where it is; and a conflict that people decide on. */
export async function explainedHeld(
  patchwright: Patchwright,
  repository: ReturnType<typeof makeRepository>,
): Promise<void> {
  const { git, commit } = repository;
  const ends = async (wanted: string) => {
    const found = await outcomeOf(patchwright);
    if (found !== wanted)
      throw new Error(`a release was to end ${wanted}, not ${found}\n${patchwright.upLog().slice(-4000)}`);
  };
  git('checkout', '--quiet', '-B', 'main', 'upstream');
  commit({ 'server.mjs': PATCHES['breaks-build'] }, patchMessage('Write nonsense'));
  await patchwright.call('release', 'greeter');
  await ends('held');
  await patchwright.call('release', 'mended');
  await ends('released');

  git('checkout', '--quiet', '-B', 'newer', 'upstream');
  commit({ 'server.mjs': PATCHES.good }, 'Upstream greets with a comma');
  git('checkout', '--quiet', '-B', 'main', 'upstream');
  commit({ 'server.mjs': PATCHES.better }, patchMessage('Greet those who are there'));
  const { token } = await patchwright.json<{ token: string }>('people', 'token', 'bob');
  await patchwright.call('release', 'careful', '--detach');
  await until('bob is asked about the conflict', async () => {
    if ((await outcomeOf(patchwright)) !== undefined) throw new Error('nobody is asked: the release has ended');
    const asked = (await patchwright.json<Asked[]>('approvals')).find(({ id }) => id.startsWith('careful-1/'));
    if (asked === undefined) return false;
    const approve = ['approve', asked.id, '--digest', asked.open.digest];
    return (await patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...approve)).status === 0;
  });
  await until('the release has ended', async () => (await outcomeOf(patchwright)) !== undefined);
  await ends('released');
}
