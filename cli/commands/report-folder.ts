import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRecord } from '../../activities/rollout/gates.ts';
import { logger } from '../../lib/log.ts';
import { gateSvg } from '../../report/gate-svg.ts';
import { plotName, renderMarkdown } from '../../report/markdown.ts';
import type { Report } from '../../report/report.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';

/** The report as a folder: `report.md`, and beside it a plot of what each gate judged. Returns the plots' names. */
export async function writeReportFolder(report: Report, artifacts: ArtifactStore, folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const plots: string[] = [];
  for (const candidate of report.candidates) {
    for (const rollout of candidate.rollouts) {
      for (const [index, { targets, record }] of rollout.waves.entries()) {
        if (record === undefined) continue;
        const name = plotName(rollout.environment, candidate.n, index + 1);
        const title = `${report.release}, ${rollout.environment}, wave ${index + 1}: ${targets.join(', ')}`;
        try {
          writeFileSync(join(folder, name), gateSvg(title, (await readRecord({ artifacts }, record)).input));
          plots.push(name);
        } catch (error) {
          // What retention took is told, and the rest of the report stands.
          logger('report').warn({ record, err: (error as Error).message }, 'cannot plot a gate');
        }
      }
    }
  }
  writeFileSync(join(folder, 'report.md'), renderMarkdown(report, { plots }));
  return plots;
}
