/** What one file of tests took, in milliseconds; other files ran beside it. */
export type FileTime = { file: string; ms: number };

/**
 * How the time of a whole run divides among the folders of `test/`, the longest first, a line each. Files run beside each
 * other and slow each other down: a file's share of the run is its part of what all files took together.
 */
export function shareLines(files: readonly FileTime[], wallMs: number): string[] {
  const all = files.reduce((sum, { ms }) => sum + ms, 0);
  const byFolder = new Map<string, number>();
  for (const { file, ms } of files) {
    const folder = /^test\/([^/]+)\//.exec(file)?.[1] ?? '.';
    byFolder.set(folder, (byFolder.get(folder) ?? 0) + ms);
  }
  const rows = [...byFolder].sort(([, a], [, b]) => b - a);
  return rows.map(
    ([folder, ms]) => `${folder.padEnd(14)} ${seconds((ms / all) * wallMs)} s (${seconds(ms)} s by itself)`,
  );
}

const seconds = (ms: number) => (ms / 1_000).toFixed(0).padStart(5);
