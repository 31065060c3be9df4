import { ApplicationFailure } from '@temporalio/common';

/** Facts that no retry can change. Anything else is thrown as it is, and Temporal retries it. */
export type PermanentFailure =
  | 'UnknownFork'
  | 'UnknownRef'
  | 'UnknownEnvironment'
  | 'BadConfiguration'
  | 'MissingTool'
  | 'NoSandbox'
  | 'DependenciesUnreachable'
  | 'DiskFull'
  | 'PortTaken'
  | 'NotVerifiedUpstream'
  | 'ChangedByHand'
  | 'NoTraffic'
  | 'NotApproved'
  | 'PublishedOtherwise';

export function permanent(type: PermanentFailure, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type);
}
