import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Digest, RolloutOrder, RolloutOutcome } from './types.ts';

/** The one workflow of an environment. */
export const environmentId = (environment: string) => `environment:${environment}`;
export const rolloutId = (rollout: string) => `rollout:${rollout}`;

/**
 * A release asks for a roll-out. `requester` is told when it has ended; `run` is its workflow run, so that
 * asking again after a retry of the request is told apart from a human's new try.
 */
export type RolloutRequest = { order: RolloutOrder & { settings: Digest }; requester: string; run: string };

export type RequestAnswer =
  | { kind: 'accepted' }
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
};

/** The answer to "what runs here, and why": what is in effect is in this state. */
export type EnvironmentState = {
  environment: string;
  running?: { request: RolloutRequest; since: string; aborted?: Brake };
  paused?: Brake;
  /** No new roll-out starts; also set by a roll-out that ended frozen. */
  frozen?: Brake;
  /** The last roll-out that was promoted here. */
  promoted?: EndedRollout;
  /** The last few, newest first. */
  ended: EndedRollout[];
};

export const requestRollout = defineUpdate<RequestAnswer, [RolloutRequest]>('requestRollout');
export const brake = defineUpdate<EnvironmentState, [BrakeOrder]>('brake');
export const environmentState = defineQuery<EnvironmentState>('environmentState');

/** From the roll-out to its environment, and from there to the release that asked. */
export const rolloutEnded = defineSignal<[{ rollout: string; outcome: RolloutOutcome }]>('rolloutEnded');

/** What is in effect for the roll-out that runs. */
export type Brakes = { paused?: Brake; aborted?: Brake };
export const brakesChanged = defineSignal<[Brakes]>('brakesChanged');
export const rolloutProgress = defineQuery<RolloutProgress>('rolloutProgress');
