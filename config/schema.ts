import { z } from 'zod';
import { WAIVABLE } from '../decisions/verdict-waiver.ts';
import { forkAgentSchema, modelSchema, repairSchema } from './agent.ts';
import { approvalsSchema, peopleProblems } from './approvals.ts';
import { clusterProblems, clustersSchema } from './clusters.ts';
import { environmentSchema, librariesSchema } from './environment.ts';
import { environmentClusterProblems } from './environment-cluster.ts';
import { knowledgeProblems, knowledgeSchema } from './knowledge.ts';
import { publishSchema } from './publish.ts';
import { rehearsalSchema } from './rehearsal.ts';
import { sandboxFields, sandboxProblem } from './sandbox.ts';
import { artifactsSchema, retentionSchema } from './storage.ts';
import { suiteSchema } from './suite.ts';
import { supportProblems, supportSchema } from './support.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and hyphens, 40 at the most');

const command = z.array(z.string().min(1)).min(1).describe('an argument array; no shell reads it');

const SECRET = 'a reference: {env: NAME} or {file: PATH}; a secret itself is never written here';
const secret = z
  .union(
    [
      z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
      z.strictObject({ file: z.string().min(1) }),
    ],
    { error: SECRET },
  )
  .describe(SECRET);

const regularExpression = z.string().superRefine((source, context) => {
  try {
    new RegExp(source);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

const artifact = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a file name without a folder')
    .describe('what everything else calls it'),
  path: z
    .string()
    .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/, 'a path inside the checkout')
    .describe('where the build leaves it, from the top of the checkout'),
});

export const buildSchema = z.strictObject({
  fetch: command.optional().describe('resolves dependencies beforehand, with network; the build itself is offline'),
  command: command.describe('builds; {version} and {commit} are filled in'),
  artifacts: z.array(artifact).min(1).describe('the files that the command makes'),
  toolchain: z
    .array(command)
    .default([])
    .describe('commands whose output belongs to the build key, e.g. [java, -version]'),
  environment: z
    .array(z.string())
    .default(['PATH', 'HOME', 'LANG', 'JAVA_HOME', 'MAVEN_OPTS', 'TMPDIR'])
    .describe('the variables that the build may see; nothing else reaches it'),
  timeoutMinutes: z.number().min(1).max(720).default(60),
});

export const forkSchema = z.strictObject({
  repository: z.string().min(1).describe('a path or URL that git can clone'),
  base: z.string().min(1).describe('the upstream tag or branch that the stack stands on'),
  branch: z.string().min(1).default('main').describe('the tip of the patch stack'),
  version: z
    .string()
    .min(1)
    .default('{base}-fork.{patches}.g{shortCommit}')
    .describe('{base}, {patches}, {shortCommit} and {commit} are filled in'),
  baseVersion: z.string().optional().describe('what {base} stands for; the name of the base ref by default'),
  build: buildSchema,
  ...sandboxFields,
  suites: z.record(name, suiteSchema).default({}),
  repair: repairSchema.describe('what an agent may do about what holds a release'),
  agent: forkAgentSchema,
  release: z.strictObject({
    suites: z.array(name).min(1).describe('what a release runs unless --suite says otherwise'),
    environments: z.array(name).default([]).describe('in order; each takes only what the one before has verified'),
    oneWay: z
      .array(z.strictObject({ what: z.string().min(1), paths: regularExpression }))
      .default([])
      .describe(
        'formats that the old artifact may not read once the new one has written them; for Kafka K18 knows its own',
      ),
    rehearsal: rehearsalSchema.describe('whether going back is tried before a roll-out to Kafka'),
    publish: publishSchema(secret).optional().describe('where a finished release is published; nowhere without it'),
    waivable: z
      .array(z.enum(WAIVABLE))
      .default([])
      .describe('verdicts that people may let through, where nothing else holds a candidate; none without it'),
    rerunSeconds: z
      .number()
      .nonnegative()
      .default(7_200)
      .describe('of test processes, over all suites of a release, for verdicts; what is open then is undecided'),
  }),
});

