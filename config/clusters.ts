import { z } from 'zod';
import { securitySchema } from './cluster-security.ts';
import { gatesSchema } from './gates.ts';
import { rolloutSchema } from './rollout.ts';

type SecretSchema = z.ZodType<{ env: string } | { file: string }>;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dots, hyphens and underscores');

const address = z
  .string()
  .regex(/^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, 'HOST:PORT, or [ADDRESS]:PORT')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'a port is 65535 at the most');

const node = z.strictObject({
  name,
  id: z.int().min(0).describe('node.id, or broker.id'),
  roles: z
    .array(z.enum(['controller', 'broker']))
    .min(1)
    .default(['broker']),
  rack: z.string().optional().describe('without it the one that the broker itself tells'),
  jolokia: address
    .optional()
    .describe('an agent of its JVM that may be read; without it figures are what brokers tell'),
});

/**
 * `clusters:` of `patchwright.yaml`: Kafka that was not laid out here. It is looked at, and touched only by an environment
 * that names it (`system: command`): then that one's `rollout` and `gates` count.
 */
export const clustersSchema = (secret: SecretSchema) =>
  z.record(
    z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens, 40 at the most'),
    z.strictObject({
      bootstrap: z.array(address).min(1).describe('some of its brokers, on the listener of `security`'),
      security: securitySchema(secret).optional().describe('how it is connected to; without it PLAINTEXT'),
      nodes: z
        .array(node)
        .default([])
        .describe('brokers that answer need not be named; controllers, racks and agents do')
        .refine((all) => new Set(all.map((one) => one.id)).size === all.length, 'two nodes have the same id')
        .refine((all) => new Set(all.map((one) => one.name)).size === all.length, 'two nodes have the same name'),
      rollout: rolloutSchema.describe('of it, for can-roll: isrMargin, quorumFetchTimeoutMs, metadataVersion, waivers'),
      gates: gatesSchema.optional().describe('of it, for shadow: the profile, and the Prometheus that has its figures'),
    }),
  );

export type ClusterSettings = z.output<ReturnType<typeof clustersSchema>>[string];

type Named = { clusters: Record<string, unknown>; environments: Record<string, unknown> };

/** A command names either by the same word. */
export function clusterProblems({ clusters, environments }: Named): { path: string[]; message: string }[] {
  return Object.keys(clusters)
    .filter((one) => one in environments)
    .map((one) => ({ path: ['clusters', one], message: 'an environment has this name' }));
}
