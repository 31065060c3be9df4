import type { GateInput, GateJudgement, GateSample } from '../../decisions/gate/types.ts';
import { isWhole, watchedMs } from '../../decisions/gate/windows.ts';
import { judgeGate } from '../../decisions/gate-verdict.ts';
import { gateWords } from '../../decisions/gate-words.ts';
import { holds } from '../../decisions/node-change.ts';
import { pickWave } from '../../decisions/wave-plan.ts';
import {
  beforeLooksOf,
  beginWave,
  begunWave,
  dropLooks,
  keepBeforeLooks,
  keepVerdict,
  reopenWave,
  type Wave,
  waveOf,
} from '../../store/gates.ts';
import { ledgerOf, planTarget } from '../../store/rollout-ledger.ts';
import { keepBaseline } from '../../store/rollouts.ts';
import type { Digest } from '../../workflows/types.ts';
import { onBeat } from './beat.ts';
import { openContext, type RolloutContext, type RolloutDeps, type RolloutStep, seenProcess } from './context.ts';
import { gateSettingsOf, profileFor } from './gate-settings.ts';
import type { Standing } from './next.ts';

/** What a verdict was computed from, and the verdict: `gate replay` computes it again. */
export type GateRecord = { version: 1; input: GateInput; judgement: GateJudgement };

/**
 * `held`: somebody else restarted a node meanwhile. `interrupted`: one was ended from outside; once it is back, the
 * bake begins anew. Neither is passed, nor the candidate's fault.
 */
export type WaveOutcome =
  | WaveVerdict
  | { kind: 'held'; reasons: string[] }
  | { kind: 'interrupted'; reasons: string[] };

export type WaveVerdict = {
  kind: 'pass' | 'fail' | 'inconclusive';
  reasons: string[];
  words: string;
  record: Digest;
};

export type WaveOrder = RolloutStep & { attempt: number; wave: number; round: number };

/** A window that cannot be observed for so long holds the roll-out: nothing was touched yet. */
const WINDOWS_WAITED = 3;
const LONGER_SECONDS = 120;

/** The environment's figures before the first node, kept before anything is touched: what every wave is compared with. */
export async function lookBefore(
  deps: RolloutDeps,
  step: RolloutStep & { attempt: number },
): Promise<{ problem?: string }> {
  const context = await openContext(deps, step);
  const { traffic, system, settings } = context;
  if (!traffic.observed && system.gateMetrics.length === 0) return {};
  const { windowSeconds, beatSeconds } = gateSettingsOf(settings);
  const window = { rollout: step.rollout, key: `before@${step.attempt}`, beatMs: beatSeconds * 1000 };
  const { gapSeconds } = gateSettingsOf(settings).profile;
  // From the first look to the last is a beat less than the window.
  const wantedMs = (windowSeconds - beatSeconds) * 1000;
  const mostLooks = (WINDOWS_WAITED * windowSeconds + LONGER_SECONDS) / beatSeconds;
  let asked = 0;
  // What clients see has to be there; a node that others ended meanwhile is the preflight's to wait for.
  // Bounded by looks and not by the clock: a worker that was away did not look in vain.
  const looks = await onBeat(context, window, ({ looks }) => {
    asked += 1;
    const seen = traffic.observed ? looks.filter(({ clients }) => clients !== undefined) : looks;
    const isLong = watchedMs(seen, gapSeconds) >= wantedMs;
    return isLong || asked >= mostLooks ? looks : undefined;
  });
  const { sha256 } = await deps.artifacts.put(JSON.stringify(looks));
  await keepBeforeLooks(deps.db, step.rollout, sha256);
  await dropLooks(deps.db, step.rollout);
  if (!traffic.observed) return unlessRead(looks);
  const { seconds, acknowledged, errors, timeouts, p50Ms, p99Ms, longestUnwritableMs } =
    await traffic.recent(windowSeconds);
  await keepBaseline(deps.db, step.rollout, {
    seconds,
    acknowledged,
    errors,
    timeouts,
    p50Ms,
    p99Ms,
    longestUnwritableMs,
  });
  const whole = looks.filter(({ clients }) => clients !== undefined);
  if (watchedMs(whole, gapSeconds) < wantedMs) {
    const seconds = Math.floor(watchedMs(whole, gapSeconds) / 1000);
    return { problem: `only ${seconds} s of the ${windowSeconds} s before the roll could be observed: try again` };
  }
  if (acknowledged > 0) return {};
  return { problem: `the canary traffic had nothing acknowledged in ${windowSeconds} s: nothing to compare with` };
}

