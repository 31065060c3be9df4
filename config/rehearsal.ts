import { z } from 'zod';

/** `rehearsal:` of a fork's release: whether going back is tried on a throw-away Kafka cluster before a roll-out. */
export const rehearsalSchema = z
  .strictObject({
    when: z
      .enum(['always', 'touching', 'never'])
      .default('touching')
      .describe('`touching`: where the patches touch what makes a candidate one-way'),
    nodes: z
      .union([z.literal(1), z.literal(3)], { error: 'either 1 or 3' })
      .default(3)
      .describe('of the throw-away cluster; one where there is no memory for three'),
    timeoutMinutes: z.number().min(1).max(60).default(15).describe('for each artifact that is to be gone back to'),
  })
  .prefault({});

export type RehearsalSettings = z.output<typeof rehearsalSchema>;
