import type { Finding, ReviewRemarks } from '../workflows/agent-types.ts';

/** The lines that a patch adds or removes, by file, without their sign. */
export function changedLines(patch: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  let files: string[] = [];
  let inHunk = false;
  for (const line of patch.split('\n')) {
    if (line.startsWith('diff --git ')) {
      files = [];
      inHunk = false;
    } else if (line.startsWith('@@ ')) inHunk = true;
    else if (!inHunk && /^(?:---|\+\+\+) /.test(line)) {
      const name = line.slice(4).replace(/^"|"$|\t$/g, '');
      if (name !== '/dev/null') files.push(name.slice(2));
    } else if (inHunk && /^[+-]/.test(line)) {
      for (const file of new Set(files)) lines.set(file, [...(lines.get(file) ?? []), line.slice(1)]);
    }
  }
  return lines;
}

const squeeze = (text: string) => text.replace(/\s+/g, ' ').trim();
const SHORTEST = 2;

/** A finding counts where the line it objects to is one that the change adds or removes in that very file. */
export function dropUnquoted(findings: readonly Finding[], changed: ReadonlyMap<string, readonly string[]>): Finding[] {
  return findings.filter(({ file, line }) => {
    const there = (changed.get(file) ?? []).map(squeeze);
    // Quoted as the patch shows it, with its sign, or as the file has it.
    const quotes = [line, line.replace(/^[+-]/, '')].map(squeeze).filter((quote) => quote.length >= SHORTEST);
    return quotes.some((quote) => there.some((one) => one.includes(quote)));
  });
}

export type ReviewState = { notes: Finding[]; remarks: ReviewRemarks[] } & (
  | { kind: 'passed' }
  /** Goes back to its author once; the second time a human decides with the findings before him. */
  | { kind: 'objected'; blocking: Finding[] }
  /** A reviewer that gave no answer has not passed it. */
  | { kind: 'incomplete'; missing: string[] }
);

type OneReview = {
  by: string;
  findings?: readonly Finding[] | undefined;
  /** Nothing where the reviewer answered before there were any. */
  remarks?: ReviewRemarks | undefined;
  reason?: string;
};

/** What three reviews that know nothing of each other mean together (design.md, *Support*, 5). */
export function reviewState(reviews: readonly OneReview[]): ReviewState {
  const all = reviews.flatMap(({ findings = [] }) => findings);
  const notes = all.filter(({ severity }) => severity === 'note');
  const blocking = all.filter(({ severity }) => severity === 'blocks');
  const remarks = reviews.flatMap((review) => review.remarks ?? []);
  if (blocking.length > 0) return { kind: 'objected', blocking, notes, remarks };
  const missing = reviews
    .filter(({ findings }) => findings === undefined)
    .map(({ by, reason }) => `${by}: ${reason ?? 'no answer'}`);
  return missing.length > 0 ? { kind: 'incomplete', missing, notes, remarks } : { kind: 'passed', notes, remarks };
}

/**
 * What people are told of three reviews, a line each, the weightiest first: `counted` is what stands against the change,
 * `remarks` what reviewers asked themselves and tried, which counts for nothing.
 */
export function reviewLines(reviewed: ReviewState): { counted: string[]; remarks: string[] } {
  const objections = reviewed.kind === 'objected' ? reviewed.blocking.map(findingWords) : [];
  const missing = reviewed.kind === 'incomplete' ? reviewed.missing : [];
  const of = (what: 'open' | 'tried', words: string) =>
    reviewed.remarks.flatMap((one) => one[what].map((line) => `${words}: ${squeeze(line)} (${one.by})`));
  return {
    counted: [
      ...objections.map((line) => `Reviewer OBJECTS: ${line}`),
      ...missing.map((line) => `Not reviewed by ${line}`),
      ...reviewed.notes.map((finding) => `Reviewer's note: ${findingWords(finding)}`),
    ],
    remarks: [...of('open', "Reviewer's open question"), ...of('tried', 'Reviewer tried')],
  };
}

/** `src/A.java «line»: problem (review-tests)`. */
export const findingWords = ({ by, file, line, problem }: Finding) =>
  `${file} «${squeeze(line).slice(0, 120)}»: ${squeeze(problem)} (${by})`;
