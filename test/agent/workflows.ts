import { diagnose } from '../../workflows/diagnose.ts';

export * from '../../workflows/agent-run.ts';

/** What a held release does for an explanation, alone. */
export const explainHeld = (held: Parameters<typeof diagnose>[0]): ReturnType<typeof diagnose> =>
  diagnose(held, async () => {});
