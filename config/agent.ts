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
      timeoutSeconds: z.number().positive().max(3_600).default(300).describe('of one answer'),
      contextTokens: z.int().min(8_000).default(200_000).describe('what the model can read at once'),
      price: z
        .strictObject({
          inputPerMillion: z.number().nonnegative(),
          outputPerMillion: z.number().nonnegative(),
        })
        .prefault({ inputPerMillion: 0, outputPerMillion: 0 })
        .describe('of a million tokens; without it money is not counted'),
      budget: budgetSchema.describe('of one run'),
      embeddings: z
        .string()
        .min(1)
        .optional()
        .describe('a model at `baseUrl` that makes vectors; words alone without it'),
    })
    .optional()
    .describe('the agent that diagnoses what holds a release');

export type AgentBudget = z.output<typeof budgetSchema>;
