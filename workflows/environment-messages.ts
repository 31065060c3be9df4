import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Digest, RolloutOrder, RolloutOutcome } from './types.ts';

/** The one workflow of an environment. */
export const environmentId = (environment: string) => `environment:${environment}`;
export const finaliseId = (environment: string) => `finalise:${environment}`;
export const rolloutId = (rollout: string) => `rollout:${rollout}`;

/**
 * A release asks for a roll-out. `requester` is told when it has ended; `run` is its workflow run, so that
 * asking again after a retry of the request is told apart from a human's new try.
 */
export type RolloutRequest = {
  order: RolloutOrder & { settings: Digest; expedite?: boolean; expediteApproval?: string };
  requester: string;
  run: string;
  /** Without it: as soon as nothing else runs. */
  start?: StartPolicy;
};

/** When a roll-out may start, in absolute times: a workflow knows no time zones. */
export type StartPolicy = {
  /** Goes before those that wait, and does not wait for the cool-down. */
  expedite: boolean;
  /** From the end of the roll-out before. */
  coolDownSeconds: number;
  /** The freeze windows of the coming weeks. */
  closed: ClosedTime[];
};

/** `expedited`: not for an expedited one. */
export type ClosedTime = { name: string; from: string; to: string; expedited: boolean };

/** A roll-out that has not started. `why`: what it waits for, as of when it was last looked at. */
export type WaitingRollout = { request: RolloutRequest; since: string; why: string[] };

export type RequestAnswer =
  /** `waits`: why it has not started. */
  | { kind: 'accepted'; waits?: string[] }
  | { kind: 'refused'; reasons: string[] }
  | { kind: 'ended'; outcome: RolloutOutcome };

/** Who stopped what, when and why: a brake is never anonymous. */
export type Brake = { by: string; reason: string; at: string };

export type BrakeOrder = {
  kind: 'pause' | 'resume' | 'abort' | 'freeze' | 'unfreeze';
  by: string;
  reason: string;
};

/** How far the roll-out that runs has come. */
export type RolloutProgress = {
  step: 'plan' | 'window' | 'preflight' | 'stage' | 'roll' | 'bake' | 'soak' | 'account' | 'roll-back' | 'end';
  node?: string;
  wave?: { n: number; of: number };
  done: string[];
  remaining: string[];
  /** Where it waits for somebody: a brake, or a node that died. */
  waiting?: string;
};

export type EndedRollout = {
  rollout: string;
  run: string;
  version: string;
  digest: Digest;
  outcome: RolloutOutcome;
  at: string;
  /** It was superseded, or taken back, while it waited. */
  neverStarted?: boolean;
};

/** The answer to "what runs here, and why": what is in effect is in this state. */
export type EnvironmentState = {
  environment: string;
  running?: { request: RolloutRequest; since: string; aborted?: Brake };
  /** What has not started, the next one first; one of each fork and lane. */
  queue?: WaitingRollout[];
  paused?: Brake;
  /** No new roll-out starts; also set by a roll-out that ended frozen. */
  frozen?: Brake;
  /** The last roll-out that was promoted here. */
  promoted?: EndedRollout;
  /** The last few, newest first. */
  ended: EndedRollout[];
};

export const requestRollout = defineUpdate<RequestAnswer, [RolloutRequest]>('requestRollout');
/**
 * Takes back what has not started. Without a `reason` its own release was cancelled, and waits for no word; with one
 * that release is told.
 */
export type Withdrawal = { rollout: string; by: string; reason?: string };
/** False where it runs, has ended or was never asked for. */
export const withdrawRollout = defineUpdate<boolean, [Withdrawal]>('withdrawRollout');
export const brake = defineUpdate<EnvironmentState, [BrakeOrder]>('brake');
export const environmentState = defineQuery<EnvironmentState>('environmentState');

/** Asks to raise the metadata version for good (K16). Whether it may be is found after the answer. */
export type FinaliseRequest = { level: string; settings: Digest; by: string };
export type FinaliseAnswer = { kind: 'asked'; approval: string } | { kind: 'refused'; reasons: string[] };
export const requestFinalise = defineUpdate<FinaliseAnswer, [FinaliseRequest]>('requestFinalise');

/** From the roll-out to its environment, and from there to the release that asked. */
export const rolloutEnded = defineSignal<[{ rollout: string; outcome: RolloutOutcome }]>('rolloutEnded');

/** What is in effect for the roll-out that runs. */
export type Brakes = { paused?: Brake; aborted?: Brake };
export const brakesChanged = defineSignal<[Brakes]>('brakesChanged');
export const rolloutProgress = defineQuery<RolloutProgress>('rolloutProgress');