/** Where no look was whole none will be, and the first wave would freeze for it: found while nothing is touched yet. */
function unlessRead(looks: readonly GateSample[]): { problem?: string } {
  if (looks.some((look) => isWhole(look, false))) return {};
  const unread = [...new Set(looks.flatMap((look) => look.unread))].slice(0, 5).join('; ');
  return { problem: `in the window before the first node not all could be read, not once: ${unread}` };
}

/** `overtaken`: another roll-out, or somebody else, has changed the environment since. */
export type WatchOutcome = WaveVerdict | { kind: 'overtaken'; reasons: string[] };

/**
 * Looks on after the last wave, as a wave of all nodes. A node that others ended is not waited for: what nobody saw
 * is not watched. Safe to repeat as `watchWave` is.
 */
export async function watchAfter(deps: RolloutDeps, order: WaveOrder): Promise<WatchOutcome> {
  await beginWave(deps.db, order.rollout, order.wave);
  const { settings } = await openContext(deps, order);
  const longestMs = 2 * gateSettingsOf(settings).watchSeconds * 1000 + AWAY_MS;
  return watchUntilDecided<WatchOutcome>(deps, order, (standing, sinceMs) => {
    if (standing.kind === 'foreign') return { kind: 'overtaken', reasons: standing.reasons };
    const away = standing.kind === 'waiting' && Date.now() - sinceMs > longestMs;
    return away ? { kind: 'overtaken', reasons: standing.reasons } : undefined;
  });
}

/** Nodes that others ended are looked for so long beyond the watch. */
const AWAY_MS = 60_000;

/** Which of the waves that are left comes next, and its beginning written down. Safe to repeat. */
export async function beginNextWave(
  deps: RolloutDeps,
  { left, ...step }: RolloutStep & { left: { n: number; targets: string[]; why: string }[] },
): Promise<{ n: number; again?: string[] }> {
  const context = await openContext(deps, step);
  const { system } = context;
  const begun = await begunWave(deps.db, step.rollout);
  // A long roll-out that began a new history in the middle of a wave goes on with it.
  const wave =
    left.find(({ n }) => n === begun) ?? pickWave(left, left.length > 1 ? await system.goesLast() : undefined);
  if (!wave) throw new Error(`${step.rollout} has no wave left`);
  const again = await notAsLeft(context, step);
  // Of a bake that they cut: it begins anew.
  if (again.length > 0) await dropLooks(deps.db, step.rollout);
  await beginWave(deps.db, step.rollout, wave.n);
  return { n: wave.n, ...(again.length > 0 && { again }) };
}

/**
 * The same after the last wave, which no other one follows: what no longer holds what was installed converges, and the
 * wave is judged anew. Safe to repeat.
 */
export async function lookOnceMore(
  deps: RolloutDeps,
  { wave, ...step }: RolloutStep & { wave: number },
): Promise<{ again: string[] }> {
  const again = await notAsLeft(await openContext(deps, step), step);
  if (again.length > 0) await reopenWave(deps.db, step.rollout, wave);
  return { again };
}

const AGAIN = '/again';

/**
 * Nodes that were done, and hold something else by now: a host that was replaced comes up with what it was laid out
 * with. They converge before the next wave, or before their own bakes anew: planned anew, under a key of their own.
 */
async function notAsLeft({ db, driver }: RolloutContext, { rollout }: RolloutStep): Promise<string[]> {
  const again: string[] = [];
  for (const entry of await ledgerOf(db, rollout)) {
    if (entry.direction !== 'forward') continue;
    // Planned by an attempt of this step whose answer was lost.
    if (entry.state === 'planned' && entry.key.endsWith(AGAIN)) again.push(entry.target);
    if (entry.state !== 'done') continue;
    const facts = await driver.facts(entry.target);
    if (facts.state !== 'running' || holds(facts, entry.to.artifacts)) continue;
    await planTarget(db, { ...entry, key: `${entry.key}${AGAIN}`, seen: seenProcess(facts) }, { anew: true });
    again.push(entry.target);
  }
  return again;
}

