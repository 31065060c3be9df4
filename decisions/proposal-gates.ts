import { parseGitDiff } from './git-diff.ts';
import { dependencyFindings } from './proposal/dependencies.ts';
import { generatedFindings, kindFindings, licenceFindings, protectedFindings, sizeFindings } from './proposal/files.ts';
import { specialCasingFindings } from './proposal/special-casing.ts';
import { type Finding, NO_FACTS, type ProposalFacts, type ProposalPolicy } from './proposal/types.ts';
import { weakenedBuildFindings, weakenedTestFindings } from './proposal/weakened-tests.ts';

export type { Finding, Gate, ProposalFacts, ProposalPolicy } from './proposal/types.ts';

/**
 * What can be said of a proposal by reading its diff (`git diff --binary --full-index`), before anybody sees it. Refusals
 * first, then in the order of the files. Secrets are another scanner's (activities/agent/secret-scan.ts).
 */
export function proposalFindings(diff: string, policy: ProposalPolicy, facts: ProposalFacts = NO_FACTS): Finding[] {
  const parsed = parseGitDiff(diff);
  if (parsed.kind === 'unreadable') {
    return [{ gate: 'readable', kind: 'refuse', file: '', words: `the diff cannot be read: ${parsed.problem}` }];
  }
  const { files } = parsed;
  return refusalsFirst([
    ...sizeFindings(files, policy),
    ...files.flatMap((file) => [
      ...protectedFindings(file, policy),
      ...kindFindings(file),
      ...generatedFindings(file, facts),
      ...dependencyFindings(file, policy),
      ...licenceFindings(file, facts),
      ...weakenedBuildFindings(file),
      ...specialCasingFindings(file, facts),
    ]),
    ...weakenedTestFindings(files, facts.sides),
  ]);
}

export const refusalsFirst = (findings: readonly Finding[]): Finding[] => [
  ...findings.filter(({ kind }) => kind === 'refuse'),
  ...findings.filter(({ kind }) => kind === 'point-out'),
];

/** In one line, for a thread, a model or a person. */
export function findingText({ gate, file, line, quote, words }: Finding): string {
  const where = `${file}${line === undefined ? '' : `:${line}`}`;
  return `${gate}${where === '' ? '' : ` ${where}`}: ${words}${quote ? ` «${quote}»` : ''}`;
}
