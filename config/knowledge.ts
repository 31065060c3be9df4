import { z } from 'zod';
import { artifactsSchema } from './storage.ts';

const sourceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens, 40 at the most');
const inside = z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/, 'a path inside the folder or repository');

const PLACES = ['folder', 'repository', 'fork', 'releases', 'tickets'] as const;

const source = z
  .strictObject({
    name: sourceName,
    folder: z.string().min(1).optional().describe('a folder on the machine that indexes'),
    repository: z.string().min(1).optional().describe('a path or URL that git can clone'),
    fork: sourceName.optional().describe('the repository and branch of a fork under `forks`'),
    releases: sourceName.optional().describe('the reports of a fork’s releases that have ended, out of the store'),
    tickets: z
      .literal('closed')
      .optional()
      .describe('what closed tickets teach, out of the store; found only by who may read the channel of each, too'),
    ref: z.string().min(1).optional().describe('a branch, tag or commit; main, or the fork’s branch'),
    paths: z.array(inside).default([]).describe('files and folders in it; all by default'),
    kind: z
      .enum(['docs', 'runbook', 'code', 'ticket', 'report'])
      .default('docs')
      .describe('of `code` the outline is indexed: declarations and what is said of them'),
    readers: z
      .union([z.literal('everyone'), z.array(z.string().min(1)).min(1)])
      .describe('`everyone`, or people and groups; nobody else is ever answered from it'),
  })
  .refine((found) => PLACES.filter((place) => found[place] !== undefined).length === 1, {
    message: `exactly one of: ${PLACES.join(', ')}`,
  })
  .refine(({ ref, repository, fork }) => ref === undefined || repository !== undefined || fork !== undefined, {
    message: 'ref belongs to a repository or a fork',
    path: ['ref'],
  });

/** `knowledge:` what questions are answered from, and who may read each of it. */
export const knowledgeSchema = (secret: z.ZodType<{ env: string } | { file: string }>) =>
  z
    .strictObject({
      sources: z.array(source).default([]),
      index: artifactsSchema(secret).describe('where the index is; it is made of the sources alone'),
      refreshHours: z.number().min(0.1).max(8_760).default(24).describe('a worker indexes anew what is older'),
      dimensions: z.int().min(32).max(4_096).optional().describe('asked of `model.embeddings`; its own by default'),
      similarity: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe('cosine from which a vector alone counts as found; depends on the model of the embeddings'),
    })
    .prefault({});

export type KnowledgeSettings = z.output<ReturnType<typeof knowledgeSchema>>;
export type KnowledgeSource = z.output<typeof source>;

type Named = {
  people: object;
  groups: object;
  forks: object;
  knowledge: { sources: readonly KnowledgeSource[] };
};

/** A name that is nobody's would silently mean that nobody may read it; and two of one name could not be told apart. */
export function knowledgeProblems({ people, groups, forks, knowledge }: Named) {
  const problems: { path: (string | number)[]; message: string }[] = [];
  const seen = new Set<string>();
  const some = (things: object) => Object.keys(things).join(', ') || 'none are configured';
  for (const [i, { name, readers, fork, releases }] of knowledge.sources.entries()) {
    const problem = (key: string, message: string) =>
      problems.push({ path: ['knowledge', 'sources', i, key], message });
    if (seen.has(name)) problem('name', `two sources are called "${name}"`);
    seen.add(name);
    for (const reader of readers === 'everyone' ? [] : readers) {
      if (Object.hasOwn(people, reader) || Object.hasOwn(groups, reader)) continue;
      problem('readers', `neither a person nor a group is called "${reader}"; people: ${some(people)}`);
    }
    for (const [key, named] of [
      ['fork', fork],
      ['releases', releases],
    ] as const) {
      if (named === undefined || Object.hasOwn(forks, named)) continue;
      problem(key, `no fork "${named}" is configured; there are: ${some(forks)}`);
    }
  }
  return problems;
}
