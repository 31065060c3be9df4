import type { Asked, Script } from '../../test/repair/script.ts';
import type { ModelAnswer } from '../../test/servers/model.ts';

/**
 * Whoever answers in the model's place: it knows the example, and does what an author who is worth his pay would. Where
 * it is sent something else than it expects, its run ends with its words.
 */

export const FILE = 'clients/src/main/java/org/apache/kafka/common/internals/Topic.java';
/** Both have a name that mixes the separators; group instances go by the same rule. */
export const TESTS = [
  'org.apache.kafka.common.internals.TopicTest',
  'org.apache.kafka.common.requests.JoinGroupRequestTest',
];

const CONDITION = "if (name.indexOf('.') >= 0 && name.indexOf('_') >= 0)";
const MESSAGE = "contains both '.' and '_'";
const MENDED = "if (separatesWords(name, '.') && separatesWords(name, '_'))";
const NEXT_METHOD = '    public static boolean isValid(String name) {\n';
const METHOD = `    /**
     * Whether the character stands between two letters or digits: only there it makes two words of a name.
     */
    private static boolean separatesWords(String name, char separator) {
        for (int i = name.indexOf(separator); i >= 0; i = name.indexOf(separator, i + 1)) {
            if (i > 0 && i < name.length() - 1
                    && Character.isLetterOrDigit(name.charAt(i - 1)) && Character.isLetterOrDigit(name.charAt(i + 1)))
                return true;
        }
        return false;
    }

`;

/** @param proposed is told what the agent's own trial said, before it hands in. */
export function exampleScript(proposed: (trial: string) => void): Script {
  return (asked) => {
    if (asked.role === 'diagnose') return explain(asked);
    if (asked.role === 'repair') return mend(asked, proposed);
    if (asked.role.startsWith('review-')) return look(asked);
    return undefined;
  };
}

function explain({ turn, brief, outputs }: Asked): ModelAnswer {
  // Something else that holds the example: the script has nothing to say of it.
  if (!/\b(TopicTest|JoinGroupRequestTest)#/.test(brief)) return { text: 'I know nothing of this one.' };
  if (turn === 1) {
    const log: Call = ['evidence', { what: 'log' }];
    return { calls: [log, ['read_file', { arm: 'candidate', path: FILE }]] };
  }
  expected(outputs, MESSAGE, 'what the failing run said');
  expected(outputs, CONDITION, 'the line of the patch');
  const cause = {
    cause:
      'The patch refuses each name that holds both separators, wherever they stand; upstream takes names that end in one, and its test says so.',
    quotes: [
      { where: 'candidate', file: FILE, text: CONDITION },
      { where: 'log', text: MESSAGE },
    ],
    confidence: 'high',
    todo: 'Refuse a name only where both separate words: names that begin or end with one stay as they were.',
  };
  return { calls: [['answer', cause]] };
}

function mend({ turn, brief, outputs }: Asked, proposed: (trial: string) => void): ModelAnswer {
  if (turn === 1) {
    expected([brief], 'Refuse topic names that mix dots and underscores', 'the guilty patch');
    expected([brief], 'An explanation, not proven', 'what the diagnosis said');
    return { calls: [['read_file', { arm: 'mine', path: FILE }]] };
  }
  if (turn === 2) {
    expected(outputs, CONDITION, 'the file');
    const edits: Call[] = [
      ['edit_file', { path: FILE, old: CONDITION, new: MENDED }],
      ['edit_file', { path: FILE, old: NEXT_METHOD, new: METHOD + NEXT_METHOD }],
    ];
    return { calls: [...edits, ['run_tests', {}]] };
  }
  proposed(outputs.at(-1) ?? '');
  const words = {
    cause: 'The patch refuses each name that holds both separators, also where one of them stands at an end.',
    change: 'A name is refused where both stand between letters or digits, which is what the patch is for.',
    risk: 'Names that end in a separator, and so end up in one metric series, are taken as upstream takes them.',
  };
  return { calls: [['propose', words]] };
}

/** A reviewer who objects to nothing has at least seen the change and what surrounds it. */
function look({ turn, brief, outputs }: Asked): ModelAnswer {
  if (turn === 1) {
    expected([brief], '+        if (separatesWords(name', 'the change');
    return { calls: [['read_file', { arm: 'candidate', path: FILE }]] };
  }
  expected(outputs, 'private static boolean separatesWords', 'the file with the change');
  return { calls: [['review', { findings: [], tried: ['a separator at an end, two side by side, an empty name'] }]] };
}

type Call = [name: string, given: unknown];

function expected(given: readonly string[], words: string, what: string): void {
  if (given.some((text) => text.includes(words))) return;
  throw new Error(`${what} was not given: ${given.join('\n').slice(0, 400)}`);
}
