/**
 * What a proof of hours has shown so far: a line of JSON a case, in a file that the repository keeps, since the proof
 * is run in parts and its figures outlive the machine. Each line says at which commit, when and under which load it
 * was measured: a figure of other code, or of a machine that others loaded, is seen to be one.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export type Measured = {
  /** Of the code that ran. `changed`: with changes that were not committed. */
  commit: string;
  changed?: true;
  /** When the case had ended. */
  date: string;
  /** Of the machine over a minute, when the case began and when it had ended. */
  load: { begin: number; end: number };
};

/** Lines of before do not say when and where they were measured. */
export type Kept = { id: string; measured?: Measured };

export const outcomesFile = (proof: string) => join(ROOT, 'proof', 'outcomes', `${proof}.jsonl`);

/** What runs here: the commit of the working tree, read before anything of it is loaded by a worker. */
export function codeHere(root = ROOT): Pick<Measured, 'commit' | 'changed'> {
  const commit = git(root, 'rev-parse', 'HEAD');
  // A part of a proof changes the kept outcomes, and nothing that runs.
  const changes = git(root, 'status', '--porcelain', '--', '.', ':(exclude)proof/outcomes');
  return { commit: commit ?? 'unknown', ...(commit !== undefined && changes === '' ? {} : { changed: true }) };
}

/** Begun before a case; what it returns is called when the case has ended. */
export function measuring(code: Pick<Measured, 'commit' | 'changed'>): () => Measured {
  const begin = load();
  return () => ({ ...code, date: new Date().toISOString(), load: { begin, end: load() } });
}

const load = () => Math.round(loadavg()[0]! * 10) / 10;

export function keep(file: string, outcome: Kept): void {
  mkdirSync(dirname(file), { recursive: true });
  // After half a line of a run that was killed: what is appended to it would be no line either.
  const half = existsSync(file) && !/(^|\n)$/.test(readFileSync(file, 'utf8'));
  appendFileSync(file, `${half ? '\n' : ''}${withoutPaths(JSON.stringify(outcome))}\n`);
}

/** A file that is committed says nothing of the machine that wrote it. */
export function withoutPaths(line: string): string {
  const places: [string, string][] = [
    [ROOT.replace(/\/$/, ''), '<repository>'],
    [homedir(), '<home>'],
    [tmpdir(), '<tmp>'],
  ];
  return places
    .filter(([path]) => path.length > 1)
    .sort(([a], [b]) => b.length - a.length)
    .reduce((words, [path, name]) => words.replaceAll(path, name), line);
}

/**
 * The outcomes of a file that count, the last one of each case: with `since` those alone that were measured at that
 * commit or one after it, or from that date on. A run that was killed leaves half a line: it is told of, and no outcome.
 */
export function keptIn<T extends Kept>(file: string, counts: (one: T) => boolean = () => true): T[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  const all = lines.flatMap((line, index) => (line === '' ? [] : outcomeIn<T>(line, `${file}:${index + 1}`)));
  return [...new Map(all.filter(counts).map((one) => [keyOf(one), one])).values()];
}

function outcomeIn<T extends Kept>(line: string, where: string): T[] {
  try {
    return [JSON.parse(line) as T];
  } catch {
    const words = `${where} is no outcome (a run that was killed?) and is left out; remove the line: ${line.slice(0, 60)}`;
    process.stderr.write(`${withoutPaths(words)}\n`);
    return [];
  }
}

/** A case of another seed or suite is another one. */
const keyOf = (one: Kept & { seed?: unknown; suite?: unknown }) => `${one.id} ${one.seed} ${one.suite}`;

/** @throws when `since` is neither a commit of this repository nor a date. */
export function newerThan(since: string | undefined, root = ROOT): (one: Kept) => boolean {
  if (since === undefined) return () => true;
  if (/^\d{4}-\d{2}-\d{2}/.test(since)) {
    const from = Date.parse(since);
    if (Number.isNaN(from)) throw new Error(`--since ${since}: that is no date; write 2026-11-30 or 2026-11-30T18:00Z`);
    return ({ measured }) => measured !== undefined && Date.parse(measured.date) >= from;
  }
  const commit = git(root, 'rev-parse', '--verify', '--end-of-options', `${since}^{commit}`);
  if (commit === undefined)
    throw new Error(`--since ${since}: neither a commit of this repository nor a date such as 2026-11-30`);
  const known = new Map<string, boolean>();
  return ({ measured }) => {
    if (measured === undefined) return false;
    const { commit: at } = measured;
    // One that this clone does not have, since its branch was taken over in another way, is not known to be newer.
    if (!known.has(at)) known.set(at, git(root, 'merge-base', '--is-ancestor', commit, at) !== undefined);
    return known.get(at) === true;
  };
}

export type From = {
  commit: string;
  outcomes: number;
  from: string;
  to: string;
  load: { least: number; most: number };
};

/** From which commits the figures come, the newest first, with the loads that they were measured under. */
export function measuredAt(outcomes: readonly Kept[]): (From | { commit: 'not said'; outcomes: number })[] {
  const by = Map.groupBy(outcomes, ({ measured }) =>
    measured === undefined ? undefined : `${measured.commit.slice(0, 12)}${measured.changed ? ' with changes' : ''}`,
  );
  const said = [...by].flatMap(([commit, some]) => (commit === undefined ? [] : [from(commit, some)]));
  const unsaid = by.get(undefined)?.length ?? 0;
  const sorted = said.sort((a, b) => b.to.localeCompare(a.to));
  return unsaid === 0 ? sorted : [...sorted, { commit: 'not said', outcomes: unsaid }];
}

function from(commit: string, some: readonly Kept[]): From {
  const measured = some.flatMap((one) => one.measured ?? []);
  const dates = measured.map(({ date }) => date).sort();
  const loads = measured.flatMap(({ load }) => [load.begin, load.end]);
  return {
    ...{ commit, outcomes: some.length, from: dates[0]!, to: dates.at(-1)! },
    load: { least: Math.min(...loads), most: Math.max(...loads) },
  };
}

/** Undefined where git has no answer, or where there is none. */
function git(cwd: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