const person = z.strictObject({
  name: z.string().min(1),
  user: z.string().optional().describe("the operating system's user on the CLI"),
  email: z
    .union([z.email(), z.array(z.email()).min(1)])
    .optional()
    .describe('as the author of patches; every address under which somebody commits'),
  slack: z
    .strictObject({
      team: z.string(),
      user: z.string().regex(/^[UW][A-Z0-9]{1,30}$/, 'is an id as U01ABCDEF (in Slack: profile, copy member ID)'),
    })
    .optional(),
  github: z.string().optional().describe('the login there'),
});

const announcements = z.strictObject({
  slack: z
    .strictObject({
      channel: z.string().min(1).describe('an id (C0123456789) or #name'),
      token: secret,
      apiUrl: z.url().optional().describe('another server of the Slack Web API'),
    })
    .optional(),
});

const paging = z
  .strictObject({
    pagerduty: z
      .strictObject({
        routingKey: secret,
        url: z.url().default('https://events.pagerduty.com/v2/enqueue').describe('any server of the Events API v2'),
      })
      .optional(),
    mention: z
      .array(z.string())
      .optional()
      .describe('people or groups whom a page mentions in Slack; without it everybody who has a Slack account here'),
    repeatMinutes: z.number().min(0.01).max(1_440).default(15).describe('until somebody acknowledges'),
  })
  .prefault({});

export const settingsSchema = z
  .strictObject({
    forks: z.record(name, forkSchema),
    environments: z.record(name, environmentSchema).default({}),
    clusters: clustersSchema(secret).default({}).describe('Kafka that was not laid out here'),
    libraries: librariesSchema.default({}),
    people: z.record(name, person).default({}),
    groups: z.record(name, z.array(name).min(1)).default({}).describe('of people, for policies'),
    approvals: approvalsSchema,
    announcements: announcements.default({}),
    paging: paging.describe('who is called when a roll-out freezes'),
    artifacts: artifactsSchema(secret),
    model: modelSchema(secret),
    knowledge: knowledgeSchema(secret).describe('what questions are answered from'),
    support: supportSchema(secret).describe('tickets: questions of the users'),
    retention: retentionSchema,
    slots: z.number().int().min(1).max(256).optional().describe('test slots of a suite worker; one a core by default'),
  })
  .superRefine((settings, context) => {
    const problem = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const oneOf = (things: object) => Object.keys(things).join(', ') || 'none are configured';
    const problems = [
      ...[...peopleProblems(settings), ...clusterProblems(settings), ...environmentClusterProblems(settings)],
      ...[...knowledgeProblems(settings), ...supportProblems(settings)],
    ];
    for (const { path, message } of problems) problem(path, message);
    for (const [forkName, fork] of Object.entries(settings.forks)) {
      const at = ['forks', forkName, 'release'];
      const sandbox = sandboxProblem(fork);
      if (sandbox !== undefined) problem(['forks', forkName, sandbox.key], sandbox.message);
      for (const [i, suite] of fork.release.suites.entries()) {
        if (!(suite in fork.suites)) {
          problem([...at, 'suites', i], `no suite "${suite}" in this fork; there are: ${oneOf(fork.suites)}`);
        }
      }
      for (const [i, environment] of fork.release.environments.entries()) {
        if (!(environment in settings.environments)) {
          problem(
            [...at, 'environments', i],
            `no environment "${environment}"; there are: ${oneOf(settings.environments)}`,
          );
        }
      }
    }
  });

export type Settings = z.output<typeof settingsSchema>;
export type ModelSettings = NonNullable<Settings['model']>;
export type ForkSettings = z.output<typeof forkSchema>;
export type BuildSettings = z.output<typeof buildSchema>;
export type SlackSettings = NonNullable<z.output<typeof announcements>['slack']>;
export type PersonSettings = z.output<typeof person>;
