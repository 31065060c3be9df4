import type { Db } from './database.ts';

/** What is remembered of one release that has ended, as a text. */
export type ReleaseText = { path: string; text: string };

/** The releases of a fork that have ended: what was in them, how they ended and why, and what was told meanwhile. */
export async function* releaseTexts(db: Db, fork: string): AsyncGenerator<ReleaseText> {
  const releases = await db
    .selectFrom('release')
    .select(['id', 'base_version', 'outcome', 'started_at', 'ended_at'])
    .where('fork', '=', fork)
    .where('ended_at', 'is not', null)
    .orderBy('number')
    .execute();
  for (const { id, base_version, outcome, started_at } of releases) {
    const patches = await db
      .selectFrom('release_patch')
      .select(['commit', 'subject', 'reason'])
      .where('release', '=', id)
      .orderBy('position')
      .execute();
    const told = await db
      .selectFrom('thread_message')
      .select('text')
      .where('release', '=', id)
      .orderBy('seq')
      .execute();
    const at = outcome && 'at' in outcome ? ` at ${outcome.at}` : '';
    const reasons = outcome && 'reasons' in outcome ? outcome.reasons : [];
    const lines = [
      `# Release ${id} of ${fork}, ${started_at.toISOString().slice(0, 10)}`,
      `Outcome: ${outcome?.kind ?? 'unknown'}${at}. Base: ${base_version ?? 'unknown'}.`,
      ...reasons.map((reason) => `- ${reason}`),
      '## Patches',
      ...patches.map(({ commit, subject, reason }) => `- ${commit.slice(0, 12)} ${subject}: ${reason}`),
      '## What was told',
      ...told.map(({ text }) => text),
    ];
    yield { path: `releases/${id}`, text: lines.join('\n') };
  }
}
