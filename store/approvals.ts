import { createHash } from 'node:crypto';
import type { Generated, JSONColumnType } from 'kysely';
import type {
  ApprovalKind,
  ApprovalOutcome,
  ApprovalQuestion,
  Decision,
  OpenApproval,
} from '../workflows/approval-types.ts';
import { appendAudit } from './audit.ts';
import type { Db } from './database.ts';

export type ApprovalTables = {
  approval: {
    id: string;
    kind: ApprovalKind;
    release: string | null;
    ticket: string | null;
    question: JSONColumnType<ApprovalQuestion>;
    digest: string;
    open: JSONColumnType<OpenApproval>;
    opened_at: Generated<Date>;
    expires_at: Date;
    outcome: JSONColumnType<ApprovalOutcome> | null;
    ended_at: Date | null;
  };
  approval_decision: {
    approval: string;
    key: string;
    person: string;
    decision: Decision['decision'];
    digest: string;
    note: string | null;
    /** Why it did not count. */
    refused: string | null;
    at: Generated<Date>;
  };
  person_token: {
    person: string;
    hash: string;
    issued_by: string;
    issued_at: Generated<Date>;
    revoked_at: Date | null;
  };
};

export type StoredApproval = {
  id: string;
  question: ApprovalQuestion;
  open: OpenApproval;
  openedAt: string;
  outcome?: ApprovalOutcome;
  decisions: { person: string; decision: Decision['decision']; note?: string; refused?: string; at: string }[];
};

/** Safe to repeat: the first form stays, so that a retry moves neither digest nor expiry. */
export async function keepApproval(db: Db, question: ApprovalQuestion, open: OpenApproval): Promise<OpenApproval> {
  await db
    .insertInto('approval')
    .values({
      id: question.id,
      kind: question.kind,
      release: question.release ?? null,
      ticket: question.ticket ?? null,
      question: JSON.stringify(question),
      digest: open.digest,
      open: JSON.stringify(open),
      expires_at: new Date(open.expiresAt),
      ended_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await db.selectFrom('approval').select('open').where('id', '=', question.id).executeTakeFirstOrThrow();
  return row.open;
}

/** A decision that counted, or one that was refused and why: row and audit in one commit, once a key. */
export async function keepDecision(
  db: Db,
  { id, key, decision, refused }: { id: string; key: string; decision: Decision; refused?: string },
): Promise<void> {
  const { person, digest, note } = decision;
  await db.transaction().execute(async (tx) => {
    await tx
      .insertInto('approval_decision')
      .values({
        ...{ approval: id, key, person, decision: decision.decision, digest },
        ...{ note: note ?? null, refused: refused ?? null },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const kind = refused === undefined ? 'decision' : 'refused';
    const entry = { decision: decision.decision, digest, ...(note && { note }), ...(refused && { refused }) };
    await appendAudit(tx, { key: `${id}/${key}`, kind, about: id, by: person, entry });
  });
}

/** How it ended. Safe to repeat; the first end counts. */
export async function endApproval(db: Db, id: string, outcome: ApprovalOutcome): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('approval')
      .set({ outcome: JSON.stringify(outcome), ended_at: new Date() })
      .where('id', '=', id)
      .where('outcome', 'is', null)
      .execute();
    await appendAudit(tx, {
      key: `${id}/end`,
      kind: 'approval-ended',
      about: id,
      by: 'patchwright',
      entry: { outcome },
    });
  });
}

type Which = { id?: string; ids?: readonly string[]; release?: string; waiting?: boolean };

/** The oldest first. */
export async function approvalsOf(
  db: Db,
  { id, ids: among, release, waiting = false }: Which,
): Promise<StoredApproval[]> {
  let query = db.selectFrom('approval').selectAll().orderBy('opened_at');
  if (id !== undefined) query = query.where('id', '=', id);
  if (among !== undefined) query = query.where('id', 'in', among.length > 0 ? among : ['']);
  if (release !== undefined) query = query.where('release', '=', release);
  if (waiting) query = query.where('outcome', 'is', null);
  const rows = await query.execute();
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const decisions = await db
    .selectFrom('approval_decision')
    .selectAll()
    .where('approval', 'in', ids)
    .orderBy('at')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    question: row.question,
    open: row.open,
    openedAt: row.opened_at.toISOString(),
    ...(row.outcome && { outcome: row.outcome }),
    decisions: decisions
      .filter(({ approval }) => approval === row.id)
      .map(({ person, decision, note, refused, at }) => ({
        ...{ person, decision, at: at.toISOString() },
        ...(note !== null && { note }),
        ...(refused !== null && { refused }),
      })),
  }));
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');

/** A person's new token takes the place of the one before. Only its hash is kept: it has 256 random bits. */
export async function issueToken(db: Db, { person, token, by }: { person: string; token: string; by: string }) {
  const hash = hashOf(token);
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('person_token')
      .set({ revoked_at: new Date() })
      .where('person', '=', person)
      .where('revoked_at', 'is', null)
      .execute();
    await tx.insertInto('person_token').values({ person, hash, issued_by: by, revoked_at: null }).execute();
    await appendAudit(tx, { key: `token/${hash}`, kind: 'token', about: person, by, entry: { issued: true } });
  });
}

/** Whose valid token it is. */
export async function personOfToken(db: Db, token: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('person_token')
    .select('person')
    .where('hash', '=', hashOf(token))
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return row?.person;
}
