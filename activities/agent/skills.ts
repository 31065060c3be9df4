import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Settings } from '../../config/schema.ts';
import type { Digest } from '../../workflows/types.ts';
import { BadSkill, readSkillFiles, type SkillFiles } from './skill-files.ts';

/** The first step of a skill: what a model chooses by. `sha256`: over all of its files. */
export type SkillSummary = { name: string; description: string; sha256: Digest };

/** A folder that is no skill is left out and said, and the others stand. */
export type LoadedSkills = { skills: SkillSummary[]; problems: string[] };

export type SkillText = { kind: 'text'; text: string } | { kind: 'refused'; reason: string };

const OURS = fileURLToPath(new URL('../../skills', import.meta.url));
const MOST_SKILLS = 100;
const MOST_LINES = 500;

/** The keys of the Agent Skills standard. `allowed-tools` is read and means nothing here: a skill grants nothing. */
const frontMatter = z.strictObject({
  name: z
    .string()
    .max(64)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'lower-case letters, digits and single hyphens'),
  description: z
    .string()
    .trim()
    .min(1)
    .max(1_024)
    .transform((text) => text.replace(/\s+/g, ' ')),
  license: z.string().max(200).optional(),
  compatibility: z.string().max(500).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  'allowed-tools': z.string().max(500).optional(),
});

/**
 * Agent Skills: ours and those of a fork's own folders (`forks.NAME.agent.skills`), loaded in steps: names and
 * descriptions; a body; a reference. They are texts to read. None runs, and none adds a tool, a right or a target.
 */
export function createSkills(folders: readonly string[] = []) {
  const roots = [OURS, ...folders];

  async function load(): Promise<LoadedSkills> {
    const found = new Map<string, SkillSummary>();
    const problems: string[] = [];
    for (const root of roots) {
      if (!existsSync(root)) {
        problems.push(`there is no folder of skills "${shownFolder(root)}": look at agent.skills of the fork`);
        continue;
      }
      for (const folder of foldersIn(root)) {
        const where = `${shownFolder(root)}/${folder}`;
        const skill = await summaryOf(join(root, folder), folder).catch((error: unknown) => wordsOf(error, where));
        if (typeof skill === 'string') problems.push(skill);
        else if (found.has(skill.name)) problems.push(`${where}: there is a skill "${skill.name}" already`);
        else if (found.size >= MOST_SKILLS) problems.push(`${where}: there are ${MOST_SKILLS} skills already`);
        else found.set(skill.name, skill);
      }
    }
    return { skills: [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), problems };
  }

  return {
    load,

    /** The first step: what there is. */
    list: async (): Promise<SkillSummary[]> => (await load()).skills,

    /**
     * The second step, a body, or with `file` the third, a reference. `sha256` is what the skill had when its name was
     * given out: one that was changed since is refused, since nobody has looked at what it says now.
     */
    async read({ name, sha256 }: Pick<SkillSummary, 'name' | 'sha256'>, file = 'SKILL.md'): Promise<SkillText> {
      const root = roots.find((folder) => /^[a-z0-9-]+$/.test(name) && existsSync(join(folder, name, 'SKILL.md')));
      if (root === undefined) return refused(`there is no skill "${name.slice(0, 80)}"`);
      const files = await readSkillFiles(join(root, name)).catch((error: unknown) => wordsOf(error, name));
      if (typeof files === 'string') return refused(files);
      if (files.sha256 !== sha256) {
        return refused(
          `the skill "${name}" was changed since it was loaded; start the work anew to use what it says now`,
        );
      }
      // Looked up among what was read, never opened: no name can lead out of the folder.
      const text = files.files.get(file);
      if (text !== undefined) return { kind: 'text', text: file === 'SKILL.md' ? split(text).body : text };
      return refused(
        `"${file.slice(0, 200)}" is no file of "${name}"; there are: ${[...files.files.keys()].join(', ')}`,
      );
    },
  };
}

export type Skills = ReturnType<typeof createSkills>;

/** Folders of all forks: a ticket may be about any of them. */
export const skillFolders = ({ forks }: Pick<Settings, 'forks'>): string[] => [
  ...new Set(Object.values(forks).flatMap(({ agent }) => agent.skills)),
];

/** For a run that was given these skills: only those, and only as they were then. An answer in words, whatever it is. */
export async function readGivenSkill(
  given: readonly SkillSummary[],
  folders: readonly string[] | undefined,
  name: string,
  file: string,
): Promise<string> {
  const skill = given.find((one) => one.name === name);
  if (skill === undefined)
    return `you were given no skill "${name}"; there are: ${given.map((one) => one.name).join(', ')}`;
  const found = await createSkills(folders).read(skill, file);
  return found.kind === 'text' ? found.text : found.reason;
}

const refused = (reason: string): SkillText => ({ kind: 'refused', reason });

/** Where the configuration said, without this machine's path. */
const shownFolder = (root: string) => (root === OURS ? 'skills' : basename(root));

function foldersIn(root: string): string[] {
  const entries = readdirSync(root, { withFileTypes: true });
  // A link is kept in the list: that it is refused must be said.
  return entries.flatMap((entry) => (entry.isDirectory() || entry.isSymbolicLink() ? [entry.name] : [])).sort();
}

async function summaryOf(folder: string, name: string): Promise<SkillSummary> {
  if (!readdirSync(join(folder, '..'), { withFileTypes: true }).some((one) => one.name === name && one.isDirectory())) {
    throw new BadSkill('it is a link');
  }
  const { files, sha256 }: SkillFiles = await readSkillFiles(folder);
  const text = files.get('SKILL.md');
  if (text === undefined) throw new BadSkill('it has no SKILL.md');
  if (text.split('\n').length > MOST_LINES) throw new BadSkill(`SKILL.md has more than ${MOST_LINES} lines`);
  const checked = frontMatter.safeParse(yamlOf(split(text).front));
  if (!checked.success) {
    const issues = checked.error.issues.map(({ path, message }) => `${path.join('.') || 'its keys'}: ${message}`);
    throw new BadSkill(`the front matter of SKILL.md is wrong: ${issues.join('; ')}`);
  }
  const { data } = checked;
  if (data.name !== name) throw new BadSkill(`its folder is "${name}" and its name "${data.name}": they must be one`);
  return { name, description: data.description, sha256 };
}

function split(text: string): { front: string; body: string } {
  const parts = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(text);
  if (parts === null) throw new BadSkill('SKILL.md does not begin with a front matter between lines of ---');
  return { front: parts[1] ?? '', body: parts[2] ?? '' };
}

function yamlOf(front: string): unknown {
  try {
    // A few lines of aliases can otherwise stand for gigabytes.
    return parse(front, { maxAliasCount: 0 });
  } catch (error) {
    throw new BadSkill(`the front matter of SKILL.md is not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** What a person has to mend is said; what only the machine failed at is thrown. */
function wordsOf(error: unknown, where: string): string {
  if (error instanceof BadSkill) return `${where}: ${error.message}`;
  throw error;
}
