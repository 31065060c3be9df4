import type { Finding, GateInput } from './types.ts';
import { grown } from './windows.ts';

/**
 * Tier 0: no statistics, and no warm-up. From the moment the wave had settled an invariant that is broken fails at
 * once, or once it has been broken for as long as the profile gives it, without a pause. So does a counter
 * that must not move.
 */
export function brokenInvariants(input: GateInput): Finding[] {
  const { profile, wave } = input;
  const since = new Map<string, number>();
  for (const sample of input.after.filter(({ atMs }) => atMs >= wave.settledAtMs)) {
    const broken = new Set<string>();
    const findings: Finding[] = [];
    for (const [invariant, names] of Object.entries(sample.invariants)) {
      const allowedMs = (profile.lastingSeconds[invariant] ?? 0) * 1000;
      const late = names.filter((name) => {
        const key = `${invariant} ${name}`;
        broken.add(key);
        if (!since.has(key)) since.set(key, sample.atMs);
        return allowedMs === 0 || sample.atMs - (since.get(key) ?? sample.atMs) > allowedMs;
      });
      if (late.length === 0) continue;
      const lasting = allowedMs > 0 ? ` for more than ${allowedMs / 1000} s` : '';
      findings.push(critical(`${invariant}${lasting}: ${late.slice(0, 5).join(', ')}`, sample.atMs));
    }
    if (findings.length > 0) return findings;
    for (const key of since.keys()) if (!broken.has(key)) since.delete(key);
  }
  const moved = movedCounters(input);
  if (moved.length > 0 || since.size === 0) return moved;
  // Broken at this moment, and not yet for as long as would fail it: no moment to pass.
  return [{ kind: 'no-data', reason: `still broken at the last look: ${[...since.keys()].slice(0, 5).join(', ')}` }];
}

function movedCounters({ metrics, after, wave }: GateInput): Finding[] {
  const samples = after.filter(({ atMs }) => atMs >= wave.settledAtMs);
  return metrics.flatMap((metric) => {
    if (metric.kind !== 'never') return [];
    const last = new Map<string, number>();
    for (const { atMs, nodes } of samples) {
      for (const [node, figures] of Object.entries(nodes)) {
        const now = figures[metric.counter];
        if (now === undefined) continue;
        const more = grown(last.get(node) ?? now, now);
        if (more > 0) return [critical(`${metric.name}: ${more} on ${node}`, atMs)];
        last.set(node, now);
      }
    }
    return [];
  });
}

const critical = (reason: string, atMs: number): Finding => ({ kind: 'fail', severity: 'critical', reason, atMs });
