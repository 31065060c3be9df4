import type { Judgement } from '../../decisions/kafka-rules/waivers.ts';
import { digestOfJson } from '../../lib/canonical-json.ts';
import { appendAudit } from '../../store/audit.ts';
import type { RolloutDeps, RolloutStep } from './context.ts';

/** Whoever overruled a rule, and why, is in the audit, once a roll-out. */
export async function noteWaiver(
  db: RolloutDeps['db'],
  { rollout, environment }: RolloutStep,
  { finding: { rule, reason }, waiver }: Judgement['waived'][number],
): Promise<void> {
  const entry = { rollout, rule, reason, because: waiver.reason, until: waiver.until };
  const key = `${rollout}/waived/${rule}/${digestOfJson(reason).slice(0, 12)}`;
  await appendAudit(db, { key, kind: 'waiver', about: environment, by: 'configuration', entry });
}
