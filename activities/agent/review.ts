import { changedLines, dropUnquoted } from '../../decisions/review.ts';
import type { AgentRole, Finding, ReviewRemarks, ReviewRole } from '../../workflows/agent-types.ts';
import type { Input } from './tool-inputs.ts';
import { asShown } from './tools.ts';

export type Review = { findings: Finding[]; dropped: number; remarks?: ReviewRemarks };

/** Of a reviewer's findings those that quote a changed line (trust.md: "findings without one are dropped"). */
export function keptReview(role: AgentRole, { findings, tried, open }: Input<'review'>, patch: string): Review {
  const by = role as ReviewRole;
  // As it was shown: what was redacted cannot be quoted otherwise.
  const kept = dropUnquoted(
    findings.map((finding) => ({ by, ...finding })),
    changedLines(asShown(patch)),
  );
  return { findings: kept, dropped: findings.length - kept.length, remarks: { by, tried, open } };
}
