import type { DiffFile, DiffLine } from '../git-diff.ts';
import { changedLines, type Finding, finding, isComment, type ProposalPolicy, shown } from './types.ts';

/** Where a project says what it needs, and how a line names it. Each pattern's groups together are the name. */
const MANIFESTS: readonly { files: RegExp; names: readonly RegExp[] }[] = [
  {
    files: /(^|\/)pom\.xml$|\.pom$/, // Whatever follows: a value on the next line, or behind a comment, is new too.
    names: [/<(groupId|artifactId)\b[^>]*>?\s*(.*?)\s*(?:<\/\1>|$)/g],
  },
  {
    files: /\.gradle(\.kts)?$|(^|\/)libs\.versions\.toml$/,
    names: [
      /['"]([A-Za-z][\w.-]*:[\w.-]+)(?::[^'"]*)?['"]/g,
      /\bid[\s(]+['"]([\w.-]+)['"]/g,
      /\bname\s*[:=]\s*['"]([\w.-]+)['"]/g,
      /\b(libs\.[\w.]+)/g,
    ],
  },
  { files: /\.sbt$|(^|\/)project\/\w+\.scala$/, names: [/"([\w.-]+)"\s*%{1,3}\s*"([\w.-]+)"/g] },
  {
    files: /(^|\/)package\.json$/,
    names: [/^\s*"(@?[\w./-]+)"\s*:\s*"(?:[~^<>=*v]|\d|latest|next|npm:|file:|git|https?:|github:|workspace:)/g],
  },
  { files: /(^|\/)[\w-]*(requirements|constraints)[\w-]*\.(txt|in)$/, names: [/^\s*([A-Za-z0-9][\w.-]*)/g] },
  {
    files: /(^|\/)(pyproject\.toml|setup\.(py|cfg)|Pipfile|Cargo\.toml)$/,
    names: [
      /['"]([A-Za-z][\w.-]*)\s*(?:\[[^\]'"]*\])?\s*(?:[=<>~!]=?)[^'"]*['"]/g,
      /^\s*([A-Za-z][\w.-]*)\s*=\s*(?:['"][\^~<>=*\d]|\{)/g,
    ],
  },
  { files: /(^|\/)go\.mod$/, names: [/^\s*(?:require\s+)?([\w-]+\.[\w./-]+)\s+v\d/g] },
];

const LOCKS =
  /(^|\/)(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|gradle\.lockfile|verification-metadata\.xml|poetry\.lock|Pipfile\.lock|uv\.lock|Cargo\.lock|go\.sum)$/;

/** Another place that dependencies come from is worse than another dependency: it can replace all of them. */
const ORIGINS =
  /<(?:repository|pluginRepository|mirror|systemPath)>|\b(?:maven|ivy|flatDir|pluginManagement)\s*\{|\bmavenLocal\(|\bresolvers\s*\+|--(?:extra-)?index-url|--find-links|--trusted-host|["'](?:git\+|git:|https?:|file:)|^\s*-e\s|\bgit\+|^\s*replace\s/;

/** What the proposal wants the project to need that it did not need before, and from where. */
export function dependencyFindings(file: DiffFile, policy: ProposalPolicy): Finding[] {
  const { path } = file;
  if (LOCKS.test(path)) return [finding('dependencies', 'point-out', file, 'locked versions change')];
  const names = MANIFESTS.find(({ files }) => files.test(path))?.names;
  if (names === undefined) return [];
  const added = changedLines(file, '+').filter(({ text }) => !isComment(text));
  const known = new Set(
    file.hunks.flatMap(({ lines }) =>
      lines.filter(({ sign }) => sign !== '+').flatMap(({ text }) => namesIn(text, names)),
    ),
  );
  const found = added.flatMap((at) => newIn(at, names, known));
  const dependencies = found.map(({ name, at }) =>
    finding('dependencies', policy.newDependencies, file, `"${shown(name)}" is new among what this project needs`, at),
  );
  const origins = added
    .filter(({ text }) => ORIGINS.test(text))
    .map((at) => finding('dependencies', 'refuse', file, 'dependencies would come from somewhere else', at));
  const versions = added
    .filter((at) => /\bversion|Version\b|[=:"'^~]\s*\d+\.\d+/i.test(at.text) && !found.some((one) => one.at === at))
    .map((at) => finding('dependencies', 'point-out', file, 'a version changes', at));
  return [...origins, ...dependencies, ...versions];
}

function newIn(at: DiffLine, names: readonly RegExp[], known: Set<string>): { name: string; at: DiffLine }[] {
  return [...new Set(namesIn(at.text, names))].filter((name) => !known.has(name)).map((name) => ({ name, at }));
}

function namesIn(text: string, names: readonly RegExp[]): string[] {
  // Longer lines are refused by another gate.
  const line = text.slice(0, 2_000);
  return names.flatMap((pattern) => [...line.matchAll(pattern)].map(([, ...groups]) => groups.join(' ').trim()));
}
