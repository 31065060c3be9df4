/** The same numbers in every run, evenly spread (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Counts of so many runs at one failure rate. */
export function draw(next: () => number, rate: number, runs: number): { pass: number; fail: number } {
  let fail = 0;
  for (let i = 0; i < runs; i += 1) fail += next() < rate ? 1 : 0;
  return { fail, pass: runs - fail };
}
