import type { RolloutOutcome, TrafficAccount } from '../workflows/types.ts';
import { leftOutWords } from './gate-words.ts';

const s = (seconds: number | undefined) => (seconds === undefined ? '?' : seconds.toFixed(1));

export function planWords(
  environment: string,
  version: string,
  targets: readonly { name: string; from: string }[],
  already: readonly string[],
  gated?: { waves: readonly { n: number; targets: readonly string[]; why: string }[]; gates: string },
  leftOut: readonly string[] = [],
): string {
  const dead = leftOut.length > 0 ? `; ${leftOutWords(leftOut)}` : '';
  if (targets.length === 0) return `${environment}: every node runs ${version} already${dead}`;
  const from = [...new Set(targets.map((target) => target.from))].join(' / ');
  const same = already.length ? `; ${already.join(', ')} ${already.length === 1 ? 'runs' : 'run'} it already` : '';
  if (gated) {
    const waves = gated.waves.map(({ n, targets: of, why }) => `${n}. ${of.join(', ')} (${why})`).join(' · ');
    return `${environment}: ${from} → ${version}, one node at a time, in ${gated.waves.length} ${gated.waves.length === 1 ? 'wave' : 'waves'}: ${waves}; a gate after each (${gated.gates})${same}${dead}`;
  }
  return `${environment}: ${from} → ${version}, one node at a time: ${targets.map(({ name }) => name).join(', ')} (order read again at each step)${same}${dead}`;
}

export function nodeWords(
  environment: string,
  target: string,
  { from, to }: { from: string; to: string },
  took: { total?: number; stop?: number; return?: number; inSync?: number } | undefined,
): string {
  const detail = took ? ` (stopped ${s(took.stop)} s, back ${s(took.return)} s, in sync ${s(took.inSync)} s)` : '';
  return `${environment}/${target}: ${from} → ${to} in ${s(took?.total)} s${detail}; digests and commit read back`;
}

export function soakWords(
  environment: string,
  gate: { kind: string; reasons?: string[]; figures: Record<string, unknown> },
): string {
  const { observedSeconds, acknowledged, errors, worstP99Ms, beforeP99Ms } = gate.figures;
  const figures =
    acknowledged === undefined
      ? `${observedSeconds} s`
      : `${observedSeconds} s, ${acknowledged} client requests, ${errors} failed, worst p99 ${worstP99Ms} ms (${beforeP99Ms} ms before)`;
  if (gate.kind === 'pass') return `${environment}: soak passed: ${figures}`;
  return `${environment}: soak ${gate.kind === 'fail' ? 'failed' : 'is inconclusive'} (${figures}): ${(gate.reasons ?? []).join('; ')}`;
}

export function accountWords(environment: string, account: TrafficAccount): string {
  const { acknowledged, read, lost, offsetsMovedBack, longestUnwritableMs } = account;
  return `${environment}: ${acknowledged} records acknowledged during the roll-out, ${read} read, ${lost} lost, offsets moved back ${offsetsMovedBack} times, longest unwritable ${longestUnwritableMs} ms`;
}

export function outcomeWords(environment: string, version: string, outcome: RolloutOutcome): string {
  if (outcome.kind === 'promoted') return `${environment}: ${version} is promoted`;
  const said: Record<Exclude<RolloutOutcome['kind'], 'promoted'>, string> = {
    held: 'is held',
    'rolled-back': 'was rolled back',
    frozen: 'is FROZEN, a person has to look',
    aborted: 'was aborted, and what it changed was put back',
    superseded: 'is superseded',
  };
  return `${environment}: ${version} ${said[outcome.kind]}: ${outcome.reasons.join('; ')}`;
}

/** What became of the name of a release that its watch took back; nothing where it had none yet. */
export function takenBackWords(
  release: string,
  done:
    | { kind: 'unnamed' }
    | { kind: 'taken-back'; moved: boolean; to?: { release: string; commit: string }; tag: string },
): string | undefined {
  if (done.kind === 'unnamed') return undefined;
  const again = done.to
    ? `${done.to.release} (${done.to.commit.slice(0, 12)}) is released again`
    : 'nothing is released now, and refs/patchwright/released is deleted';
  const where = done.moved ? again : 'refs/patchwright/released names another, and stays';
  return `${release} is released no more: ${where}; its tag stays, and ${done.tag.replace('refs/tags/', '')} beside it says so`;
}
