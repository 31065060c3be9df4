import type { Settings } from '../../config/schema.ts';
import { decidersOf } from '../../decisions/approval.ts';
import { ExitError } from '../../lib/exit-error.ts';
import type { Db } from '../../store/database.ts';
import { digestsLike, liftHold } from '../../store/holds.ts';
import { requirePerson } from './approvals.ts';
import { requireEnvironment } from './env.ts';

/** `by`: who has said so by now; `lifted`: those are as many as `needed`. */
export type Unheld = {
  environment: string;
  digest: string;
  by: string[];
  needed: number;
  lifted: boolean;
  reason: string;
};

/**
 * `env unhold ENV DIGEST`: lets an artifact be rolled out again that was rolled back, or froze, there (G5), once as many
 * people have said so as `approvals.unhold` asks for.
 */
export async function unhold(
  db: Db,
  settings: Settings,
  order: { environment: string; digest: string; reason: string },
): Promise<Unheld> {
  const { environment, digest: prefix, reason } = order;
  requireEnvironment(settings, environment);
  if (!/^[0-9a-f]{8,64}$/.test(prefix)) throw new ExitError(2, `"${prefix}" is no digest: at least its first 8 digits`);
  const [digest, ...others] = await digestsLike(db, environment, prefix);
  if (digest === undefined) throw new ExitError(1, `${environment} never saw an artifact ${prefix}`);
  if (others.length > 0)
    throw new ExitError(2, `${prefix} may be one of ${others.length + 1} artifacts: say more of it`);
  const person = await requirePerson(db, settings);
  const policy = settings.approvals.unhold;
  const { deciders } = decidersOf(policy, settings, { requester: '', excluded: [] });
  if (!deciders.includes(person)) {
    const who = deciders.join(', ') || 'nobody';
    throw new ExitError(1, `${person} is not among those who let an artifact go (approvals.unhold): ${who}`);
  }
  const said = await liftHold(db, { environment, digest, by: person, reason }, { ...policy, deciders });
  return { environment, digest, ...said, needed: policy.needed, reason };
}

export function unheldWords({ environment, digest, by, needed, lifted }: Unheld): string {
  const short = digest.slice(0, 12);
  if (lifted) return `${short} is no longer held for what it did in ${environment} (${by.join(', ')})`;
  const more = needed - by.length;
  return `${short} is still held for what it did in ${environment}: ${by.join(', ')} would let it go, and ${more} more ${more === 1 ? 'has' : 'have'} to say so with a token of their own`;
}
