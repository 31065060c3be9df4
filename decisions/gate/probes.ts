import type { Figures, Finding, GateInput, GateSample, ProbeFigures } from './types.ts';
import { grown, warmSamples } from './windows.ts';

/** What the gate reads of the clients: counters `acknowledged` and `failed`, levels `p50Ms` and `unwritableMs`. */
const ACKNOWLEDGED = 'acknowledged';
const FAILED = 'failed';

/** Two looks in a row: one burst around an election is no verdict. */
const IN_A_ROW = 2;

type Seen = { atMs: number; acknowledged: number; failed: number; p50Ms: number | undefined; unwritableMs: number };

/**
 * The client probes, against their own window before the roll: how often requests fail, and whether half of them
 * stay slow. These are limits that must be passed for some time without a pause, and spend no α; what is rarer is
 * Tier 1's, which has the same counters. Undefined where the environment has no probes.
 */
export function judgeProbes(input: GateInput): { figures: ProbeFigures; findings: Finding[] } | undefined {
  const before = seenBy(input.before);
  const known = [...input.before, ...input.after].some(({ clients }) => clients);
  if (!known) return undefined;
  const { probes } = input.profile;
  const failedShareBefore = failedShare(total(before));
  const p50MsBefore = medianOf(before.flatMap(({ p50Ms }) => (p50Ms === undefined ? [] : [p50Ms])));
  const limitMs = Math.max(probes.slowFloorMs, (p50MsBefore ?? 0) * probes.slowFactor);
  const looks = seenBy(warmSamples(input));
  const run = { failing: 0, slowSinceMs: undefined as number | undefined, longestSlowMs: 0 };
  const findings: Finding[] = [];
  for (const look of looks) {
    const share = failedShare(look);
    const often = look.failed >= input.profile.burst && share > failedShareBefore + probes.errorShare;
    run.failing = often ? run.failing + 1 : 0;
    const slow = slowness(look, limitMs, probes.slowSeconds);
    run.slowSinceMs = slow ? (run.slowSinceMs ?? look.atMs) : undefined;
    run.longestSlowMs = Math.max(run.longestSlowMs, look.atMs - (run.slowSinceMs ?? look.atMs));
    if (run.failing >= IN_A_ROW) {
      findings.push(
        critical(
          `${percent(share)} of client requests failed; ${percent(failedShareBefore)} before the roll`,
          look.atMs,
        ),
      );
    }
    if (slow && look.atMs - (run.slowSinceMs ?? look.atMs) >= probes.slowSeconds * 1000) {
      const against = `p50 was ${Math.round(p50MsBefore ?? 0)} ms before the roll, ${Math.round(limitMs)} ms are allowed`;
      findings.push(critical(`${slow}, for ${probes.slowSeconds} s; ${against}`, look.atMs));
    }
    if (findings.length > 0) break;
  }
  const all = total(looks);
  const figures: ProbeFigures = {
    acknowledged: all.acknowledged,
    failed: all.failed,
    failedShareBefore,
    ...(p50MsBefore !== undefined && { p50MsBefore }),
    worstP50Ms: Math.max(0, ...looks.map(({ p50Ms }) => p50Ms ?? 0)),
    limitMs,
    longestSlowSeconds: run.longestSlowMs / 1000,
    worstUnwritableMs: Math.max(0, ...looks.map(({ unwritableMs }) => unwritableMs)),
  };
  if (findings.length === 0) findings.push(...unseen(before, figures), ...unsettled(run, looks.at(-1)));
  return { figures, findings };
}

/** What is slow or failing at this moment, and not yet for as long as would fail it: no moment to pass. */
function unsettled(run: { failing: number; slowSinceMs: number | undefined }, last: Seen | undefined): Finding[] {
  const found: Finding[] = [];
  if (run.failing > 0) found.push({ kind: 'no-data', reason: 'client probes: requests failed at the last look' });
  if (last && run.slowSinceMs !== undefined) {
    const since = Math.round((last.atMs - run.slowSinceMs) / 1000);
    found.push({ kind: 'no-data', reason: `client probes: slow for ${since} s at the last look` });
  }
  return found;
}

function unseen(before: readonly Seen[], { acknowledged }: ProbeFigures): Finding[] {
  const missing: Finding[] = [];
  if (total(before).acknowledged === 0)
    missing.push({ kind: 'no-data', reason: 'client probes: no window before the roll' });
  if (acknowledged === 0) missing.push({ kind: 'no-data', reason: 'client probes: nothing was acknowledged since' });
  return missing;
}

/**
 * Half of the requests decide, not the slowest hundredth, whose tail says more about the machine. A request that
 * hangs has no latency yet: how long a partition took nothing is looked at beside it.
 */
function slowness({ acknowledged, p50Ms, unwritableMs }: Seen, limitMs: number, seconds: number): string | undefined {
  if (acknowledged === 0) return 'no client request was acknowledged';
  if ((p50Ms ?? 0) > limitMs) return `client p50 is ${Math.round(p50Ms ?? 0)} ms`;
  if (unwritableMs > Math.max(limitMs, seconds * 1000))
    return `a partition took no record for ${Math.round(unwritableMs)} ms`;
  return undefined;
}

function seenBy(samples: readonly GateSample[]): Seen[] {
  const seen: Seen[] = [];
  let last: Figures | undefined;
  for (const { atMs, clients } of samples) {
    if (clients?.[ACKNOWLEDGED] === undefined) continue;
    if (last) {
      seen.push({
        atMs,
        acknowledged: grown(last[ACKNOWLEDGED] ?? 0, clients[ACKNOWLEDGED]),
        failed: grown(last[FAILED] ?? 0, clients[FAILED] ?? 0),
        p50Ms: clients.p50Ms,
        unwritableMs: clients.unwritableMs ?? 0,
      });
    }
    last = clients;
  }
  return seen;
}

const total = (looks: readonly Seen[]) => ({
  acknowledged: looks.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
  failed: looks.reduce((sum, { failed }) => sum + failed, 0),
});

function failedShare({ acknowledged, failed }: { acknowledged: number; failed: number }): number {
  return failed === 0 ? 0 : failed / (acknowledged + failed);
}

function medianOf(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const critical = (reason: string, atMs: number): Finding => ({ kind: 'fail', severity: 'critical', reason, atMs });
