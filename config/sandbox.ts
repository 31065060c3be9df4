import { z } from 'zod';

const limits = z.strictObject({
  memoryMb: z.number().int().min(64).optional().describe('of all processes of one sandbox; 4096 by default'),
  processes: z.number().int().min(16).max(100_000).optional().describe('and threads; 2048 by default'),
  diskMb: z.number().int().min(16).optional().describe('what a workspace may grow by; 8192 by default'),
  tmpMb: z.number().int().min(1).optional().describe('/tmp and /dev/shm each, which are memory; 512 by default'),
  workspaces: z.number().int().min(1).max(1000).optional().describe('at once in a data folder; 256 by default'),
  show: z
    .array(z.string().regex(/^(\/|~\/)/, 'an absolute path, or one below `~`'))
    .optional()
    .describe('files and folders to see inside, read-only; `~` is the home folder, outside and inside'),
});

/** To spread into a fork's schema. `sandboxProblem` belongs into its refinement. */
export const sandboxFields = {
  sandbox: z
    .union([z.literal('none'), limits])
    .prefault({})
    .describe('limits of the sandbox in which its programs run; `none` switches it off and needs `sandboxReason`'),
  sandboxReason: z.string().trim().min(10).optional().describe('why there is none: shown in every report'),
};

export type SandboxSettings = { sandbox: 'none' | z.output<typeof limits>; sandboxReason?: string | undefined };

/** What is wrong with the pair, at which key; undefined where nothing is. */
export function sandboxProblem(fork: SandboxSettings): { key: string; message: string } | undefined {
  if (fork.sandbox === 'none' && fork.sandboxReason === undefined) {
    return {
      key: 'sandboxReason',
      message: '`sandbox: none` lets other people’s programs run beside your tokens: say why',
    };
  }
  if (fork.sandbox !== 'none' && fork.sandboxReason !== undefined) {
    return { key: 'sandboxReason', message: 'a reason belongs to `sandbox: none`' };
  }
  return undefined;
}
