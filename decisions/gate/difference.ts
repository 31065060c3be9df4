/** Block means of one node, or of a wave, in natural logarithms; NaN where a block was not read. */
export type Series = { before: number[]; after: number[] };

/** What changed beyond what changed on the peers; `before` and `after` are the wave's own. All in logarithms. */
export type Change = { effect: number; error: number; freedom: number; before: number; after: number };

const NOTHING_VARIES = 1e-6;
const MOST_CORRELATION = 0.8;
/**
 * What is known of drift before a cluster is looked at: from one window to the next two like nodes come some two per
 * cent apart. Two or three peers alone could not say it; this weighs as much as eight of them.
 */
const USUAL_DRIFT = 0.02;
const DRIFT_WEIGHT = 8;

/**
 * Difference in differences: what the wave changed against its own window before, less what its peers changed. Its
 * error has two parts: how much the blocks vary, widened where neighbouring blocks resemble each other; and
 * how differently the peers changed among themselves, which blocks of one window cannot show (each node drifts in
 * its own way). Welch and Satterthwaite give the degrees of freedom. Without peers: the window before alone.
 * Undefined with fewer than `least` blocks in a window.
 */
export function changeOf(wave: Series, peers: readonly Series[], least: number): Change | undefined {
  const relative = peers.length === 0 ? wave : minus(wave, peers);
  const [before, after] = [known(relative.before), known(relative.after)];
  if (before.length < Math.max(2, least) || after.length < Math.max(2, least)) return undefined;
  const widened = correlationFactor([relative, ...peersAmongThemselves(peers)]);
  const parts = [part(before, widened), part(after, widened)];
  if (peers.length > 0) parts.push(between(peers, widened));
  const variance = parts.reduce((sum, { variance }) => sum + variance, 0);
  const squares = parts.reduce((sum, { variance, freedom }) => sum + (freedom > 0 ? variance ** 2 / freedom : 0), 0);
  return {
    effect: mean(after) - mean(before),
    error: Math.max(NOTHING_VARIES, Math.sqrt(variance)),
    freedom: squares > 0 ? variance ** 2 / squares : before.length + after.length - 2,
    before: mean(known(wave.before)),
    after: mean(known(wave.after)),
  };
}

type Part = { variance: number; freedom: number };

const part = (values: readonly number[], factor: number): Part => ({
  variance: (variance(values) * factor) / values.length,
  freedom: values.length - 1,
});

/** How far nodes drift apart by themselves, from the peers' own changes beyond what their blocks explain. */
function between(peers: readonly Series[], factor: number): Part {
  const changes: number[] = [];
  const explained: number[] = [];
  for (const { before, after } of peers) {
    const [b, a] = [known(before), known(after)];
    if (b.length < 2 || a.length < 2) continue;
    changes.push(mean(a) - mean(b));
    explained.push(factor * (variance(a) / a.length + variance(b) / b.length));
  }
  const degrees = Math.max(0, changes.length - 1);
  const excess = degrees > 0 ? Math.max(0, variance(changes) - mean(explained)) : 0;
  const freedom = DRIFT_WEIGHT + degrees;
  const drift = (DRIFT_WEIGHT * USUAL_DRIFT ** 2 + degrees * excess) / freedom;
  return { variance: drift * (1 + 1 / Math.max(1, changes.length)), freedom };
}

/** Each peer against the others: what of a block's neighbour it still shows, once what is common is gone. */
function peersAmongThemselves(peers: readonly Series[]): Series[] {
  if (peers.length < 2) return [];
  return peers.map((peer, index) =>
    minus(
      peer,
      peers.filter((_, other) => other !== index),
    ),
  );
}

function minus(wave: Series, peers: readonly Series[]): Series {
  const less = (pick: (series: Series) => number[]) =>
    pick(wave).map((value, block) => {
      const beside = known(peers.map((peer) => pick(peer)[block] ?? Number.NaN));
      return beside.length === 0 ? Number.NaN : value - mean(beside);
    });
  return { before: less(({ before }) => before), after: less(({ after }) => after) };
}

/** (1 + r) ÷ (1 − r) of the blocks' own correlation r with the block before, from all windows together; at least 1. */
function correlationFactor(series: readonly Series[]): number {
  let [products, squares, pairs, values] = [0, 0, 0, 0];
  for (const window of series.flatMap(({ before, after }) => [before, after])) {
    const middle = mean(known(window));
    for (const [block, value] of window.entries()) {
      if (Number.isNaN(value)) continue;
      squares += (value - middle) ** 2;
      values += 1;
      const next = window[block + 1] ?? Number.NaN;
      if (Number.isNaN(next)) continue;
      products += (value - middle) * (next - middle);
      pairs += 1;
    }
  }
  if (pairs === 0 || squares === 0) return 1;
  // A short window's own mean lowers what is estimated by about 1 ÷ blocks.
  const bias = (2 * series.length) / values;
  const r = Math.min(MOST_CORRELATION, Math.max(0, products / pairs / (squares / values) + bias));
  return (1 + r) / (1 - r);
}

const known = (values: readonly number[]) => values.filter((value) => !Number.isNaN(value));

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
