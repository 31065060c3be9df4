import { randomUUID } from 'node:crypto';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { appendAudit } from '../../store/audit.ts';
import type { Db } from '../../store/database.ts';
import { digestsLike, liftHold } from '../../store/gates.ts';
import { requirePerson } from './approvals.ts';
import { requireEnvironment } from './env.ts';

export type Unheld = { environment: string; digest: string; by: string; reason: string };

/** `env unhold ENV DIGEST`: lets an artifact be rolled out again that was rolled back, or froze, there (G5). */
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
  const lifted = { environment, digest, by: await requirePerson(db, settings), reason };
  await liftHold(db, lifted);
  const entry = { digest, reason };
  await appendAudit(db, { key: randomUUID(), kind: 'unhold', about: environment, by: lifted.by, entry });
  return lifted;
}
