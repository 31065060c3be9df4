import { z } from 'zod';
import { metadataLevel, metadataNames } from '../decisions/kafka-rules/metadata-versions.ts';

/** A rule that may be overruled for a while, by somebody who says why. */
export const waiverSchema = z
  .strictObject({
    rule: z
      .string()
      .regex(
        /^(K1|K2|K4|K5|K6|K7|K8|K9|K10|K11|K14|K19)$/,
        'only K1, K2, K4 to K11, K14 and K19 can be waived (K11 and K19 for a dead broker alone)',
      )
      .describe('the rule by its number, as a block names it'),
    topic: z.string().optional().describe('only for this topic'),
    node: z
      .string()
      .optional()
      .describe('only for this node; of K1, K7, K11 and K19: a dead one, for nodes that share no partition with it'),
    reason: z.string().min(10).describe('why it is safe here; it is shown in the report'),
    until: z.iso.date().describe('the last day (UTC) on which the waiver holds'),
  })
  .refine(({ rule, node }) => node !== undefined || (rule !== 'K11' && rule !== 'K19'), {
    message: 'what cannot be seen, or is not settled, is waived for a dead broker alone: name it as `node`',
    path: ['node'],
  });

/**
 * `rollout:` of an environment: how its nodes are changed and watched. Deadlines bound waiting; waiting
 * itself is not failing (rule K12). What judges a wave is under `gates`.
 */
export const rolloutSchema = z
  .strictObject({
    windowSeconds: z.number().min(1).optional().describe('as in `gates`, where that does not say it'),
    soakSeconds: z
      .number()
      .min(0)
      .optional()
      .describe('the first form of gates: without `gates`, a compressed profile that bakes so long'),
    warmUpSeconds: z.number().min(0).optional().describe('of that profile'),
    stopGraceSeconds: z.number().min(1).default(60).describe('for a graceful stop; more than its p99 (K10)'),
    returnSeconds: z.number().min(1).default(120).describe('for a node to return; longer while it recovers logs (K12)'),
    inSyncSeconds: z.number().min(1).default(120).describe('for a returned node to be in sync everywhere (K11)'),
    blockedSeconds: z.number().min(1).default(120).describe('how long a rule may block before the roll-out gives up'),
    isrMargin: z.number().int().min(0).default(0).describe('in-sync replicas kept above min.insync.replicas (K7)'),
    restartFirst: z.boolean().default(false).describe('restart one node unchanged before the first is changed'),
    minimumFreeMb: z.number().min(0).default(256).describe('free on the disk of every node before a roll-out starts'),
    leaderBatch: z.number().int().min(1).default(50).describe('partitions whose leader is given back at a time'),
    quorumFetchTimeoutMs: z
      .number()
      .int()
      .min(1)
      .default(2000)
      .describe('controller.quorum.fetch.timeout.ms of the cluster: who fetched within it is caught up (K4)'),
    underReplicatedSeconds: z.number().min(1).optional().describe('of that profile'),
    errorShare: z.number().min(0).max(1).optional().describe('of that profile'),
    slowFactor: z.number().min(1).optional().describe('of that profile'),
    slowFloorMs: z.number().min(0).optional().describe('of that profile'),
    slowSeconds: z.number().min(0).optional().describe('of that profile'),
    metadataVersion: z
      .string()
      .refine((name) => metadataLevel(name) !== undefined, `one of ${metadataNames.join(', ')}`)
      .optional()
      .describe('pins metadata.version: a cluster that is at another level is not rolled (K15)'),
    oldestClient: z
      .string()
      .regex(/^\d+\.\d+/, 'a version as 2.8')
      .optional()
      .describe('the oldest client that connects, as somebody looked: a roll-out to 4.x asks for it (K2)'),
    waivers: z.array(waiverSchema).default([]),
  })
  .prefault({});

export type Waiver = z.output<typeof waiverSchema>;
export type RolloutSettings = z.output<typeof rolloutSchema>;
