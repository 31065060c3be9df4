import type { GateInput, GateJudgement, GateMetric, GateProfile, GateSample } from './gate/types.ts';
import { judgeGate } from './gate-verdict.ts';

/** What grows until a process ends. */
const UPTIME = 'uptimeMs';

/** Nodes that somebody restarted one after another without a bake in between; `settledAtMs`: the last was back. */
export type SeenWave = { targets: string[]; beganAtMs: number; settledAtMs: number; endedAtMs: number };

/**
 * The waves of a roll-out that others performed, from the looks alone: a node was restarted where its uptime fell, or
 * where it was gone and came back. What follows within the profile's warm-up belongs to the same wave.
 */
export function wavesSeen(looks: readonly GateSample[], profile: Pick<GateProfile, 'warmUpSeconds'>): SeenWave[] {
  const waves: SeenWave[] = [];
  for (const { target, goneAtMs, backAtMs } of restartsIn(looks)) {
    const last = waves.at(-1);
    if (last && goneAtMs - last.settledAtMs <= profile.warmUpSeconds * 1000) {
      if (!last.targets.includes(target)) last.targets.push(target);
      last.settledAtMs = Math.max(last.settledAtMs, backAtMs);
    } else waves.push({ targets: [target], beganAtMs: goneAtMs, settledAtMs: backAtMs, endedAtMs: 0 });
  }
  return waves.map((wave, index) => ({
    ...wave,
    endedAtMs: waves[index + 1]?.beganAtMs ?? looks.at(-1)?.atMs ?? wave.settledAtMs,
  }));
}

function restartsIn(looks: readonly GateSample[]): { target: string; goneAtMs: number; backAtMs: number }[] {
  const last = new Map<string, { atMs: number; uptime: number }>();
  const restarts: { target: string; goneAtMs: number; backAtMs: number }[] = [];
  for (const { atMs, nodes } of looks) {
    for (const [target, figures] of Object.entries(nodes)) {
      const uptime = figures[UPTIME];
      if (uptime === undefined) continue;
      const before = last.get(target);
      last.set(target, { atMs, uptime });
      if (before && uptime < before.uptime) restarts.push({ target, goneAtMs: before.atMs, backAtMs: atMs });
    }
  }
  return restarts.sort((a, b) => a.goneAtMs - b.goneAtMs);
}

export type ShadowVerdict = SeenWave & {
  judgement: GateJudgement;
  /** Seconds from the wave's settling to the verdict; undefined where the next wave began before there was one. */
  afterSeconds?: number;
};

/**
 * What our gates would have said of each wave, looking at it as it went: asked after every look, until there is a
 * verdict or the next wave began. The window before is what lies before the first wave.
 */
export function judgeShadow(
  looks: readonly GateSample[],
  { profile, metrics }: { profile: GateProfile; metrics: GateMetric[] },
): ShadowVerdict[] {
  const waves = wavesSeen(looks, profile);
  const before = looks.filter(({ atMs }) => atMs <= (waves[0]?.beganAtMs ?? 0));
  const touched: string[] = [];
  return waves.map((wave, index) => {
    const after = looks.filter(({ atMs }) => atMs >= wave.settledAtMs && atMs <= wave.endedAtMs);
    const frame = { profile, metrics, wave: { index, ...wave }, touched: [...touched], before };
    touched.push(...wave.targets.filter((target) => !touched.includes(target)));
    return { ...wave, ...asItWent(frame, after) };
  });
}

function asItWent(frame: Omit<GateInput, 'after' | 'nowMs'>, looks: GateSample[]) {
  for (let upTo = 1; upTo <= looks.length; upTo += 1) {
    const after = looks.slice(0, upTo);
    const nowMs = after.at(-1)!.atMs;
    const judgement = judgeGate({ ...frame, after, nowMs });
    if (judgement.kind !== 'watching') {
      return { judgement, afterSeconds: Math.round((nowMs - frame.wave.settledAtMs) / 1000) };
    }
    if (upTo === looks.length) return { judgement };
  }
  return { judgement: judgeGate({ ...frame, after: [], nowMs: frame.wave.settledAtMs }) };
}

/** What would have been done, in words. */
export function shadowWords({ targets, judgement, afterSeconds }: ShadowVerdict): string {
  const said: Record<GateJudgement['kind'], string> = {
    pass: 'would have gone on',
    fail: 'would have ROLLED BACK',
    inconclusive: 'would have FROZEN it, without enough data',
    watching: 'would still have been watching when the next wave began, or the looks ended',
  };
  const when = afterSeconds === undefined ? '' : ` after ${afterSeconds} s`;
  const why = judgement.reasons.length > 0 ? `: ${judgement.reasons.slice(0, 3).join('; ')}` : '';
  return `${targets.join(', ')}: the gate ${said[judgement.kind]}${when}${why}`;
}
