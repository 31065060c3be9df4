import { raise } from '../../test/fix/script.ts';
import type { Patchwright } from '../../test/patchwright.ts';
import { type makeRepository, patchMessage } from '../../test/release/repository.ts';
import { byRole } from '../../test/repair/script.ts';
import { PATCHES } from './fork.ts';
import { outcomeOf, until } from './outcome.ts';

/** File name to workflow id, as the repairs below leave them. */
export const REPAIRED: Record<string, string> = {
  'release-repaired': 'release:mended-1',
  'repair-repaired': 'repair:mended-1/1/repair',
  'agent-repaired': 'agent:mended-1/1/repair-1',
  'agent-reviewed': 'agent:mended-1/1/repair-1/review-tests',
  'proof-of-a-trial': 'proof:mended-1/1/repair-1/trial-1',
  'proof-proven': 'proof:mended-1/1/repair-1/proof',
  'repair-handed-over': 'repair:mended-2/1/repair',
  'release-not-mended': 'release:mended-2',
  'release-of-a-conflict': 'release:careful-1',
  'repair-of-a-conflict': 'repair:careful-1/1/repair',
};

/** What the scripted model answers, resting on the first line of every patch. */
const EXPLAINED: [string, unknown] = [
  'answer',
  {
    cause: 'The patch changes what the test, the compiler or upstream expects.',
    quotes: [{ where: 'candidate', file: 'server.mjs', text: PATCHES['breaks-tests'].trim().split('\n')[0] }],
    confidence: 'high',
    todo: 'Take the change back.',
  },
];

const PROPOSE: [string, unknown] = [
  'propose',
  { cause: 'The patch says bye where it has to say hello.', change: 'It says hello again.', risk: 'none known' },
];
const MEND: [string, unknown] = [
  'edit_file',
  { path: 'server.mjs', old: "greeting = 'bye'", new: "greeting = 'hello, bye'" },
];
const RESOLVE: [string, unknown] = [
  'shell',
  { command: `sed -i -e "/^<<<<<<</,/^>>>>>>>/cconst greeting = 'hello dear';" server.mjs` },
];

const UNWRITE: [string, unknown] = [
  'edit_file',
  { path: 'server.mjs', old: 'const = nonsense;', new: 'const sense = 1;' },
];

/** Explains; mends what it is asked to, but for a patch whose reason says that it cannot; finds nothing in reviews; raises a limit. */
export const scripted = byRole((asked) => {
  const { role, turn, brief } = asked;
  if (role === 'investigate' || role === 'patch') return raise(asked);
  if (role === 'diagnose') return { calls: [turn === 1 ? ['list_files', { arm: 'base' }] : EXPLAINED] };
  if (role !== 'repair' || brief.includes(HOPELESS)) return undefined;
  if (brief.includes('const = nonsense')) return { calls: [turn === 1 ? UNWRITE : PROPOSE] };
  if (brief.includes('conflicts in')) return { calls: [turn === 1 ? RESOLVE : PROPOSE] };
  if (turn === 1) return { calls: [['read_file', { arm: 'mine', path: 'server.mjs' }], MEND] };
  return { calls: [turn === 2 ? ['run_tests', {}] : PROPOSE] };
});

const HOPELESS = 'Make it hopeless';

/** One release that is mended, one that is not, and a conflict on a newer base on which people decide. */
export async function repairs(patchwright: Patchwright, repository: ReturnType<typeof makeRepository>): Promise<void> {
  const { git, commit } = repository;
  const begin = (subject: string) => {
    git('checkout', '--quiet', '-B', 'main', 'upstream');
    commit({ 'server.mjs': PATCHES['breaks-tests'] }, patchMessage(subject));
  };
  const ends = async (wanted: string) => {
    const found = await outcomeOf(patchwright);
    process.stderr.write(`${wanted} was wanted: ${found}\n`);
    if (found !== wanted)
      throw new Error(`a repair was to end ${wanted}, not ${found}\n${patchwright.upLog().slice(-4000)}`);
  };
  begin('Say bye');
  await patchwright.call('release', 'mended');
  await ends('released');
  begin(HOPELESS);
  await patchwright.call('release', 'mended');
  await ends('held');

  git('checkout', '--quiet', '-B', 'newer', 'upstream');
  commit({ 'server.mjs': PATCHES.good }, 'Upstream greets with a comma');
  git('checkout', '--quiet', '-B', 'main', 'upstream');
  commit({ 'server.mjs': PATCHES.better }, patchMessage('Greet those who are there'));
  const { token } = await patchwright.json<{ token: string }>('people', 'token', 'bob');
  await patchwright.call('release', 'careful', '--detach');
  await until('bob is asked about the repair', async () => {
    const asked = await patchwright.json<{ id: string; open: { digest: string } }[]>('approvals');
    if ((await outcomeOf(patchwright)) !== undefined) throw new Error(`nobody is asked: the release has ended`);
    const of = asked.find(({ id }) => id.startsWith('careful-1/'));
    if (of === undefined) return false;
    const approve = ['approve', of.id, '--digest', of.open.digest];
    return (await patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...approve)).status === 0;
  });
  await until('the release has ended', async () => (await outcomeOf(patchwright)) !== undefined);
  await ends('released');
}
