import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { FoundTest } from '../decisions/found-failures.ts';
import { oneLine, visible } from '../lib/plain-text.ts';
import { readReport } from '../runner/junit-xml-reports.ts';

/** More than this is no list of failures, but a broken run. */
const MAX_FAILURES = 5_000;
const MAX_DEPTH = 12;

export type JunitFolder = {
  files: number;
  tests: { passed: number; failed: number; skipped: number };
  failures: FoundTest[];
  /** What could not be read, or was left out: a sentence each. It may hide failures. */
  problems: string[];
};

/**
 * Reads every JUnit XML below a folder. The files come from a CI: links are not followed, a file that is not
 * well-formed or has a document type is named and left out, and control characters never reach a terminal.
 */
export async function readJunitFolder(dir: string): Promise<JunitFolder> {
  const read: JunitFolder = { files: 0, tests: { passed: 0, failed: 0, skipped: 0 }, failures: [], problems: [] };
  for (const file of xmlFiles(dir, 0)) {
    read.files += 1;
    try {
      await readReport(createReadStream(file), ({ test, status, seconds, message = '', trace = '' }) => {
        read.tests[status] += 1;
        if (status !== 'failed') return;
        if (read.failures.length < MAX_FAILURES) {
          read.failures.push({
            test: visible(test),
            message: visible(message, '\n\t'),
            trace: visible(trace, '\n\t'),
            seconds,
          });
        }
      });
    } catch (error) {
      read.problems.push(
        `${oneLine(relative(dir, file), 200)} cannot be read: ${oneLine((error as Error).message, 200)}`,
      );
    }
  }
  const left = read.tests.failed - read.failures.length;
  if (left > 0) read.problems.push(`${left} more failures were left out: more than ${MAX_FAILURES} are a broken run`);
  return read;
}

/** In order of name. */
function xmlFiles(dir: string, depth: number): string[] {
  return readdirSync(dir)
    .sort()
    .flatMap((name) => {
      const path = join(dir, name);
      const found = lstatSync(path);
      if (found.isDirectory() && depth < MAX_DEPTH) return xmlFiles(path, depth + 1);
      return found.isFile() && name.endsWith('.xml') ? [path] : [];
    });
}
