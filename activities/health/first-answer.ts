/** So long one is waited for alone. A node that hangs takes its connection, and then says nothing. */
const PATIENCE_MS = 1_000;

/**
 * The first answer of several that are asked in their order: the next one where one has none, and beside it where it has
 * said nothing for a while. Undefined where nobody has an answer.
 *
 * @param asks end with nothing where there is no answer, and never fail
 */
export function firstAnswer<T>(asks: readonly (() => Promise<T | undefined>)[]): Promise<T | undefined> {
  return new Promise((resolve) => {
    let next = 0;
    let open = 0;
    let answered = false;
    let patience: NodeJS.Timeout | undefined;
    const askNext = () => {
      clearTimeout(patience);
      // One that hung ends long after another has answered: nobody is asked for that any more.
      if (answered) return;
      const ask = asks[next];
      if (ask === undefined) {
        if (open === 0) resolve(undefined);
        return;
      }
      next += 1;
      open += 1;
      if (next < asks.length) patience = setTimeout(askNext, PATIENCE_MS);
      void ask().then((answer) => {
        open -= 1;
        if (answer === undefined) return askNext();
        answered = true;
        clearTimeout(patience);
        resolve(answer);
      });
    };
    askNext();
  });
}

/** The same reads, once all have ended, or a while after the first that has an answer: what has one by then. */
export async function soonAnswered<T>(reads: readonly Promise<T | undefined>[]): Promise<(T | undefined)[]> {
  const answers: (T | undefined)[] = reads.map(() => undefined);
  const all = Promise.all(
    reads.map(async (read, index) => {
      answers[index] = await read;
    }),
  );
  let patience: NodeJS.Timeout | undefined;
  const some = new Promise<void>((resolve) => {
    for (const read of reads)
      void read.then((answer) => {
        if (answer !== undefined) patience ??= setTimeout(resolve, PATIENCE_MS);
      });
  });
  await Promise.race([all, some]);
  clearTimeout(patience);
  return [...answers];
}
