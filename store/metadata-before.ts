import type { MetadataBefore } from '../decisions/kafka-rules/put-back.ts';
import type { Db } from './database.ts';

/** What the metadata was at before the first node; the first word of an attempt holds. */
export async function keepMetadataBefore(db: Db, rollout: string, before: MetadataBefore): Promise<void> {
  await db
    .updateTable('rollout')
    .set({ metadata_before: JSON.stringify(before) })
    .where('id', '=', rollout)
    .where('metadata_before', 'is', null)
    .execute();
}

export async function metadataBeforeOf(db: Db, rollout: string): Promise<MetadataBefore | undefined> {
  const row = await db.selectFrom('rollout').select('metadata_before').where('id', '=', rollout).executeTakeFirst();
  return row?.metadata_before ?? undefined;
}
