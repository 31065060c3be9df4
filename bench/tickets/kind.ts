import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { FixKind } from '../../activities/fixes/kind.ts';
import type { ConfigChange, ConfigFields } from '../../workflows/fix-types.ts';

/** One line a fix that was applied: which ticket's, and when its effect began. */
export type Applied = { ticket: string; at: number };

export const appliedIn = (file: string): Applied[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Applied)
    : [];

const FIELDS: z.ZodType<ConfigFields> = z.object({
  resource: z.object({ type: z.enum(['topic', 'broker']), name: z.string() }),
  key: z.string(),
  value: z.string().nullable(),
});

/** A kind of fix whose outside world is a file, a line an effect: what is measured is all that lies before it. */
export function lineKind(file: string): FixKind<ConfigChange> {
  const words = 'a line was written';
  const drafted = (target: string, fields: ConfigFields) => ({
    kind: 'drafted' as const,
    change: { kind: 'kafka-config' as const, target, ...fields, before: { own: null, effective: '0' } },
  });
  return {
    name: 'kafka-config',
    targets: () => ['bench'],
    fields: { schema: FIELDS, words: 'anything' },
    async draft(_at, { target }, made) {
      if (!('fields' in made)) throw new Error('a fix of the bench is made by fields');
      return drafted(target, made.fields);
    },
    again: async (_at, _plan, { target, resource, key, value }) => drafted(target, { resource, key, value }),
    prove: async () => ({ proven: true, lines: ['nothing had to be proven'] }),
    describe: async () => ({ what: ['one line'], risk: 'none', inverse: 'none' }),
    moved: async () => undefined,
    apply: ({ ticket }) => ({
      readBack: async () => (appliedIn(file).some((line) => line.ticket === ticket) ? { words } : undefined),
      perform: async () => {
        appendFileSync(file, `${JSON.stringify({ ticket, at: Date.now() })}\n`);
        return { words };
      },
    }),
    verify: async () => ({ kind: 'verified', words: 'read back' }),
    undo: async () => ({ kind: 'not', reason: 'a line stays' }),
  };
}
