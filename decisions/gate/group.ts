import type { Finding, GateInput, GateSample, GroupFigures } from './types.ts';
import { grown, warmSamples } from './windows.ts';

const STUCK = 'stuckPartitions';
const MOVED_BACK = 'offsetsMovedBack';

/**
 * The group that reads what the clients wrote: partitions on which records wait and none is read (`stuckPartitions`;
 * the canary traffic waits ten seconds before it says so) for `slowSeconds` without a pause, and committed offsets
 * that moved back, at once. A group that was as stuck before the roll says nothing of the wave. A limit, as the
 * client probes are, and spends no α. Undefined where no look tells of a group.
 */
export function judgeGroup(input: GateInput): { figures: GroupFigures; findings: Finding[] } | undefined {
  if (input.after.every(({ clients }) => clients?.[STUCK] === undefined)) return undefined;
  const findings: Finding[] = [];
  const { longestMs, now } = stuckIn(input, findings);
  const offsetsMovedBack = movedBackIn(input, findings);
  if (findings.length === 0 && now > 0)
    findings.push({ kind: 'no-data', reason: `the group is stuck on ${now} partitions at the last look` });
  return { figures: { longestStuckSeconds: longestMs / 1000, offsetsMovedBack }, findings };
}

function stuckIn(input: GateInput, findings: Finding[]): { longestMs: number; now: number } {
  const { slowSeconds } = input.profile.probes;
  const before = Math.max(0, ...input.before.map(stuckOf));
  let sinceMs: number | undefined;
  let longestMs = 0;
  let now = 0;
  for (const sample of warmSamples(input)) {
    if (sample.clients?.[STUCK] === undefined) continue;
    now = stuckOf(sample) > before ? stuckOf(sample) : 0;
    sinceMs = now > 0 ? (sinceMs ?? sample.atMs) : undefined;
    const lastedMs = sample.atMs - (sinceMs ?? sample.atMs);
    longestMs = Math.max(longestMs, lastedMs);
    if (now === 0 || lastedMs < slowSeconds * 1000) continue;
    findings.push(critical(`the group is stuck on ${now} partitions, for ${slowSeconds} s`, sample.atMs));
    break;
  }
  return { longestMs, now };
}

const stuckOf = ({ clients }: GateSample) => clients?.[STUCK] ?? 0;

/** From the moment the wave had settled, in warm-up too. */
function movedBackIn({ after, wave }: GateInput, findings: Finding[]): number {
  let last: number | undefined;
  let total = 0;
  for (const { atMs, clients } of after) {
    const count = clients?.[MOVED_BACK];
    if (count === undefined || atMs < wave.settledAtMs) continue;
    total += grown(last ?? count, count);
    last = count;
    if (total === 0) continue;
    findings.push(critical(`committed offsets moved back ${total} times`, atMs));
    break;
  }
  return total;
}

const critical = (reason: string, atMs: number): Finding => ({ kind: 'fail', severity: 'critical', reason, atMs });
