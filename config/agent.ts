import { z } from 'zod';

/** Limits of one run of an agent; whichever is reached first ends it, with one turn's warning. */
export const budgetSchema = z
  .strictObject({
    turns: z.int().min(1).max(500).default(40).describe('questions to the model'),
    tokens: z.int().min(1_000).default(2_000_000).describe('read and written, over all turns'),
    money: z.number().positive().default(10).describe('in the currency of `model.price`'),
    minutes: z.number().positive().max(1_440).default(60),
  })
  .prefault({});

/** `model:` a server of the Responses API; without it nothing explains, and all else works. */
export const modelSchema = <Secret extends z.ZodType>(secret: Secret) =>
  z
    .strictObject({
      name: z.string().min(1).describe('one model for every role'),
      key: secret,
      baseUrl: z.url().default('https://api.openai.com/v1').describe('any server of the Responses API'),
      timeoutSeconds: z
        .number()
        .positive()
        .max(3_600)
        .default(300)
        .describe('without a word from it; a long answer that goes on is waited for'),
      contextTokens: z.int().min(8_000).default(200_000).describe('what the model can read at once'),
      price: z
        .strictObject({
          inputPerMillion: z.number().nonnegative(),
          outputPerMillion: z.number().nonnegative(),
        })
        .prefault({ inputPerMillion: 0, outputPerMillion: 0 })
        .describe('of a million tokens; without it money is not counted'),
      budget: budgetSchema.describe('of one run'),
      perRelease: z
        .strictObject({
          turns: z.int().min(1).default(800),
          tokens: z.int().min(1_000).default(20_000_000),
          money: z.number().positive().default(50),
          minutes: z.number().positive().default(720).describe('in which at least one of them runs'),
        })
        .prefault({})
        .describe('of all runs of a release, or of a ticket, together'),
      embeddings: z
        .string()
        .min(1)
        .optional()
        .describe('a model at `baseUrl` that makes vectors; words alone without it'),
    })
    .optional()
    .describe('the agent that diagnoses and repairs what holds a release');

export type AgentBudget = z.output<typeof budgetSchema>;

/** `repair:` of a fork: what an agent may do about what holds a release. */
export const repairSchema = z
  .strictObject({
    policy: z
      .enum(['off', 'suggest', 'apply-reviewed'])
      .default('suggest')
      .describe('suggest: a person approves; apply-reviewed: three reviewers without an objection are enough'),
    attempts: z.int().min(1).max(5).default(2).describe('repaired candidates of one release'),
    proveWhole: z
      .boolean()
      .default(true)
      .describe(
        'the proof runs the whole suite, not only what failed (of a conflict or a build: what its stack touches)',
      ),
  })
  .prefault({});

export type RepairSettings = z.output<typeof repairSchema>;

/** What a proposed patch may be before anybody is asked about it. */
export const proposalsSchema = z
  .strictObject({
    maxFiles: z.int().min(1).max(300).default(20),
    maxLines: z.int().min(1).max(20_000).default(600).describe('added and removed'),
    protectedPaths: z
      .array(z.string().min(1).max(300))
      .default([])
      .describe('a folder ends with /, * is any characters but /, ** any folders; more than what always is'),
    newDependencies: z.enum(['refuse', 'point-out']).default('refuse'),
  })
  .prefault({})
  .describe('what a proposed patch may be before anybody is asked about it');

/** `forks.NAME.agent`: what is its own of a fork where an agent works on it. */
export const forkAgentSchema = z
  .strictObject({
    skills: z
      .array(z.string().min(1))
      .default([])
      .describe('folders of Agent Skills beside our own: each holds folders with a SKILL.md'),
    proposals: proposalsSchema,
  })
  .prefault({});
