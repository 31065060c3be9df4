import type { Patchwright } from '../../test/patchwright.ts';
import { outcomeOf, until } from './outcome.ts';

/** File name to workflow id, as the two releases below leave them. */
export const REHEARSED: Record<string, string> = {
  'release-published': 'release:greeter-1',
  'publication-published': 'publication:greeter-1',
  'release-rehearsed': 'release:rehearsed-1',
  'rehearsal-impossible': 'rehearsal:rehearsed-1/1',
};

type Asked = { id: string; open: { digest: string } };
type Told = { thread: { text: string }[] };

/** One release that is published, and one whose way back cannot be tried: Bob is asked, and says no. */
export async function rehearsals(patchwright: Patchwright): Promise<void> {
  for (const environment of ['staging', 'production', 'cluster']) {
    const up = await patchwright.call('env', 'up', environment);
    if (up.status !== 0) throw new Error(`${up.stderr}\n${patchwright.upLog()}`);
  }
  await patchwright.call('release', 'greeter');
  await until('greeter-1 is published', async () => {
    const { thread } = await patchwright.json<Told>('report', 'latest');
    return thread.some(({ text }) => text.includes('is published:'));
  });

  const { token } = await patchwright.json<{ token: string }>('people', 'token', 'bob');
  await patchwright.call('release', 'rehearsed', '--detach');
  await until('bob is asked', async () => {
    const [asked] = await patchwright.json<Asked[]>('approvals');
    if (asked === undefined) return false;
    const reject = ['reject', asked.id, '--digest', asked.open.digest, '--note', 'it was not rehearsed'];
    return (await patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...reject)).status === 0;
  });
  await until('the release has ended', async () => (await outcomeOf(patchwright)) === 'held');
}
