// What the test's worker registers: the real workflows, and a release of which only the asking is left.
import { rollOut } from '../../workflows/environment-client.ts';
import type { Digest, RolloutOrder, RolloutOutcome } from '../../workflows/types.ts';

export { approval } from '../../workflows/approval.ts';
export { environment } from '../../workflows/environment.ts';
export { finalise } from '../../workflows/finalise.ts';
export { page } from '../../workflows/page.ts';
export { rehearsal } from '../../workflows/rehearsal.ts';
export { rollout } from '../../workflows/rollout.ts';

export async function askAndWait(
  order: RolloutOrder & { settings: Digest; expedite?: boolean; expediteApproval?: string },
): Promise<RolloutOutcome> {
  return rollOut(order);
}
