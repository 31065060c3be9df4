/**
 * Failures with one cause look alike (mean cluster of flaky tests: 13.5, triage.md, step 1). The key of a cluster is
 * the first line of the message without what differs from run to run: numbers, hex, ids, quoted values, paths.
 */
export function clusterKey(message: string): string {
  const line = message.split('\n', 1)[0] ?? '';
  return line
    .replace(/"[^"]*"|'[^']*'|<[^<>]*>|\[[^[\]]*\]/g, '…')
    .replace(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/gi, '…')
    .replace(/@[0-9a-f]{4,}\b/gi, '@…')
    .replace(/(?:\/[\w.-]+){2,}/g, '/…')
    .replace(/\d+/g, '…')
    .replace(/(?:…[\s,;:.]*)+/g, '…')
    .trim()
    .slice(0, 200);
}

export type Failure = { unit: string; test: string; cluster: string };

/**
 * Which failures stand for the others: the first of each cluster and unit, at most three a cluster. They run wholly
 * alone; the others of their unit share a process.
 */
export function representatives<F extends Failure>(failures: readonly F[]): Set<F> {
  const chosen = new Set<F>();
  const units = new Map<string, Set<string>>();
  for (const failure of failures) {
    const seen = units.get(failure.cluster) ?? new Set<string>();
    units.set(failure.cluster, seen);
    if (seen.has(failure.unit) || seen.size >= 3) continue;
    seen.add(failure.unit);
    chosen.add(failure);
  }
  return chosen;
}
