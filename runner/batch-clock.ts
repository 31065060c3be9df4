/** `limits.batchSeconds` where a batch says nothing: the start of a process, a project's compilation. */
export const BATCH_SECONDS = 900;
/** A unit that has run out of its own time is ended by its executor, with a thread dump before. */
const GRACE_SECONDS = 60;
const LOOK_MS = 200;

export type BatchClock = {
  /** From here on a unit's own limits hold; `unitSeconds` and some later this clock goes on, whatever became of it. */
  unitBegins(unitSeconds: number): void;
  unitEnded(): void;
  /** Resolves with a sentence once the time is used up. */
  exceeded: Promise<string>;
  stop(): void;
};

/**
 * The limit of a batch: counts only while no unit's own limits hold, so that a batch of many units may take as long as
 * they do, and only what hangs around them ends it.
 */
export function startBatchClock(seconds: number, now: () => number = Date.now): BatchClock {
  let used = 0;
  let last = now();
  let heldUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  const count = () => {
    const at = now();
    // Nothing is counted while a unit's limits hold, and what lies behind their end only from there.
    used += Math.max(0, at - Math.max(last, heldUntil));
    last = at;
    return used / 1000;
  };
  const exceeded = new Promise<string>((resolve) => {
    timer = setInterval(() => {
      if (count() <= seconds) return;
      clearInterval(timer);
      resolve(`no unit was running for ${seconds} s in all (limits.batchSeconds): what starts them hangs`);
    }, LOOK_MS);
  });
  return {
    exceeded,
    unitBegins(unitSeconds) {
      count();
      heldUntil = now() + (unitSeconds + GRACE_SECONDS) * 1000;
    },
    unitEnded() {
      count();
      heldUntil = 0;
      last = now();
    },
    stop: () => clearInterval(timer),
  };
}
