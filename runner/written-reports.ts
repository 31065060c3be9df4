import { setImmediate as breathe } from 'node:timers/promises';
import type { Workspace } from '../activities/sandbox/types.ts';
import { findWritten, removeWritten, streamWritten, type WrittenFile } from '../activities/sandbox/written.ts';
import { type ReportSummary, readReport } from './junit-xml-reports.ts';
import type { TestEnd } from './protocol.ts';

/** Beyond any real suite's: what is more was made to keep a reader busy. */
const MOST_REPORTS = 50_000;
const REPORT_BYTES = 1 << 30;
/** What is held while it is not known whether a report is whole; a longer one is read twice instead. */
const HELD_BYTES = 4 << 20;

export type ReportHandlers = {
  test(test: TestEnd, path: string): void;
  /** A report that was read to its end; `problem`: it never will be, for the command has ended. */
  whole(path: string, summary: ReportSummary, problem?: string): void;
};

export type ReportReader = {
  /** Reads what is new and whole. True where there was something. */
  look(): Promise<boolean>;
  /** For the last time, when nobody writes any more: what is not whole now is a problem of its own. */
  finish(): Promise<boolean>;
  /** Why nothing more can be read at all. */
  problem(): string | undefined;
};

/**
 * Reads each report of a command once it is whole; one that is still being written is tried again. Never along a link:
 * whatever lies there is the command's word. Memory grows neither with a report nor with their number.
 */
export function createReportReader(
  workspace: Workspace,
  patterns: readonly string[],
  handlers: ReportHandlers,
): ReportReader {
  const versions = new Map<string, string>();
  let problem: string | undefined;

  async function readOne({ path, version, bytes }: WrittenFile, last: boolean): Promise<boolean> {
    const before = versions.get(path);
    if (before === version) return false;
    // A report that is written again says the same tests again (Surefire, when it has run the failed ones once more):
    // what failed first is known, and it is that which is judged.
    if (before !== undefined) return false;
    let told = false;
    const tell = (test: TestEnd) => {
      told = true;
      handlers.test(test, path);
    };
    try {
      const summary = await readWhole(workspace, path, bytes, tell);
      if (summary === undefined) return false;
      versions.set(path, version);
      handlers.whole(path, summary);
    } catch (error) {
      if (!last && !told) return false;
      versions.set(path, version);
      const nothing = { tests: 0, failed: 0, declared: 0 };
      handlers.whole(path, nothing, `the report ${path} cannot be read: ${(error as Error).message}`);
    }
    return true;
  }

  async function readAll(last: boolean): Promise<boolean> {
    let news = false;
    for (const file of list()) {
      news = (await readOne(file, last)) || news;
      // Output and limits are looked after between two of them.
      await breathe();
    }
    return news;
  }

  function list(): WrittenFile[] {
    try {
      return reportFiles(workspace, patterns);
    } catch (error) {
      problem = `its reports cannot be read: ${(error as Error).message}`;
      return [];
    }
  }

  return { look: () => readAll(false), finish: () => readAll(true), problem: () => problem };
}

/** Nothing is told of a report that turns out to be cut off. */
async function readWhole(
  workspace: Workspace,
  path: string,
  bytes: number,
  onTest: (test: TestEnd) => void,
): Promise<ReportSummary | undefined> {
  const held: TestEnd[] = [];
  const long = bytes > HELD_BYTES;
  const first = streamWritten(workspace, path, REPORT_BYTES);
  if (first === undefined) return undefined;
  const summary = await readReport(first, long ? () => {} : (test) => held.push(test));
  if (!long) {
    for (const test of held) onTest(test);
    return summary;
  }
  const again = streamWritten(workspace, path, REPORT_BYTES);
  return again === undefined ? undefined : readReport(again, onTest);
}

function reportFiles(workspace: Workspace, patterns: readonly string[]): WrittenFile[] {
  const files = patterns.flatMap((pattern) => findWritten(workspace, pattern));
  if (files.length > MOST_REPORTS) throw new Error(`there are ${files.length} of them`);
  return files;
}

/** Removes the reports of the run before, so that they are not taken for those of the next. */
export function removeReports(workspace: Workspace, patterns: readonly string[]): void {
  for (const { path } of reportFiles(workspace, patterns)) removeWritten(workspace, path);
}
