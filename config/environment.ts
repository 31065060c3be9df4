import { z } from 'zod';
import type { ClusterSettings } from './clusters.ts';
import { commandDriverSchema } from './command-driver.ts';
import { gatesSchema } from './gates.ts';
import { rolloutSchema } from './rollout.ts';
import { startFields } from './windows.ts';

const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,39}$/,
    'a name is lower-case letters, digits and hyphens, at most 40, starting with a letter or digit',
  );
const port = z.int().min(1024).max(65_535);

/** May name a version. */
const libraryName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/, 'a library’s name is letters, digits, dots, hyphens and underscores');

/** A path that stays inside the folder it is relative to. */
const innerPath = z
  .string()
  .min(1)
  .refine(
    (path) => !path.startsWith('/') && !path.split('/').includes('..'),
    'a path inside the target’s folder: relative, without ..',
  );

const regexp = z.string().superRefine((source, context) => {
  try {
    new RegExp(source);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

const url = z.string().regex(/^https?:\/\//, 'an http address; {port} stands for the target’s port');

/**
 * Named sets of Maven coordinates, `group:artifact:version[:classifier]` or Maven's longer form.
 * `transitive`: with what they need at run time, which is the rule; false for an agent's own jar.
 * `excludes` leaves things out wherever they come from; `pins` sets the version of what others bring along.
 */
export const librariesSchema = z.record(
  libraryName,
  z.strictObject({
    coordinates: z
      .array(
        z
          .string()
          .regex(
            /^[^:\s]+:[^:\s]+:[^:\s]+(:[^:\s]+){0,2}$/,
            'group:artifact:version, group:artifact:version:classifier, or group:artifact:jar:classifier:version',
          ),
      )
      .min(1),
    transitive: z.boolean().default(true),
    excludes: z.array(z.string().regex(/^[^:\s]+:[^:\s]+$/, 'group:artifact, or group:*')).optional(),
    pins: z.array(z.string().regex(/^[^:\s]+:[^:\s]+:[^:\s]+$/, 'group:artifact:version')).optional(),
  }),
);

/** Canary traffic. Rates are single-record requests a second over all partitions; `trickle` holds outside roll-outs. */
const trafficSchema = z
  .strictObject({
    recordsPerSecond: z.number().positive().max(5_000).default(240),
    trickle: z.number().positive().max(5_000).default(10),
    topic: z
      .string()
      .regex(/^[a-zA-Z0-9._-]{1,200}$/)
      .default('patchwright-canary'),
    partitions: z.int().min(1).max(64).default(6),
    group: z.string().min(1).default('patchwright-canary'),
  })
  .prefault({});

/** `process`: separate operating-system processes on the machine of the worker. */
const driverSchema = z.strictObject({ kind: z.literal('process') }).prefault({ kind: 'process' });

const common = {
  driver: driverSchema,
  rollout: rolloutSchema,
  /** How each wave is judged; without it the full profile. */
  gates: gatesSchema.optional(),
  ...startFields,
  /** The first port of a fixed range; without it free ports are chosen once and kept. */
  basePort: port.optional(),
  /** What a new environment starts with: the base build of the fork that is released to it, or the library as it is. */
  initial: z.enum(['base', 'library']).default('base'),
};

const LEAN_JVM = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

const kafkaSchema = z.strictObject({
  system: z.literal('kafka'),
  ...common,
  provision: z.union(
    [
      z.strictObject({ combined: z.int().min(1).max(9) }),
      z.strictObject({ controllers: z.int().min(1).max(9), brokers: z.int().min(1).max(50) }),
    ],
    { error: 'either {combined: N}, or {controllers: N, brokers: N}' },
  ),
  /** The library (under `libraries`) whose jars every node runs. */
  library: libraryName,
  /** The library that holds the Jolokia agent. */
  jolokia: libraryName.default('jolokia'),
  /** Which artifact of the fork replaces which jar of the library. */
  artifacts: z
    .record(z.string().min(1), z.string().regex(/^[^/]+\.jar$/, 'the name of a jar in the library'))
    .refine((map) => Object.keys(map).length > 0, 'at least one artifact'),
  jvm: z.array(z.string()).default(LEAN_JVM),
  /** Further server.properties; they win over the defaults. */
  properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  traffic: trafficSchema,
});

const processTarget = z.strictObject({
  name,
  rack: z.string().optional(),
  /** Artifact name → its path in the target's folder. */
  files: z.record(z.string().min(1), innerPath).refine((map) => Object.keys(map).length > 0, 'at least one file'),
  /** The command as arguments, no shell; {port} and {dir} are replaced. Runs in the target's folder. */
  start: z.array(z.string()).min(1),
  environment: z.record(z.string(), z.string()).default({}),
  ready: z.union([z.strictObject({ log: regexp }), z.strictObject({ http: url })], {
    error: 'either {log: REGULAR EXPRESSION} or {http: ADDRESS}',
  }),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']).default('SIGTERM'),
  /** Where the running process says which commit it is. */
  commit: z
    .union(
      [
        z.strictObject({ file: innerPath }),
        z.strictObject({ http: url }),
        z.strictObject({ command: z.array(z.string()).min(1) }),
      ],
      { error: 'one of {http: ADDRESS}, {file: PATH}, {command: [ARGUMENTS]}' },
    )
    .optional(),
});

const processSchema = z.strictObject({
  system: z.literal('process'),
  ...common,
  targets: z
    .array(processTarget)
    .min(1)
    .refine((targets) => new Set(targets.map((t) => t.name)).size === targets.length, 'two targets have the same name'),
});

/** ssh and its like take a word that begins with a hyphen for an option. */
const host = z
  .string()
  .regex(
    /^[A-Za-z0-9[][A-Za-z0-9._:@%\]-]{0,253}$/,
    'a host as your commands know it: no blank, no hyphen at its begin',
  );

/** Anything that only the user's own commands reach. Nothing is known of it but what they tell. */
const commandSchema = z.strictObject({
  system: z.literal('command'),
  driver: commandDriverSchema,
  rollout: rolloutSchema,
  gates: gatesSchema.optional(),
  ...startFields,
  artifacts: z.array(z.string().min(1)).min(1).describe('of the fork, which every target takes'),
  cluster: z
    .string()
    .optional()
    .describe('under `clusters`: each target is the node of its name there, and Kafka’s rules hold for it'),
  targets: z
    .array(z.strictObject({ name, host: host.default('localhost'), rack: z.string().optional() }))
    .min(1)
    .refine((targets) => new Set(targets.map((t) => t.name)).size === targets.length, 'two targets have the same name'),
});

/** One environment of `patchwright.yaml`. */
export const environmentSchema = z.discriminatedUnion('system', [kafkaSchema, processSchema, commandSchema]);

/** `environments:` of `patchwright.yaml`. */
export const environmentsSchema = z.record(name, environmentSchema);

/** As it is written and kept; `environmentIn` (environment-cluster.ts) gives it with its cluster. */
export type EnvironmentConfiguration = z.output<typeof environmentSchema>;
export type KafkaEnvironmentSettings = z.output<typeof kafkaSchema>;
export type ProcessEnvironmentSettings = z.output<typeof processSchema>;
/** `cluster`: the one of which its targets are nodes; without it they are plain. */
export type CommandEnvironmentSettings = Omit<z.output<typeof commandSchema>, 'cluster'> & { cluster?: NamedCluster };
export type EnvironmentSettings = KafkaEnvironmentSettings | ProcessEnvironmentSettings | CommandEnvironmentSettings;
/** With its name under `clusters`. */
export type NamedCluster = ClusterSettings & { name: string };
export type ProcessTargetSettings = z.output<typeof processTarget>;
export type TrafficSettings = z.output<typeof trafficSchema>;
export type LibrarySettings = z.output<typeof librariesSchema>[string];
