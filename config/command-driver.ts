import { z } from 'zod';

/** What a command may name. The secret-free facts of one target and, where artifacts are installed, of one artifact. */
export const COMMAND_PLACEHOLDERS = {
  target: ['target', 'host'],
  fetch: ['target', 'host', 'artifact', 'file', 'sha256'],
  install: ['target', 'host', 'artifact', 'file', 'sha256', 'version', 'commit'],
} as const;

const MAX_SECONDS = 3_600;

/** One command: an argument array, never a shell, with placeholders in braces that are checked when this is read. */
export function ownCommand(allowed: readonly string[]) {
  return z.strictObject({
    run: z
      .array(z.string())
      .min(1)
      .superRefine((args, context) => {
        if (args[0] === '' || args[0]?.includes('{'))
          context.addIssue({
            code: 'custom',
            path: [0],
            message: 'the program itself is named, without a placeholder',
          });
        args.forEach((arg, index) => {
          for (const [, word = ''] of arg.matchAll(/\{([A-Za-z][A-Za-z0-9]*)\}/g)) {
            if (allowed.includes(word)) continue;
            const known = allowed.map((each) => `{${each}}`).join(', ');
            context.addIssue({
              code: 'custom',
              path: [index],
              message: `no placeholder {${word}} here; there are ${known}`,
            });
          }
        });
      }),
    timeoutSeconds: z.number().positive().max(MAX_SECONDS).default(120),
  });
}

/** The user's own commands for one target: ssh, Ansible, systemd, anything that says by its exit code how it went. */
export const commandsSchema = z.strictObject({
  stop: ownCommand(COMMAND_PLACEHOLDERS.target),
  /** Once for each artifact; {file} is the verified copy on the worker's machine. */
  install: ownCommand(COMMAND_PLACEHOLDERS.install),
  start: ownCommand(COMMAND_PLACEHOLDERS.target),
  readBack: ownCommand(COMMAND_PLACEHOLDERS.target),
  facts: ownCommand(COMMAND_PLACEHOLDERS.target),
  /** Ends what does not stop; asked in a roll-back alone. */
  kill: ownCommand(COMMAND_PLACEHOLDERS.target).optional(),
  /** Copies what lies on the target to {file}, so that what was there before us can be put back. */
  fetch: ownCommand(COMMAND_PLACEHOLDERS.fetch).optional(),
});

export const commandDriverSchema = commandsSchema.extend({ kind: z.literal('command') });

export type CommandsSettings = z.output<typeof commandsSchema>;
export type CommandSettings = NonNullable<CommandsSettings[keyof CommandsSettings]>;
