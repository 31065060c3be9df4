import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Signature } from './git.ts';

/** One patch as `git format-patch` writes it. `message` is subject, body and trailers; `diff` what `git apply` takes. */
export type PatchFile = { file: string; subject: string; message: string; author: Signature; diff: string };

/** The patches of a folder, in the order of their names. */
export function readPatches(folder: string): PatchFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.patch'))
    .sort()
    .map((name) => readPatch(join(folder, name)));
}

/** Reads one patch file. Throws, naming the file, where a part is missing. */
export function readPatch(path: string): PatchFile {
  const text = readFileSync(path, 'utf8');
  const file = basename(path);
  const headerEnd = text.indexOf('\n\n');
  const diffStart = text.indexOf('\n---\n');
  if (headerEnd < 0 || diffStart < headerEnd) throw new Error(`${file}: not a patch in the form of git format-patch`);
  // A long subject goes on in a line that begins with a space.
  const headers = text.slice(0, headerEnd).replaceAll(/\n[ \t]+/g, ' ');
  const header = (name: string) => {
    const value = new RegExp(`^${name}: (.*)$`, 'm').exec(headers)?.[1];
    if (value === undefined) throw new Error(`${file}: no ${name}`);
    return value;
  };
  const subject = header('Subject').replace(/^\[PATCH[^\]]*\] /, '');
  const [, name, email] = /^(.*) <(.*)>$/.exec(header('From')) ?? [];
  const seconds = Date.parse(header('Date')) / 1000;
  if (!name || !email || Number.isNaN(seconds)) throw new Error(`${file}: From or Date cannot be read`);
  const body = text.slice(headerEnd + 2, diffStart).trim();
  return {
    file,
    subject,
    message: `${subject}\n\n${body}\n`,
    author: { name, email, seconds },
    diff: text.slice(diffStart + 5),
  };
}
