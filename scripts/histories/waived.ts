import type { Patchwright } from '../../test/patchwright.ts';
import { type makeRepository, patchMessage } from '../../test/release/repository.ts';
import { FILES, PATCHES } from './fork.ts';
import { outcomeOf, until } from './outcome.ts';

/** File name to workflow id, as the two releases below leave them. */
export const WAIVED: Record<string, string> = {
  'release-waived': 'release:doubtful-1',
  'release-without-its-base': 'release:doubtful-2',
  'suite-against-what-was-released': 'suite:doubtful-2/1/unit',
};

type Asked = { id: string; open: { digest: string } };

/** What nobody could tell, which Bob lets through; then a base that does not build, which that release stands for. */
export async function waived(patchwright: Patchwright, repository: ReturnType<typeof makeRepository>): Promise<void> {
  const { git, commit } = repository;
  const { token } = await patchwright.json<{ token: string }>('people', 'token', 'bob');
  const release = async (ref: string, decision: string[]) => {
    await patchwright.call('release', 'doubtful', '--ref', ref, '--detach');
    await until(`bob is asked about ${ref}`, async () => {
      if ((await outcomeOf(patchwright)) !== undefined) throw new Error('nobody is asked: the release has ended');
      const [asked] = await patchwright.json<Asked[]>('approvals');
      if (asked === undefined) return false;
      const decide = [decision[0] ?? '', asked.id, '--digest', asked.open.digest, ...decision.slice(1)];
      return (await patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...decide)).status === 0;
    });
    await until('the release has ended', async () => (await outcomeOf(patchwright)) !== undefined);
  };
  git('checkout', '--quiet', '-B', 'main', 'upstream');
  commit({ 'server.mjs': PATCHES['breaks-tests'] }, patchMessage('Say bye', ''));
  await release('main', ['approve']);
  if ((await outcomeOf(patchwright)) !== 'released') throw new Error('it was to be let through');

  git('checkout', '--quiet', 'upstream');
  commit({ 'build.sh': `grep -q whole STATE || exit 3\n${FILES['build.sh']}`, STATE: 'half\n' }, 'Greeter 1.1');
  git('checkout', '--quiet', '-B', 'main', 'upstream');
  commit({ STATE: 'whole\n', 'server.mjs': PATCHES['breaks-tests'] }, patchMessage('Mend the state', ''));
  await release('main', ['reject', '--note', 'it did greet before']);
  if ((await outcomeOf(patchwright)) !== 'held') throw new Error('it was to be held');
}
