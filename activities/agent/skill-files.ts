import { createHash } from 'node:crypto';
import { constants, readdirSync } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../workflows/types.ts';

/** Far beyond any skill that somebody reads. */
const MOST_FILES = 64;
const MOST_BYTES = 256 << 10;
const MOST_BYTES_IN_ALL = 1 << 20;
const DEEPEST = 4;

/** One skill's files as they are now: all of them, so that its digest is over what is handed out. */
export type SkillFiles = { files: ReadonlyMap<string, string>; sha256: Digest };

/** Why a folder is no skill, in words for a person. */
export class BadSkill extends Error {
  override name = 'BadSkill';
}

/**
 * Reads a skill whole. Plain files alone, none of them by a link, texts that show what they hold: a skill is read by
 * people and told to a model, and both must have the same before them.
 *
 * @throws BadSkill
 */
export async function readSkillFiles(folder: string): Promise<SkillFiles> {
  const root = await realpath(folder);
  const names = namesBelow(root, '', 0);
  if (names.length > MOST_FILES) throw new BadSkill(`it has ${names.length} files, more than ${MOST_FILES}`);
  const files = new Map<string, string>();
  const hash = createHash('sha256');
  let bytes = 0;
  for (const name of names.sort()) {
    const content = await readPlain(root, name);
    bytes += content.length;
    if (bytes > MOST_BYTES_IN_ALL) throw new BadSkill(`it has more than ${MOST_BYTES_IN_ALL} bytes in all`);
    hash.update(`${name}\0${createHash('sha256').update(content).digest('hex')}\n`);
    files.set(name, textOf(name, content));
  }
  return { files, sha256: hash.digest('hex') };
}

function namesBelow(root: string, under: string, depth: number): string[] {
  if (depth > DEEPEST) throw new BadSkill(`its folders are more than ${DEEPEST} deep`);
  return readdirSync(join(root, under), { withFileTypes: true }).flatMap((entry) => {
    const name = under === '' ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) return namesBelow(root, name, depth + 1);
    if (!entry.isFile()) throw new BadSkill(`${JSON.stringify(name)} is a link or no plain file`);
    return [name];
  });
}

async function readPlain(root: string, name: string): Promise<Buffer> {
  const path = join(root, name);
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === 'ELOOP' ? new BadSkill(`${JSON.stringify(name)} is a link`) : error;
    },
  );
  try {
    const { size } = await handle.stat();
    if (size > MOST_BYTES) throw new BadSkill(`${name} has ${size} bytes, more than ${MOST_BYTES}`);
    // A folder on the way may have become a link since it was listed.
    if ((await realpath(path)) !== path) throw new BadSkill(`${JSON.stringify(name)} is behind a link`);
    const content = Buffer.alloc(MOST_BYTES + 1);
    const { bytesRead } = await handle.read(content, 0, content.length, 0);
    if (bytesRead > MOST_BYTES) throw new BadSkill(`${name} grew beyond ${MOST_BYTES} bytes while it was read`);
    return content.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** What a model would read and a person would not see. */
const UNSEEN = /(?![\t\n\r])\p{Cc}|\p{Cf}/u;

function textOf(name: string, content: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new BadSkill(`${JSON.stringify(name)} is no text in UTF-8`);
  }
  if (UNSEEN.test(text)) throw new BadSkill(`${JSON.stringify(name)} has characters that are not seen`);
  return text;
}
