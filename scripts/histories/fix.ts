import { join } from 'node:path';
import { LIMITS } from '../../test/fix/script.ts';
import type { Patchwright } from '../../test/patchwright.ts';
import { makeRepository } from '../../test/release/repository.ts';
import { until } from './outcome.ts';

/** What fixes may change while histories are recorded. */
export const FIXABLE = (folder: string) =>
  `support: { repositories: { limits: { repository: '${folder}/limits', check: [sh, check.sh] } } }`;

type Asked = { id: string; open: { digest: string } };

/** One fix that is approved, applied and verified. File name to workflow id. */
export async function fixes(patchwright: Patchwright): Promise<Record<string, string>> {
  const repository = makeRepository(join(patchwright.folder, 'limits'));
  repository.commit(LIMITS, 'Limits');
  repository.git('branch', 'main');
  const { token } = await patchwright.json<{ token: string }>('people', 'token', 'bob');
  const opened = await patchwright.call('ticket', 'open', '--text', 'Why are connections refused?');
  const ticket = opened.stdout.split('\n')[0] ?? '';
  const handed = await patchwright.call('ticket', 'hand-off', ticket);
  if (handed.status !== 0) throw new Error(`${handed.stderr}\n${patchwright.upLog().slice(-4000)}`);
  await until('bob is asked about the fix', async () => {
    const asked = (await patchwright.json<Asked[]>('approvals')).find(({ id }) => id === `${ticket}/1/1`);
    if (asked === undefined) return false;
    const approve = ['approve', asked.id, '--digest', asked.open.digest];
    return (await patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...approve)).status === 0;
  });
  await until('the ticket is closed', async () => {
    const { state } = await patchwright.json<{ state: string }>('ticket', 'show', ticket);
    return state === 'closed';
  });
  return {
    'fix-verified': `fix:${ticket}/1`,
    'agent-investigated': `agent:${ticket}/1/1-1/investigate`,
    'agent-patched': `agent:${ticket}/1/1-1/patch`,
    'approval-of-a-fix': `approval:${ticket}/1/1`,
  };
}
