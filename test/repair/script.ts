import type { ModelAnswer, ModelRequest } from '../servers/model.ts';

export type Role =
  | 'diagnose'
  | 'repair'
  | 'investigate'
  | 'patch'
  | 'review-correctness'
  | 'review-blast-radius'
  | 'review-tests';

/** One question, as a script sees it: who is asked, what was answered to its last calls, how often it was asked in this run. */
export type Asked = { role: Role; turn: number; outputs: string[]; brief: string; instructions: string };
export type Script = (asked: Asked) => ModelAnswer | undefined;

const EXPLAINED = {
  cause: 'The cause is somewhere in what the patch changed.',
  quotes: [{ where: 'candidate', file: 'Greeter.java', text: 'public class Greeter' }],
  confidence: 'low',
  todo: 'Have a look at it.',
};

/** Answers by role; whoever the script says nothing for explains shortly, and finds nothing. */
export function byRole(script: Script): (request: ModelRequest) => ModelAnswer {
  return (request) => {
    const asked = askedOf(request);
    const answer = script(asked);
    if (answer !== undefined) return answer;
    if (asked.role === 'diagnose') return { calls: [['answer', EXPLAINED]] };
    if (['repair', 'investigate', 'patch'].includes(asked.role)) return { text: 'I cannot mend this.' };
    return { calls: [['review', { findings: [] }]] };
  };
}

function askedOf({ input }: ModelRequest): Asked {
  const text = ({ content }: Record<string, unknown>) => (typeof content === 'string' ? content : '');
  const instructions = text(input[0] ?? {});
  const lastCall = input.findLastIndex(({ type }) => type === 'function_call');
  const outputs = input
    .slice(lastCall + 1)
    .flatMap(({ type, output }) => (type === 'function_call_output' ? [String(output)] : []));
  const turns = input.filter(({ type, role }) => type === 'function_call_output' || role === 'assistant');
  const turn = 1 + new Set(turns.map(({ call_id, id }) => String(call_id ?? id).replace(/_\d+$/, ''))).size;
  return { role: roleOf(instructions), turn, outputs, brief: text(input[1] ?? {}), instructions };
}

function roleOf(instructions: string): Role {
  if (instructions.startsWith('You mend')) return 'repair';
  if (instructions.startsWith('You look into')) return 'investigate';
  if (instructions.startsWith('You make one planned')) return 'patch';
  if (instructions.startsWith('You explain')) return 'diagnose';
  if (instructions.includes('blast radius')) return 'review-blast-radius';
  return instructions.includes('tests and honesty') ? 'review-tests' : 'review-correctness';
}
