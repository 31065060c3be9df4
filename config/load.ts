import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { type Document, isCollection, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { redactJson } from '../lib/redact.ts';
import { type Settings, settingsSchema } from './schema.ts';

/** What is wrong with the configuration, one line a problem: file, line, key, what was found, what is allowed. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
  readonly problems: string[];
  constructor(problems: string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads and checks `patchwright.yaml`. Relative paths of repositories and skills are resolved from the file's folder, so
 * that the same file means the same from wherever it is read.
 *
 * @throws ConfigurationError with every problem at once.
 */
export function loadSettings(file: string): Settings {
  const shown = relative(process.cwd(), file) || file;
  if (!existsSync(file)) {
    throw new ConfigurationError([`${shown}: there is no such file; name the configuration with --config FILE`]);
  }
  return parseSettings(readFileSync(file, 'utf8'), shown, dirname(resolve(file)));
}

/** The same for a text; `shown` names it in errors. */
export function parseSettings(text: string, shown: string, folder: string): Settings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: true });
  if (document.errors.length > 0) {
    throw new ConfigurationError(
      document.errors.map((error) => `${shown}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n')[0]}`),
    );
  }
  // Aliases are limited: a few lines of them can otherwise stand for gigabytes.
  const found: unknown = document.toJS({ maxAliasCount: 100 });
  const checked = settingsSchema.safeParse(found ?? {});
  if (!checked.success) {
    throw new ConfigurationError(
      checked.error.issues.flatMap((issue) => describe(issue, document, lines, shown, found)),
    );
  }
  for (const fork of Object.values(checked.data.forks)) {
    fork.repository = fromFolder(fork.repository, folder);
    fork.agent.skills = fork.agent.skills.map((skills) => resolve(folder, skills));
  }
  for (const source of checked.data.knowledge.sources) {
    if (source.folder !== undefined) source.folder = resolve(folder, source.folder);
    if (source.repository !== undefined) source.repository = fromFolder(source.repository, folder);
  }
  for (const found of Object.values(checked.data.support.repositories)) {
    found.repository = fromFolder(found.repository, folder);
  }
  return checked.data;
}

function fromFolder(repository: string, folder: string): string {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(repository) || /^[^/]+@[^/]+:/.test(repository);
  return isUrl || isAbsolute(repository) ? repository : resolve(folder, repository);
}

type Path = readonly PropertyKey[];

function describe(
  issue: z.core.$ZodIssue,
  document: Document,
  lines: LineCounter,
  shown: string,
  found: unknown,
): string[] {
  // The branch of a union that came furthest says what was meant; the others only confuse.
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const nearest = issue.errors.reduce((best, errors) => (depth(errors) > depth(best) ? errors : best));
    if (depth(nearest) > 0) {
      return nearest.flatMap((inner) =>
        describe({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue, document, lines, shown, found),
      );
    }
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return `${shown}:${lineOf(document, lines, path)}: ${dotted(path)}: this key is not known here${didYouMean(key, issue.path)}`;
    });
  }
  const value = valueAt(found, issue.path);
  // What stands where a reference to a secret belongs may be the secret itself; an address may hold a password.
  const hidden = issue.path.some((step) => /token|secret|password|key$/i.test(String(step)));
  const was =
    value === undefined ? 'nothing was found' : hidden ? 'found something else' : `found ${short(redactJson(value))}`;
  return [`${shown}:${lineOf(document, lines, issue.path)}: ${dotted(issue.path)}: ${was}; ${allowed(issue)}`];
}

function depth(issues: readonly { path: Path }[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function allowed(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${issue.expected} is expected`;
    case 'invalid_value':
      return `allowed: ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `at least ${issue.minimum} is allowed`;
    case 'too_big':
      return `at most ${issue.maximum} is allowed`;
    case 'invalid_key':
      return 'a name is lower-case letters, digits and hyphens';
    default:
      return issue.message;
  }
}

function didYouMean(key: string, path: Path): string {
  const known = knownKeys(path);
  return known.length === 0 ? '' : ` ("${key}"); known: ${known.join(', ')}`;
}

/** The keys that the schema knows at a path; none where the path leads through a union. */
function knownKeys(path: Path): string[] {
  let at: unknown = settingsSchema;
  for (const step of path) {
    const { def } = unwrap(at) as { def: { shape?: Record<string, unknown>; valueType?: unknown; element?: unknown } };
    at = def.shape?.[String(step)] ?? def.valueType ?? def.element;
    if (at === undefined) return [];
  }
  const { def } = unwrap(at) as { def: { shape?: Record<string, unknown> } };
  return Object.keys(def.shape ?? {});
}

function unwrap(schema: unknown): unknown {
  let at = schema as { def?: { innerType?: unknown; in?: unknown } };
  while (at.def?.innerType !== undefined || at.def?.in !== undefined) at = (at.def.innerType ?? at.def.in) as typeof at;
  return at;
}

function dotted(path: Path): string {
  return path.map(String).join('.') || 'the whole file';
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], value);
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The line of the deepest node on the path that exists: a missing key is reported where it should be. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1) as unknown[], true);
    if (!isCollection(parent)) continue;
    const key = path[length - 1];
    const pair = parent.items.find((item) => {
      const itemKey = (item as { key?: { value?: unknown } }).key;
      return itemKey?.value === key;
    }) as { key?: { range?: [number, number, number] } } | undefined;
    const node =
      pair?.key ??
      (document.getIn(path.slice(0, length) as unknown[], true) as { range?: [number, number, number] } | undefined);
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
