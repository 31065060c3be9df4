import type { Look } from './windows.ts';

/**
 * How many times more often than the null ratio allows: the alternatives that the mixture weighs. A shift between
 * two of them is seen by both.
 */
const SHIFTS: readonly [times: number, weight: number][] = [
  [1.5, 0.2],
  [2, 0.15],
  [3, 0.35],
  [6, 0.15],
  [20, 0.15],
];

/** The looks of both arms: beside each look of the wave what its peers did meanwhile, or one window before all of them. */
export type Arms =
  | { against: 'peers'; looks: readonly Look[]; control: readonly Look[] }
  | { against: 'own window'; looks: readonly Look[]; control: { errors: number; work: number } };

export type Evidence = {
  most: number;
  errors: number;
  work: number;
  controlErrors: number;
  controlWork: number;
  failed?: { atMs: number; events: number };
};

/**
 * Tier 1's sequential test: an e-process, so that it may be looked at after every look. Given that something went
 * wrong in a look, it went wrong on the wave with probability π(ρ) = ρ·work ÷ (ρ·work + work of the control), where
 * ρ is how much more often; the e-value is the likelihood of what was seen under a mixture of larger ρ, over that
 * under the null ratio. Its mean is at most 1 for every ρ up to the null ratio, so that it ever reaches 1/α with
 * probability at most α (Ville; Netflix, arXiv 2205.14762). Against a fixed window before, the same likelihood is
 * the one with the common rate integrated out.
 *
 * `usual` is the error share to expect. Errors of one look beyond `burst` and ten times the usual are one burst:
 * they are left out, which can only lower the e-value. `dispersion` above 1 tempers it. What is proved, and is no more
 * than `leastRatio` times what is usual, does not fail: with many errors the smallest drift of a node can be proved.
 */
export function evidenceOf(
  arms: Arms,
  rules: { nullRatio: number; leastRatio: number; usual: number; burst: number; dispersion: number; threshold: number },
): Evidence {
  const { nullRatio, leastRatio, usual, burst, dispersion, threshold } = rules;
  const logs = SHIFTS.map(() => 0);
  const total = arms.against === 'peers' ? { errors: 0, work: 0 } : { ...arms.control };
  const seen = { errors: 0, work: 0 };
  const capped = { errors: 0 };
  const result: Evidence = { most: 1, errors: 0, work: 0, controlErrors: 0, controlWork: 0 };
  for (const [index, look] of arms.looks.entries()) {
    const counted = Math.min(look.errors, Math.max(burst, 10 * usual * look.work));
    seen.errors += look.errors;
    seen.work += look.work;
    capped.errors += counted;
    if (arms.against === 'peers') {
      const beside = arms.control[index] ?? { errors: 0, work: 0 };
      total.errors += beside.errors;
      total.work += beside.work;
      add(logs, { errors: counted, work: look.work }, beside, nullRatio);
    } else {
      logs.fill(0);
      add(logs, { errors: capped.errors, work: seen.work }, arms.control, nullRatio);
    }
    const value = mixture(logs, dispersion);
    result.most = Math.max(result.most, value);
    if (value >= threshold && !result.failed && excess(capped, seen, total) >= nullRatio * leastRatio) {
      result.failed = { atMs: look.atMs, events: seen.errors + total.errors };
    }
  }
  return { ...result, ...seen, controlErrors: total.errors, controlWork: total.work };
}

type Arm = { errors: number; work: number };

/** By how much more often than on the control. */
function excess(capped: { errors: number }, seen: Arm, control: Arm): number {
  if (control.errors === 0 || seen.work === 0) return Number.POSITIVE_INFINITY;
  return capped.errors / seen.work / (control.errors / control.work);
}

/** Adds the log likelihood ratio of these counts, for each alternative. */
function add(logs: number[], wave: Arm, control: Arm, nullRatio: number): void {
  if (wave.work <= 0 || control.work <= 0) return;
  const all = wave.errors + control.errors;
  if (all === 0) return;
  const underNull = control.work + nullRatio * wave.work;
  for (const [index, [times]] of SHIFTS.entries()) {
    const shifted = control.work + nullRatio * times * wave.work;
    logs[index] = (logs[index] ?? 0) + wave.errors * Math.log(times) + all * Math.log(underNull / shifted);
  }
}

function mixture(logs: readonly number[], dispersion: number): number {
  return SHIFTS.reduce((sum, [, weight], index) => sum + weight * Math.exp((logs[index] ?? 0) / dispersion), 0);
}

/** How many errors on the wave, and none on the control, would reach the threshold; `most` + 1 where more would be needed. */
export function errorsThatFail(
  arms: { work: number; controlWork: number },
  rules: { nullRatio: number; threshold: number; dispersion: number },
  most = 500,
): number {
  for (let errors = 1; errors <= most; errors += 1) {
    const logs = SHIFTS.map(() => 0);
    add(logs, { errors, work: arms.work }, { errors: 0, work: arms.controlWork }, rules.nullRatio);
    if (mixture(logs, rules.dispersion) >= rules.threshold) return errors;
  }
  return most + 1;
}
