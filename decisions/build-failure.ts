/** Why a build failed: the fork's own code, or what it was to be built with. */
export type BuildFailure = { kind: 'broken'; reasons: string[] } | { kind: 'dependencies'; reasons: string[] };

/** Signatures of a repository that could not be reached, or of a dependency that was never fetched (triage.md). */
const UNREACHABLE =
  /Could not resolve dependencies|Could not transfer artifact|Non-resolvable (parent )?POM|Cannot access .* in offline mode|has not been downloaded from it before|Could not find artifact .* in|ENOTFOUND|Temporary failure in name resolution/;

const TELLING = /\bERROR\b|error:|FAILED|fatal:|cannot find symbol/i;

/** Reads the end of a build's log. The reasons are its own most telling lines, at most six. */
export function judgeBuildFailure(logTail: string, exitCode: number | undefined): BuildFailure {
  const lines = logTail
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== '');
  const missing = lines.filter((line) => UNREACHABLE.test(line));
  if (missing.length > 0) return { kind: 'dependencies', reasons: short(missing.slice(0, 3)) };
  const telling = lines.filter(
    (line) => TELLING.test(line) && !/re-run Maven|full stack trace|^\[ERROR\]\s*$/i.test(line),
  );
  const ending = exitCode === undefined ? 'the build was killed' : `the build command ended with exit ${exitCode}`;
  return { kind: 'broken', reasons: [ending, ...short((telling.length > 0 ? telling : lines.slice(-5)).slice(0, 5))] };
}

function short(lines: string[]): string[] {
  return lines.map((line) => (line.length > 300 ? `${line.slice(0, 297)}...` : line));
}
