import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { byRole } from '../test/repair/script.ts';
import { type ModelRequest, startModel } from '../test/servers/model.ts';
import { BROKEN } from './agent-fork.ts';

/** One question that the model's server was asked: which run's, by its brief; which of its turns; when. */
export type Question = { brief: string; turn: number; atMs: number };

const SLOW_MS = 2_500;

const MEND: [string, unknown] = ['edit_file', { path: 'Greeter.java', old: BROKEN.old, new: BROKEN.now }];
const PROPOSE: [string, unknown] = [
  'propose',
  { cause: 'The patch says bye where greet has to say hello.', change: 'greet says hello again.', risk: 'none known' },
];

const answers = byRole(({ role, turn }) => {
  if (role !== 'repair') return undefined;
  if (turn === 1) return { calls: [['read_file', { arm: 'mine', path: 'Greeter.java' }], MEND] };
  if (turn === 2) return { calls: [['shell', { command: 'sleep 1; grep -n hello Greeter.java' }]] };
  return { calls: [turn === 3 ? ['run_tests', {}] : PROPOSE] };
});

/** Mends what it is asked about, and takes its time: somebody is killed while it thinks. */
export async function startSlowModel() {
  const questions: Question[] = [];
  let open = 0;
  const model = await startModel(async (request) => {
    questions.push({ ...nameOf(request), atMs: Date.now() });
    open += 1;
    await sleep(SLOW_MS);
    open -= 1;
    return answers(request);
  });
  return { ...model, questions, isThinking: () => open > 0 };
}

/** A turn has one answer of the model before each turn before it; every one of our script's answers makes calls. */
function nameOf({ input }: ModelRequest): Pick<Question, 'brief' | 'turn'> {
  const answered = new Set(
    input.flatMap(({ type, call_id }) => (type === 'function_call' ? [String(call_id).replace(/_\d+$/, '')] : [])),
  );
  return { brief: briefName(input.slice(0, 2)), turn: answered.size + 1 };
}

/** A run is known by its first words, as they were given: the server is told no name. */
export const briefName = (items: readonly Record<string, unknown>[]) =>
  createHash('sha256')
    .update(items.map(({ role, content }) => `${String(role)}\n${String(content)}`).join('\n\n'))
    .digest('hex');
