import { matchesPath } from '../../decisions/path-pattern.ts';

/** What a patch may be. */
export interface PatchPolicy {
  maxBytes: number;
  maxFiles: number;
  /** Of one file, as it is after the patch. */
  maxFileBytes: number;
  binary: 'refuse' | 'allow';
  /** Paths that it may not touch: as decisions/path-pattern.ts reads them. */
  protectedPaths: readonly string[];
}

export const DEFAULT_PATCH_POLICY: PatchPolicy = {
  maxBytes: 2 << 20,
  maxFiles: 300,
  maxFileBytes: 4 << 20,
  binary: 'refuse',
  protectedPaths: [],
};

/** One changed file, with the size of its new content. */
export interface PatchChange {
  status: string;
  oldMode: string;
  newMode: string;
  path: string;
  /** Of a rename or copy: where from. */
  from?: string;
  bytes: number;
  binary: boolean;
}

const FILE_MODES = ['100644', '100755'];
const ABSENT = '000000';

/**
 * Why this change may not become part of the patch of record; empty where it may. Judged from our own index, after git
 * has read the patch: so that there is one reader, and nothing that it sees and we do not.
 */
export function changeProblems(change: PatchChange, policy: PatchPolicy): string[] {
  const { path, from, oldMode, newMode, bytes } = change;
  const problems = [path, from].flatMap((name) =>
    name === undefined ? [] : pathProblems(name, policy.protectedPaths),
  );
  for (const mode of [oldMode, newMode]) {
    if (mode !== ABSENT && !FILE_MODES.includes(mode)) problems.push(`${shown(path)} is ${describeMode(mode)}`);
  }
  if (!/^[AMD]$|^[RC]\d*$/.test(change.status)) problems.push(`${shown(path)} has the status ${change.status}`);
  if (bytes > policy.maxFileBytes) {
    problems.push(`${shown(path)} has ${bytes} bytes, more than ${policy.maxFileBytes}`);
  }
  if (change.binary && policy.binary === 'refuse') problems.push(`${shown(path)} is binary`);
  return problems;
}

/** Before git reads it: what needs no knowledge of its format. */
export function patchProblems(patch: Buffer, policy: PatchPolicy): string[] {
  if (patch.length === 0) return ['the patch is empty'];
  if (patch.length > policy.maxBytes) return [`the patch has ${patch.length} bytes, more than ${policy.maxBytes}`];
  return [];
}

/** All of it together. */
export function changesProblems(changes: readonly PatchChange[], policy: PatchPolicy): string[] {
  if (changes.length === 0) return ['the patch changes nothing'];
  if (changes.length > policy.maxFiles)
    return [`the patch touches ${changes.length} files, more than ${policy.maxFiles}`];
  return changes.flatMap((change) => changeProblems(change, policy));
}

function pathProblems(path: string, protectedPaths: readonly string[]): string[] {
  const parts = path.split('/');
  const problems: string[] = [];
  const say = (what: string) => problems.push(`${shown(path)} ${what}`);
  if (path === '' || path.startsWith('/') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    say('is not a path inside the repository');
  }
  // Also as file systems read it that ignore case, characters without width, or write short names.
  if (
    parts.some((part) =>
      /^(\.git|git~\d+)$/i.test(
        part.replaceAll(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, '').replace(/[ .]+$/, ''),
      ),
    )
  ) {
    say('is inside git’s own folder');
  }
  if (parts.some((part) => part.toLowerCase() === '.gitmodules')) say('names other repositories');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\u0000-\u001f\u007f\\]|\ufffd/.test(path)) say('has control characters, a backslash or is not UTF-8');
  if (path.length > 1_000 || parts.some((part) => Buffer.byteLength(part) > 255)) say('is too long');
  const guard = protectedPaths.find((pattern) => matchesPath(path, pattern));
  if (guard !== undefined) say(`is protected (${guard})`);
  return problems;
}

function describeMode(mode: string): string {
  const kinds: Record<string, string> = {
    '120000': 'a symbolic link',
    '160000': 'another repository',
    '040000': 'a folder',
  };
  return kinds[mode] ?? `of mode ${mode}`;
}

/** Safe on a terminal and in a message. */
function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}

export interface RawChange {
  status: string;
  oldMode: string;
  newMode: string;
  path: string;
  from?: string;
  /** Of the new content; undefined where there is none, or it is no file. */
  blob?: string;
}

/** `git diff-index --raw -z` with whole object names. */
export function parseRawDiff(text: string): RawChange[] {
  const words = text.split('\0');
  const changes: RawChange[] = [];
  for (let i = 0; i < words.length - 1; ) {
    const header = /^:(\d{6}) (\d{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([A-Z]\d*)$/.exec(words[i] ?? '');
    if (!header) throw new Error(`git diff --raw said ${shown(words[i] ?? '')}`);
    const [, oldMode = '', newMode = '', , blob = '', status = ''] = header;
    const two = /^[RC]/.test(status);
    changes.push({
      ...{ status, oldMode, newMode, path: words[i + (two ? 2 : 1)] ?? '' },
      ...(two ? { from: words[i + 1] ?? '' } : {}),
      ...(FILE_MODES.includes(newMode) ? { blob } : {}),
    });
    i += two ? 3 : 2;
  }
  return changes;
}
