import type { RuleFinding } from '../workflows/types.ts';

const mib = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;

/**
 * A disk that is low fails in the middle, on a node that is down: so it is asked before anything is touched. What a
 * driver cannot tell is not judged.
 */
export function diskHasRoom(
  nodes: readonly { target: string; freeBytes?: number | undefined }[],
  minimumFreeMb: number,
): RuleFinding[] {
  const needed = minimumFreeMb * 2 ** 20;
  return nodes.flatMap(({ target, freeBytes }) =>
    freeBytes === undefined || freeBytes >= needed
      ? []
      : [
          {
            rule: 'disk',
            reason: `${target} has ${mib(freeBytes)} free of ${mib(needed)} that a roll-out wants (rollout.minimumFreeMb): make room, then try again`,
          },
        ],
  );
}
