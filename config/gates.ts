import { z } from 'zod';

const seconds = z.number().min(0);
const share = z.number().positive().max(1);

/** What may be changed of a profile (docs/gates.md has every default and where it comes from). */
const profileOverrides = {
  warmUpSeconds: seconds.optional().describe('after a wave has settled, before its figures count'),
  bakeSeconds: seconds
    .optional()
    .describe('of observed time after warm-up, at least; in the full profile by kind of wave'),
  laterBakeSeconds: seconds
    .optional()
    .describe('the same for every wave but the one in which the first serving node goes alone'),
  gapSeconds: z.number().positive().optional().describe('two looks further apart were not observed in between'),
  blockSeconds: z.number().positive().optional().describe('levels are judged by blocks of this length'),
  minimumBlocks: z.int().min(0).optional().describe('so many blocks before and after; 0: levels are not judged'),
  alpha: z.number().positive().max(0.2).optional().describe('false alarms of one whole release, at most'),
  minimumWork: z.number().min(0).optional().describe('requests on the wave that a count needs, whatever went wrong'),
  smallestErrorShare: share.optional().describe('the error share that must be seen where it is there'),
  countRatio: z.number().min(1).optional().describe('errors so many times the usual fail'),
  failRatio: z.number().min(1).optional().describe('a level so many times as bad as its controls fails'),
  criticalRatio: z.number().min(1).optional().describe('so many times as bad fails before the bake is over'),
  underReplicatedSeconds: seconds.optional().describe('a partition may be under-replicated so long'),
  errorShare: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('failed client requests above the window before, as a share'),
  slowFactor: z.number().min(1).optional().describe('client p50 against the window before'),
  slowFloorMs: z.number().min(0).optional().describe('a client p50 below this is never slow'),
  slowSeconds: seconds.optional().describe('slow for so long, without a pause, fails'),
};

const profile = z.enum(['full', 'compressed']);

/** With one nothing could be asked, and each error would tell it. */
function hasNoLogin(url: string): boolean {
  const { username, password } = URL.parse(url) ?? { username: '?', password: '' };
  return username + password === '';
}

/** A server with Prometheus' query API, read instead of JMX. */
const prometheusSchema = z.strictObject({
  url: z
    .string()
    .regex(/^https?:\/\//, 'an http address, without /api/v1')
    .refine(hasNoLogin, 'an http address without a login: the server is asked without one'),
  label: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
    .default('instance')
    .describe('which label names the node'),
  nodes: z
    .record(z.string(), z.string())
    .default({})
    .describe('node to the value of that label, where it is not its name or address'),
  maxAgeSeconds: z.number().positive().default(90).describe('a node that was not scraped for longer is not read'),
  queries: z
    .record(z.string(), z.string())
    .default({})
    .describe('figure to PromQL, where it is not the JMX exporter’s name; {label} is replaced'),
});

/**
 * `gates:` of an environment: how a wave is judged before the next may begin. The name of a profile, or one with what
 * differs. `full` is for production, and takes hours; `compressed` is for a bake of seconds.
 */
export const gatesSchema = z.union(
  [
    profile,
    z.strictObject({
      profile: profile.default('full'),
      ...profileOverrides,
      beatSeconds: z.number().min(1).optional().describe('between two looks; 30 in full, 2 in compressed'),
      windowSeconds: seconds
        .optional()
        .describe('looks before the first node; as long as the blocks take in full, 10 in compressed'),
      firstOne: z.boolean().default(true).describe('the first wave is one node alone'),
      share: share.default(1 / 3).describe('of the serving nodes, that one wave may hold (G2)'),
      prometheus: prometheusSchema.optional(),
      watchSeconds: seconds.default(0).describe('after the last wave, in which the same gates still roll back'),
    }),
  ],
  { error: 'full, compressed, or {profile: full, …} with what differs' },
);

export type GatesConfiguration = z.output<typeof gatesSchema>;
export type PrometheusSettings = z.output<typeof prometheusSchema>;
