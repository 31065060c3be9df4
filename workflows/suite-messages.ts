import { defineQuery } from '@temporalio/workflow';

/** The workflow of a suite run (`kafka-7/1/fast`). */
export const suiteId = (suiteRun: string) => `suite:${suiteRun}`;

/**
 * Where a suite is, as its workflow knows it: for whoever looks in Temporal. What each slot is at, what failed and how
 * long it will take is in the store (`release show`): results never pass through a workflow.
 */
export type SuiteState = {
  at: 'suite' | 'judging' | 'culprits';
  hosts: { host: string; slots: number }[];
  /** Units of the suite proper, or runs for a verdict, that ended since this history began. */
  ran: number;
  /** Batches (or units not yet in one) that nobody has taken, when a slot last asked; null before. */
  waiting: number | null;
};

export const suiteStateQuery = defineQuery<SuiteState>('state');
