import { z } from 'zod';

/** Where a secret is, never what it is. */
type SecretSchema = z.ZodType<{ env: string } | { file: string }>;

/** Where artifacts and logs are kept, and for how long everything is. */
export const artifactsSchema = (secret: SecretSchema) =>
  z
    .strictObject({
      folder: z.string().min(1).optional().describe('a folder that all hosts share; one in the data folder by default'),
      s3: z
        .strictObject({
          bucket: z.string().min(3).max(63),
          region: z.string().min(1).default('us-east-1'),
          endpoint: z.url().optional().describe('a server that speaks S3; AWS by default'),
          prefix: z
            .string()
            .regex(/^(|[A-Za-z0-9][A-Za-z0-9._/-]*\/)$/, 'empty, or ends with a slash')
            .default('')
            .describe('before every name'),
          pathStyle: z.boolean().optional().describe('the bucket in the path; true where an endpoint is given'),
          accessKeyId: secret.optional().describe("the machine's own identity by default"),
          secretAccessKey: secret.optional(),
        })
        .refine((s3) => (s3.accessKeyId === undefined) === (s3.secretAccessKey === undefined), {
          message: 'accessKeyId and secretAccessKey belong together',
        })
        .optional(),
    })
    .refine(({ folder, s3 }) => folder === undefined || s3 === undefined, { message: 'either folder or s3' })
    .default({});

const days = (count: number, about: string) => z.number().min(0).max(36_500).default(count).describe(`days; ${about}`);

export const retentionSchema = z
  .strictObject({
    results: days(365, 'results of single tests and verdicts of suite runs that have ended'),
    logs: days(60, 'logs of failed units and of builds'),
    builds: days(90, 'builds that nothing runs, was released from or is held back for'),
    runs: days(7, 'what runners left in the data folder of suite runs that have ended'),
    agents: days(365, "agents' runs and turns, and what they cost, of releases and tickets that have ended"),
    tickets: days(365, 'tickets that are closed, with all that was said in them'),
    triage: days(365, 'failures of another CI that were read, once the results of their runs are gone'),
  })
  .prefault({})
  .describe(
    'how long things are kept; what a running release, an environment or the newest release needs stays anyway',
  );

export type ArtifactsSettings = z.output<ReturnType<typeof artifactsSchema>>;
export type RetentionSettings = z.output<typeof retentionSchema>;
