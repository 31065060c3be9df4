import { oneLine } from '../../lib/plain-text.ts';
import type { Db } from '../../store/database.ts';
import { listReleases, type ReleaseSummary } from '../../store/releases.ts';
import { clock, type Look, outcomeTone, paint, TONE_MARKS } from '../terminal.ts';

export type ReleasesOptions = { fork?: string; limit?: number };

/** `releases`: the newest first. */
export async function releases(db: Db, options: ReleasesOptions = {}): Promise<ReleaseSummary[]> {
  return listReleases(db, options);
}

/** The list as lines for a terminal. */
export function releasesText(list: readonly ReleaseSummary[], look: Look, now = new Date()): string {
  if (list.length === 0) return 'no release yet; start one with: npx patchwright release FORK\n';
  const rows = list.map((release) => ({
    id: oneLine(release.id, 40),
    ref: oneLine(release.ref, 40),
    started: release.startedAt.toISOString().slice(0, 16).replace('T', ' '),
    took: clock(((release.endedAt ?? now).getTime() - release.startedAt.getTime()) / 1000),
    by: oneLine(release.requestedBy, 24),
    state: stateText(release, look),
  }));
  const width = (field: 'id' | 'ref' | 'took' | 'by') => Math.max(...rows.map((row) => row[field].length));
  const lines = rows.map((row) =>
    [
      paint(look, 'bold', row.id.padEnd(width('id'))),
      row.ref.padEnd(width('ref')),
      paint(look, 'dim', row.started),
      row.took.padStart(width('took')),
      row.by.padEnd(width('by')),
      row.state,
    ].join('  '),
  );
  return `${lines.join('\n')}\n`;
}

function stateText({ outcome, step }: ReleaseSummary, look: Look): string {
  if (!outcome) return paint(look, 'cyan', `… ${oneLine(step)}`);
  const [mark, format] = TONE_MARKS[outcomeTone(outcome)];
  return paint(
    look,
    format,
    `${mark} ${outcome.kind}${outcome.kind === 'released' ? '' : ` at ${oneLine(outcome.at)}`}`,
  );
}
