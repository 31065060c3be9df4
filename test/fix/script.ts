import type { Script } from '../repair/script.ts';

/** The repository that most of these tests mend: a limit that is too low, and a check, which looks at its machine too. */
export const LIMITS = {
  'limits.conf': 'connections=10\nmemory=64\n',
  'check.sh': `grep -qE '^connections=[0-9]+$' limits.conf || { echo 'connections is no number'; exit 1; }
[ ! -e before ] || [ ! -e "$(cat before)" ] || { echo 'too late'; exit 1; }
`,
};

type Call = [name: string, given: unknown];

export const plan = (more: object = {}): Call => [
  'plan',
  {
    ...{ kind: 'repository', target: 'limits', what: 'Raise the limit of connections' },
    why: 'The ticket says that connections are refused, and limits.conf allows ten.',
    quotes: [{ in: 'repo.limits', of: 'limits.conf', text: 'connections=10' }],
    ...more,
  },
];

export const edit = (old: string, now: string, path = 'limits.conf'): Call => ['edit_file', { path, old, new: now }];

export const handIn = (failingCase?: string, more: object = {}): Call => [
  'hand_in',
  { change: 'A higher limit.', risk: 'More memory is used.', ...(failingCase && { failingCase }), ...more },
];

/** Looks, plans, changes the limit, tries it, hands it in. */
export const raise: Script = ({ role, turn }) => {
  if (role === 'investigate')
    return { calls: [turn === 1 ? ['read_file', { in: 'repo.limits', path: 'limits.conf' }] : plan()] };
  if (role !== 'patch') return undefined;
  if (turn === 1) return { calls: [edit('connections=10', 'connections=50'), ['run_tests', {}]] };
  return { calls: [handIn('grep -q connections=50 limits.conf')] };
};
