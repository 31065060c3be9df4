/** Why a build failed: the fork's own code, or what it was to be built with. */
export type BuildFailure = { kind: 'broken'; reasons: string[] } | { kind: 'dependencies'; reasons: string[] };

/** Signatures of a repository that could not be reached, or of a dependency that was never fetched (triage.md). */
const UNREACHABLE =
  /Could not resolve dependencies|Could not transfer artifact|Non-resolvable (parent )?POM|Cannot access .* in offline mode|has not been downloaded from it before|Could not find artifact .* in|ENOTFOUND|Temporary failure in name resolution/;

const TELLING = /\bERROR\b|error:|FAILED|fatal:|cannot find symbol/i;

/** What a compiler says below an error of what the error is about (javac: two spaces; Maven puts its level before). */
const ABOUT = /^(?:\[ERROR\])?\s+(?:symbol|location|required|found|reason):\s+\S/;

/** Lines after an error in which it is still that error: javac prints the source and a caret in between. */
const REACH = 6;

const NOISE =
  /re-run Maven|full stack trace|^\[ERROR\]\s*(?:-> \[Help \d+\])?$|COMPILATION ERROR|^(?:\[[A-Z]+\] )?\d+ errors?$/i;

/** Reads the end of a build's log. The reasons are its own most telling lines, each once, at most six. */
export function judgeBuildFailure(logTail: string, exitCode: number | undefined): BuildFailure {
  const lines = logTail
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== '');
  const missing = lines.filter((line) => UNREACHABLE.test(line));
  if (missing.length > 0) return { kind: 'dependencies', reasons: short(missing.slice(0, 3)) };
  const telling = lines.flatMap((line, i) =>
    TELLING.test(line) && !NOISE.test(line) && !ABOUT.test(line)
      ? [whole(line, lines.slice(i + 1, i + 1 + REACH))]
      : [],
  );
  const ending = exitCode === undefined ? 'the build was killed' : `the build command ended with exit ${exitCode}`;
  const last = lines.slice(-5);
  return { kind: 'broken', reasons: [ending, ...short([...new Set(telling.length > 0 ? telling : last)].slice(0, 5))] };
}

/** An error with what is said of it below: `cannot find symbol` alone says nothing. */
function whole(line: string, after: readonly string[]): string {
  const next = after.findIndex((one) => TELLING.test(one) && !ABOUT.test(one));
  const about = (next < 0 ? after : after.slice(0, next)).filter((one) => ABOUT.test(one));
  return [
    line,
    ...about.map((one) =>
      one
        .replace(/^\[ERROR\]/, '')
        .trim()
        .replace(/\s+/g, ' '),
    ),
  ].join('; ');
}

function short(lines: string[]): string[] {
  return lines.map((line) => (line.length > 300 ? `${line.slice(0, 297)}...` : line));
}

/** What a reader is shown of a broken build's log: from shortly before its first error on, at most `most` characters. */
export function buildExcerpt(log: string, most: number): string {
  const lines = log.split('\n');
  const first = lines.findIndex((line) => TELLING.test(line) && !/^\[INFO\]/.test(line));
  const text = lines.slice(first < 0 ? -60 : Math.max(0, first - 2)).join('\n');
  return text.length <= most ? text : `${text.slice(0, most)}\n… ${text.length - most} more characters of the log`;
}
