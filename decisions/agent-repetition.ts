/** One call that a run made. `same`: what it asked, as `sameCall` reads it; `files`: what its files were before it. */
export type MadeCall = { name: string; same: string; outcome: string; files?: string };

/** Asked so often and answered the same, a call is pointed out; made once more after that, it ends the run. */
const TOLD_AT = 3;

/** Its texts are looked for or written as they are: another space is another text. */
const EXACT = ['edit_file'];

/** What a call asks, without differences that mean nothing: white space, the order of its arguments. */
export function sameCall(name: string, given: string): string {
  const squeeze = (text: string) => (EXACT.includes(name) ? text : text.replace(/\s+/g, ' ').trim());
  return `${name} ${JSON.stringify(inOneForm(parsed(given), squeeze))}`;
}

function parsed(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch (error) {
    if (error instanceof SyntaxError) return given;
    throw error;
  }
}

function inOneForm(value: unknown, squeeze: (text: string) => string): unknown {
  if (typeof value === 'string') return squeeze(value);
  if (Array.isArray(value)) return value.map((one) => inOneForm(one, squeeze));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, inOneForm(inner, squeeze)]));
}

export type Repetition =
  | { kind: 'none' }
  | { kind: 'told'; call: string; times: number }
  | { kind: 'over'; reason: string };

/**
 * Whether the newest calls of a run are work, or the same again: the same question over the same files, answered the
 * same, anywhere in the run. After a change of its files a call is another one, and so is one whose answer is another.
 *
 * @param made oldest first, without those whose answers were left out of what the model reads: it has to ask those again.
 * @param newest how many of them belong to the last turn.
 */
export function repetition(made: readonly MadeCall[], newest: number): Repetition {
  let told: Repetition = { kind: 'none' };
  for (let i = Math.max(0, made.length - newest); i < made.length; i += 1) {
    const call = made[i];
    if (call === undefined) continue;
    const before = made.slice(0, i).flatMap((one, at) => (isSame(one, call) ? [at] : []));
    const times = before.length + 1;
    // Whoever asks twice in one turn was not told in between.
    const wasTold = before.filter((at) => at < made.length - newest).length >= TOLD_AT;
    if (wasTold) {
      const reason = `it made the same call ${times} times and was answered the same each time: ${call.name}`;
      return { kind: 'over', reason };
    }
    if (times >= TOLD_AT) told = { kind: 'told', call: call.name, times };
  }
  return told;
}

const isSame = (one: MadeCall, other: MadeCall) =>
  one.same === other.same && one.outcome === other.outcome && one.files === other.files;

/** What ended a run before each call was looked at: runs of then still end by it. */
export const SAME_CALLS = 3;

/** @param signatures of the calls of each turn, oldest first: a digest over names and arguments. */
export function repeatsItself(signatures: readonly string[]): boolean {
  const last = signatures.slice(-SAME_CALLS);
  return last.length === SAME_CALLS && new Set(last).size === 1;
}
