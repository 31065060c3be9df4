import { assembleReport } from '../../report/assemble.ts';
import { renderMarkdown } from '../../report/markdown.ts';
import type { Report } from '../../report/report.ts';
import type { Db } from '../../store/database.ts';
import { requireRelease } from './release.ts';

/** `report ID`: the evidence of one release; `latest` works. Exit 1 where there is no such release. */
export async function report(db: Db, idOrLatest: string): Promise<Report> {
  return assembleReport(db, await requireRelease(db, idOrLatest));
}

/** As Markdown: what `report ID` prints without `--json`, with or without `--md`. */
export function reportText(evidence: Report): string {
  return renderMarkdown(evidence);
}
