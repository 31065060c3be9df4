/** A release that runs, or one that is asked for: what it is of, and its lane. */
type Asked = { ref: string; tip?: string | null; expedite: boolean; suites: readonly string[] };

/**
 * The release that runs and is what is asked for: the same lane and suites, and the same commit; where either's commit is not
 * known, the same reference. Anything else is a release of its own, and the environments' queues say which goes first.
 */
export function joinedRelease<R extends Asked>(running: readonly R[], asked: Asked): R | undefined {
  return running.find(({ ref, tip, expedite, suites }) => {
    if (expedite !== asked.expedite || !isSameSet(suites, asked.suites)) return false;
    return tip && asked.tip ? tip === asked.tip : ref === asked.ref;
  });
}

const isSameSet = (some: readonly string[], others: readonly string[]) =>
  some.every((one) => others.includes(one)) && others.every((one) => some.includes(one));
