import type { Diagnosis, Quote } from '../workflows/agent-types.ts';

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
  const where = quote.where === 'log' ? 'the log' : `${quote.file ?? 'no file'} of the ${quote.where}`;
  if (quote.where !== 'log' && quote.file === undefined) return `a quote of the ${quote.where} names no file`;
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

/** For the thread: what it says, how sure it is and what it rests on, marked as a model's word. */
export function diagnosisWords(test: string, { cause, quotes, confidence, todo }: Diagnosis): string {
  const lines = quotes.slice(0, 3).map(({ where, file, line, text }) => {
    const at = where === 'log' ? 'log' : `${file}${line === undefined ? '' : `:${line}`}`;
    return `${at} «${squeeze(text).slice(0, 160)}»`;
  });
  return `${test}: the agent’s explanation (${confidence} confidence; its quotes were found, its conclusion is not proven): ${cause} It rests on ${lines.join(' · ')}. To do: ${todo}`;
}
