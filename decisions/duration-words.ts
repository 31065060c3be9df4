/** How long something took or is ago, as a person says it, from seconds: `40 s`, `7 min`, `5 h`, `3 days`. */
export function durationWords(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 120 * 60) return `${Math.round(whole / 60)} min`;
  if (whole < 48 * 3_600) return `${Math.round(whole / 3_600)} h`;
  return `${Math.round(whole / 86_400)} days`;
}
