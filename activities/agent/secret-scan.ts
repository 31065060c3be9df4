import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import { parseGitDiff } from '../../decisions/git-diff.ts';
import { changedLines, type Finding, finding } from '../../decisions/proposal/types.ts';

const RULES = '@secretlint/secretlint-rule-preset-recommend';

/**
 * Secrets in the lines that a diff adds, by secretlint's rules. What was found is named and never quoted: a finding is
 * shown to people and sent to models. A diff that cannot be read has another gate to refuse it.
 */
export async function secretFindings(diff: string): Promise<Finding[]> {
  const parsed = parseGitDiff(diff);
  if (parsed.kind === 'unreadable') return [];
  const found: Finding[] = [];
  for (const file of parsed.files) {
    const added = changedLines(file, '+');
    if (added.length === 0) continue;
    const { messages } = await lintSource({
      source: {
        content: added.map(({ text }) => withoutOrders(text)).join('\n'),
        filePath: file.path,
        ext: /\.[^./]*$/.exec(file.path)?.[0] ?? '',
        contentType: 'text',
      },
      options: { config: { rules: [{ id: RULES, rule: creator }] }, noPhysicFilePath: true, maskSecrets: true },
    });
    for (const { loc, ruleId } of messages) {
      const line = added[loc.start.line - 1]?.line;
      const words = `a secret is added (${ruleId.replace(/^@secretlint\/secretlint-rule-/, '')}): take it out; whoever saw it must replace it`;
      found.push({ ...finding('secrets', 'refuse', file, words), ...(line !== undefined && { line }) });
    }
  }
  return found;
}

/** secretlint obeys comments of the text that it reads; whoever hides a secret would write one. */
const withoutOrders = (text: string) => text.replace(/secretlint-(?=disable|enable)/gi, 'secretlint_');