/**
 * Looks at the environment on a fixed beat while a wave bakes, and asks the gate after each look. Every look is in the
 * store before the next, and the state goes along with each heartbeat: a killed worker's successor goes on from
 * there, and what nobody watched is not bake. A verdict that is there already is answered again.
 * A later round begins once what others did is over.
 */
export async function watchWave(deps: RolloutDeps, order: WaveOrder): Promise<WaveOutcome> {
  return watchUntilDecided<WaveOutcome>(deps, order, (standing) => {
    if (standing.kind === 'foreign') return { kind: 'held', reasons: standing.reasons };
    if (standing.kind === 'waiting') return { kind: 'interrupted', reasons: standing.reasons };
    // Back before anybody looked.
    const recovered = standing.kind === 'whole' ? standing.recovered : undefined;
    return recovered && { kind: 'interrupted', reasons: recovered };
  });
}

async function watchUntilDecided<T>(
  deps: RolloutDeps,
  order: WaveOrder,
  others: (standing: Standing, sinceMs: number) => T | undefined,
): Promise<T | WaveVerdict> {
  const { rollout, environment, attempt, round } = order;
  const wave = await waveOf(deps.db, rollout, order.wave);
  if (wave.gate && wave.record)
    return told(environment, wave, (await readRecord(deps, wave.record)).judgement, wave.record);
  const context = await openContext(deps, order);
  const { beatSeconds } = gateSettingsOf(context.settings);
  const frame = await frameOf(deps, context, order, wave);
  const key = `wave/${wave.n}@${attempt}/${round}`;
  const bake = { rollout, key, beatMs: beatSeconds * 1000, settleFirst: round > 1 };
  return onBeat<T | WaveVerdict>(context, bake, async ({ looks, beganAtMs, startedAtMs, standing }) => {
    const byOthers = others(standing, beganAtMs);
    if (byOthers !== undefined) return byOthers;
    if (looks.length === 0) return undefined;
    const settled = { ...frame.wave, settledAtMs: startedAtMs };
    const input: GateInput = { ...frame, wave: settled, after: looks, nowMs: looks.at(-1)!.atMs };
    const judgement = judgeGate(input);
    if (judgement.kind === 'watching') return undefined;
    const record: GateRecord = { version: 1, input, judgement };
    const { sha256 } = await deps.artifacts.put(JSON.stringify(record));
    const { kind, reasons, figures } = judgement;
    await keepVerdict(deps.db, rollout, wave.n, { gate: { kind, reasons, figures }, record: sha256 });
    return told(environment, wave, judgement, sha256);
  });
}

function told(environment: string, { n, targets, shape }: Wave, judgement: GateJudgement, record: Digest): WaveVerdict {
  if (judgement.kind === 'watching') throw new Error('a gate that still watches has no verdict');
  const { kind, reasons } = judgement;
  const where = shape.kind === 'watch' ? 'the watch' : `wave ${n} (${targets.join(', ')})`;
  const words = gateWords(`${environment}, ${where}`, judgement);
  return { kind, reasons: reasons.slice(0, 10), words, record };
}

type Frame = Pick<GateInput, 'profile' | 'metrics' | 'touched' | 'before' | 'othersTraffic'> & {
  wave: { index: number; targets: string[] };
};

/** All of a gate's input but the looks at the wave. */
async function frameOf(deps: RolloutDeps, context: RolloutContext, order: WaveOrder, wave: Wave): Promise<Frame> {
  const before = await beforeLooksOf(deps.db, order.rollout);
  const ledger = await ledgerOf(deps.db, order.rollout);
  const touched = ledger.filter(({ state, direction }) => direction === 'forward' && state !== 'planned');
  return {
    profile: profileFor(gateSettingsOf(context.settings), wave.shape),
    metrics: [...context.system.gateMetrics],
    ...(context.system.outside && { othersTraffic: true as const }),
    wave: { index: wave.alphaIndex, targets: wave.targets },
    touched: [...new Set(touched.map(({ target }) => target))].filter((name) => !wave.targets.includes(name)),
    before: before === undefined ? [] : (JSON.parse((await deps.artifacts.read(before)).toString()) as GateSample[]),
  };
}

export async function readRecord({ artifacts }: Pick<RolloutDeps, 'artifacts'>, record: Digest): Promise<GateRecord> {
  return JSON.parse((await artifacts.read(record)).toString()) as GateRecord;
}
