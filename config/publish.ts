import { z } from 'zod';
import { mavenCollisions } from '../decisions/maven-layout.ts';
import { ownCommand } from './command-driver.ts';

/** Where a secret is, never what it is. */
type SecretSchema = z.ZodType<{ env: string } | { file: string }>;

const ABOUT = ['artifact', 'sha256', 'version', 'commit', 'release'] as const;

const word = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

const hasNoPassword = (url: string) => {
  const { username, password } = URL.parse(url) ?? {};
  return !username && !password;
};

const after = z
  .enum(['watch', 'last-wave'])
  .default('watch')
  .describe('`watch`: once no watch can take it back any more; `last-wave`: as soon as it is released');

/**
 * `publish:` of a fork's release: where a finished release is published, artifact by artifact, under the candidate's
 * version. What is there already under that version is never replaced by something else.
 */
export const publishSchema = (secret: SecretSchema) => {
  const command = z.strictObject({
    after,
    command: z.strictObject({
      publish: ownCommand([...ABOUT, 'file']).describe('publishes one artifact; {file} is the verified copy here'),
      readBack: ownCommand(ABOUT).describe('prints the SHA-256 of what is published under this version, or nothing'),
      secrets: z
        .record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'the name of a variable: capitals, digits, underscores'), secret)
        .default({})
        .describe('variables that both commands get beside PATH, HOME, LANG and JAVA_HOME'),
    }),
  });
  const artifact = z.strictObject({
    id: z.string().regex(word, 'a Maven artifactId').optional().describe('the artifact’s name without its ending'),
    classifier: z
      .string()
      .regex(word, 'a Maven classifier')
      .optional()
      .describe('it stands beside the one of its id without a classifier, which has the POM'),
    pom: z
      .string()
      .optional()
      .describe('the artifact of the fork that is its POM; without it one without dependencies'),
  });
  const maven = z.strictObject({
    after,
    maven: z
      .strictObject({
        url: z
          .url()
          .refine(hasNoPassword, 'a user or a password stands in the address: use `user` and `password`, or `token`')
          .describe('of the repository for releases, as Maven’s distributionManagement names it'),
        group: z.string().regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'a Maven groupId'),
        artifacts: z
          .record(z.string().regex(/^.+\.[a-z0-9]+$/, 'the name of an artifact, with its ending'), artifact)
          .refine((map) => Object.keys(map).length > 0, 'at least one artifact')
          .superRefine((map, context) => {
            for (const message of mavenCollisions(map)) context.addIssue({ code: 'custom', message });
          })
          .describe('the artifacts that are published, by their names'),
        user: z.string().optional().describe('with `password`'),
        password: secret.optional(),
        token: secret.optional().describe('instead of user and password: sent as `Authorization: Bearer`'),
        metadata: z.boolean().default(true).describe('write maven-metadata.xml; false where the server does it'),
        timeoutSeconds: z.number().positive().max(3_600).default(600).describe('for one file'),
      })
      .refine(({ user, password }) => (user === undefined) === (password === undefined), {
        message: 'user and password belong together',
      }),
  });
  return z.union([command, maven], { error: 'either {command: …} or {maven: …}, with `after`' });
};

export type PublishSettings = z.output<ReturnType<typeof publishSchema>>;
export type CommandPublishSettings = Extract<PublishSettings, { command: unknown }>['command'];
export type MavenPublishSettings = Extract<PublishSettings, { maven: unknown }>['maven'];
