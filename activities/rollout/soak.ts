import { Context } from '@temporalio/activity';
import {
  beginSoak,
  type SoakRules,
  type SoakSample,
  type SoakState,
  type SoakVerdict,
  soakStep,
} from '../../decisions/soak.ts';
import { ledgerOf } from '../../store/rollout-ledger.ts';
import type { WaveGate } from '../../store/rollout-tables.ts';
import { baselineOf, keepGate } from '../../store/rollouts.ts';
import { openContext, pause, type RolloutContext, type RolloutDeps, type RolloutStep } from './context.ts';
import { type Standing, standingOf } from './next.ts';

const SAMPLE_MS = 2_000;
/** Seconds of client figures in a sample. */
const CLIENT_SECONDS = 3;

/**
 * `held`: somebody else restarted a node in the middle. `interrupted`: one was ended from outside; once it is
 * back, the soak begins anew. Neither is passed, nor the candidate's fault.
 */
export type SoakOutcome =
  | WaveGate
  | { kind: 'held' | 'interrupted'; reasons: string[]; figures: Record<string, unknown> };

/**
 * Watches the environment under full traffic until it has been healthy for the configured time. What was
 * observed goes along with each heartbeat, so that a killed worker's successor carries on; time in
 * between was not observed, and is not soak.
 */
export async function soakEnvironment(deps: RolloutDeps, step: RolloutStep & { wave: number }): Promise<SoakOutcome> {
  const context = await openContext(deps, step);
  const baseline = context.traffic.observed ? await baselineOf(deps.db, step.rollout) : undefined;
  const activity = Context.current();
  let state = resume(activity.info.heartbeatDetails as SoakState | undefined);
  const beat = setInterval(() => activity.heartbeat(state), 1_000);
  try {
    for (;;) {
      const { sample, standing } = await look(context, step.rollout);
      const figures = figuresOf(state, baseline);
      // Before anything is judged: the harm of a killed node is not the candidate's.
      if (standing.kind === 'foreign') return { kind: 'held', reasons: standing.reasons, figures };
      if (standing.kind === 'waiting') return { kind: 'interrupted', reasons: standing.reasons, figures };
      const judged = soakStep(state, sample, soakRules(context), baseline);
      state = judged.state;
      if (judged.verdict) return await conclude(deps, step, judged.verdict, figuresOf(state, baseline));
      await pause(SAMPLE_MS);
    }
  } finally {
    clearInterval(beat);
  }
}

/** As the first form of the gates had them. */
function soakRules({ rules }: RolloutContext): SoakRules {
  const { soakSeconds = 30, warmUpSeconds = 5, underReplicatedSeconds = 8, errorShare = 0.01 } = rules;
  const { slowFactor = 5, slowFloorMs = 500, slowSeconds = 8 } = rules;
  return { soakSeconds, warmUpSeconds, underReplicatedSeconds, errorShare, slowFactor, slowFloorMs, slowSeconds };
}

function resume(kept: SoakState | undefined): SoakState {
  return kept ? { ...kept, lastAtMs: Date.now() } : beginSoak(Date.now());
}

async function conclude(
  deps: RolloutDeps,
  { rollout, wave }: RolloutStep & { wave: number },
  verdict: SoakVerdict,
  figures: Record<string, unknown>,
): Promise<WaveGate> {
  const gate: WaveGate = { ...verdict, figures };
  await keepGate(deps.db, rollout, wave, gate);
  return gate;
}

async function look(context: RolloutContext, rollout: string): Promise<{ sample: SoakSample; standing: Standing }> {
  const [ledger, seen, clients] = await Promise.all([
    ledgerOf(context.db, rollout),
    context.system.look(),
    context.traffic.observed ? context.traffic.recent(CLIENT_SECONDS) : undefined,
  ]);
  const standing = await standingOf(context, ledger);
  const down = standing.kind === 'crashed' ? standing.reasons : [];
  return { standing, sample: { atMs: Date.now(), down, ...seen, ...(clients && { clients }) } };
}

function figuresOf(state: SoakState, baseline: Awaited<ReturnType<typeof baselineOf>>): Record<string, unknown> {
  return {
    observedSeconds: Math.round(state.observedMs / 1000),
    samples: state.samples,
    unreadSamples: state.unreadSamples,
    ...(baseline && {
      acknowledged: state.acknowledged,
      errors: state.errors,
      worstP99Ms: Math.round(state.worstP99Ms),
      worstUnwritableMs: Math.round(state.worstUnwritableMs),
      beforeP99Ms: Math.round(baseline.p99Ms ?? 0),
      beforeSeconds: baseline.seconds,
    }),
  };
}
