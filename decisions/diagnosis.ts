import type { Diagnosis, Explained, Quote } from '../workflows/agent-types.ts';
import type { Verdict } from '../workflows/types.ts';

/** Finds the lines of a file or log; undefined where there is none such. */
export type LinesOf = (quote: Pick<Quote, 'where' | 'file'>) => readonly string[] | undefined;

/** A line that is told to be elsewhere by a few lines is still that line: files are read in parts. */
const NEAR = 3;
const SHORTEST = 4;

/**
 * What is wrong with the quotes of a diagnosis, a sentence each: every line it rests on has to exist where it is said to
 * be (thesis: deterministic code decides; a model's word about a source is checked against that source).
 */
export function quoteProblems(diagnosis: Diagnosis, linesOf: LinesOf): string[] {
  if (diagnosis.quotes.length === 0) return ['it quotes no line: quote those of source or log that it rests on'];
  return diagnosis.quotes.flatMap((quote) => problemOf(quote, linesOf) ?? []);
}

function problemOf(quote: Quote, linesOf: LinesOf): string | undefined {
  const arm = quote.where.replace('_', ' ');
  const where = quote.where === 'log' ? 'the log' : `${quote.file ?? 'no file'} of the ${arm}`;
  if (quote.where !== 'log' && quote.file === undefined) return `a quote of the ${arm} names no file`;
  const text = squeeze(quote.text);
  if (text.length < SHORTEST) return `"${quote.text}" is too short to be a quote`;
  const lines = linesOf(quote);
  if (lines === undefined) return `${where} does not exist`;
  const found = lines.flatMap((line, i) => (squeeze(line).includes(text) ? [i + 1] : []));
  if (found.length === 0) return `"${quote.text.slice(0, 120)}" does not stand in ${where}`;
  const { line } = quote;
  if (line === undefined || found.some((at) => Math.abs(at - line) <= NEAR)) return undefined;
  return `"${quote.text.slice(0, 120)}" stands in line ${found.slice(0, 5).join(', ')} of ${where}, not in ${line}`;
}

const squeeze = (text: string) => text.replace(/\s+/g, ' ').trim();

/** What a reader takes a file to be of is the candidate; of another arm it has to be said. */
const ARM: Record<Exclude<Quote['where'], 'log'>, string> = {
  candidate: '',
  base: ' (base)',
  old_base: ' (old base)',
  old_patched: ' (the patch on its old base)',
};

/** For the thread: what it says, how sure it is and what it rests on, marked as a model's word. */
export function diagnosisWords(about: string, { cause, quotes, confidence, todo }: Diagnosis): string {
  const lines = quotes.slice(0, 3).map(({ where, file, line, text }) => {
    const at = where === 'log' ? 'log' : `${file}${line === undefined ? '' : `:${line}`}${ARM[where]}`;
    return `${at} «${squeeze(text).slice(0, 160)}»`;
  });
  return `${about}: the agent’s explanation (${confidence} confidence; its quotes were found, its conclusion is not proven): ${cause} It rests on ${lines.join(' · ')}. To do: ${todo}`;
}

/**
 * The explanation that belongs to a failure: of that very test, or of another one of its suite that the same patches
 * break. Undefined where there is none: one of something else would lead astray.
 */
export function explanationOf(
  failure: Pick<Verdict, 'unit' | 'test' | 'culprit'> & { suite: string },
  all: readonly Explained[],
): Explained | undefined {
  const same = all.filter(({ suite }) => suite === failure.suite);
  return (
    same.find(({ unit, test }) => unit === failure.unit && test === failure.test) ??
    same.find(({ culprit }) => culprit !== undefined && String(culprit) === String(failure.culprit))
  );
}

/** For whoever mends it after: what another agent said, as what it is. */
export function explanationWords({ cause, quotes, confidence, todo }: Diagnosis): string {
  const lines = quotes.map(({ where, file, line, text }) => {
    const at = where === 'log' ? 'the log' : `${file}${line === undefined ? '' : `:${line}`} of ${where}`;
    return `- ${at}: ${squeeze(text)}`;
  });
  return [
    'Another agent looked into it before you. Its quotes were found where it says; its conclusion is NOT proven and may be wrong: check it before you build on it.',
    `Cause (${confidence} confidence): ${cause}`,
    ...lines,
    `It proposes: ${todo}`,
  ].join('\n');
}
