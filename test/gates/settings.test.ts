import { describe, expect, test } from 'vitest';
import { gateSettingsOf, profileFor } from '../../activities/rollout/gate-settings.ts';
import { gatesSchema } from '../../config/gates.ts';
import { rolloutSchema } from '../../config/rollout.ts';
import { COMPRESSED_PROFILE, FULL_PROFILE } from '../../decisions/gate/profile.ts';
import { judgeGate } from '../../decisions/gate-verdict.ts';
import { gateWords, nearestFirst } from '../../decisions/gate-words.ts';
import { gateSvg } from '../../report/gate-svg.ts';
import { inputOf } from './looks.ts';

const settingsOf = (gates: unknown, rollout: unknown = {}) =>
  gateSettingsOf({
    ...(gates !== undefined && { gates: gatesSchema.parse(gates) }),
    rollout: rolloutSchema.parse(rollout),
  });
const FIRST = { kind: 'one node', firstServing: true } as const;
const LATER = { kind: 'later rack', firstServing: false } as const;

describe('what the configuration says of gates', () => {
  test('nothing: the full profile, and a window as long as its blocks', () => {
    const settings = settingsOf(undefined);
    expect(settings).toMatchObject({ profile: FULL_PROFILE, beatSeconds: 30, windowSeconds: 7200, watchSeconds: 0 });
    expect(profileFor(settings, FIRST).bakeSeconds).toBe(3600);
    expect(profileFor(settings, { kind: 'first rack', firstServing: false }).bakeSeconds).toBe(12 * 3600);
  });

  test('a name alone', () => {
    expect(settingsOf('compressed')).toMatchObject({ profile: COMPRESSED_PROFILE, beatSeconds: 2, windowSeconds: 10 });
  });

  test('the soak of the first form is a compressed gate of that length', () => {
    const { profile, windowSeconds } = settingsOf(undefined, { soakSeconds: 3, windowSeconds: 2, slowFloorMs: 900 });
    expect(profile).toMatchObject({ bakeSeconds: 3, probes: { slowFloorMs: 900, slowFactor: 5 } });
    expect(windowSeconds).toBe(2);
  });

  test('a shorter bake is asked for as much less work, where nobody says otherwise', () => {
    const { profile } = settingsOf({ profile: 'compressed', bakeSeconds: 15 });
    expect(profile).toMatchObject({ bakeSeconds: 15, minimumWork: 100, smallestErrorShare: 0.1 });
    expect(settingsOf({ profile: 'compressed', bakeSeconds: 15, minimumWork: 7 }).profile.minimumWork).toBe(7);
    // A longer one is no reason to ask for more.
    expect(settingsOf({ profile: 'compressed', bakeSeconds: 60 }).profile.minimumWork).toBe(200);
  });

  test('later waves may be shorter, and the watch asks for no work', () => {
    const settings = settingsOf({ profile: 'compressed', bakeSeconds: 30, laterBakeSeconds: 3, watchSeconds: 60 });
    expect(profileFor(settings, FIRST)).toMatchObject({ bakeSeconds: 30, minimumWork: 200 });
    expect(profileFor(settings, LATER)).toMatchObject({ bakeSeconds: 3, minimumWork: 20, smallestErrorShare: 0.5 });
    const watch = profileFor(settings, { kind: 'watch', firstServing: false });
    expect(watch).toMatchObject({ bakeSeconds: 60, warmUpSeconds: 0, minimumWork: 0 });
  });

  test.each([['fast'], [{ profile: 'fast' }], [{ share: 2 }], [{ beatSeconds: 0.1 }], [{ soak: 3 }]])(
    '%j is refused',
    (gates) => {
      expect(gatesSchema.safeParse(gates).success).toBe(false);
    },
  );
});

describe('a verdict for people', () => {
  const erring = inputOf({ node: (name, second) => (name === 'n1' && second > 0 ? { errors: 1 } : {}) });
  const judgement = judgeGate(erring);

  test('names the figure that came nearest to its limit first', () => {
    const [first, ...others] = nearestFirst(judgement.figures);
    expect(first).toMatchObject({ name: 'errors' });
    expect(first!.near).toBeGreaterThanOrEqual(1);
    expect(others.every(({ near }) => near <= first!.near)).toBe(true);
    expect(gateWords('staging, wave 1 (n1)', judgement)).toMatch(
      /^staging, wave 1 \(n1\): gate FAILED \(\d+ s observed after warm-up; nearest to its limit: errors \d+ in \d+/,
    );
  });

  test('is plotted from its input: a panel a figure, nothing from outside but text', () => {
    const svg = gateSvg('wave 1 <script>alert("1")</script>', erring);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).not.toContain('<script');
    for (const panel of ['client p50, ms (limit 100)', 'errors, errors a look', 'local time', 'produce time']) {
      expect(svg).toContain(panel);
    }
    // Each node twice: before the roll, and after.
    expect(svg.match(/<title>n1<\/title>/g)).toHaveLength(8);
  });
});
