import { ruleOfTwoProblems, type Touch } from '../decisions/rule-of-two.ts';
import type { AgentActivities } from './agent.ts';
import type { ApprovalActivities } from './approvals.ts';
import type { BuildActivities } from './build.ts';
import type { CheckActivities } from './checks.ts';
import type { EnvironmentRequestActivities } from './environment-request.ts';
import type { EnvironmentUpActivities } from './environment-up.ts';
import type { FinaliseActivities } from './finalise.ts';
import type { FixActivities } from './fixes.ts';
import type { GitActivities } from './git.ts';
import type { KnowledgeActivities } from './knowledge.ts';
import type { MemoryActivities } from './memory.ts';
import type { PagingActivities } from './paging.ts';
import type { PublishActivities } from './publish.ts';
import type { RehearsalActivities } from './rehearsal.ts';
import type { RecordActivities } from './release-records.ts';
import type { RepairActivities } from './repair.ts';
import type { ReversibilityActivities } from './reversibility.ts';
import type { RolloutActivities } from './rollout.ts';
import type { StoryActivities } from './story.ts';
import type { SuiteRunnerActivities } from './suite-runner.ts';
import type { TicketActivities } from './tickets.ts';
import type { WaiverActivities } from './verdict-waiver.ts';

/** Every activity that a worker may serve. */
export type ActivityName = keyof (AgentActivities &
  ApprovalActivities &
  BuildActivities &
  CheckActivities &
  EnvironmentRequestActivities &
  EnvironmentUpActivities &
  FinaliseActivities &
  FixActivities &
  GitActivities &
  KnowledgeActivities &
  MemoryActivities &
  PagingActivities &
  RecordActivities &
  PublishActivities &
  RehearsalActivities &
  RepairActivities &
  ReversibilityActivities &
  RolloutActivities &
  StoryActivities &
  TicketActivities &
  SuiteRunnerActivities &
  WaiverActivities);

const NOTHING: readonly Touch[] = [];
/** It carries words into the store, for a thread or a question. */
const TEXT: readonly Touch[] = ['untrusted-text'];
/** It reads figures of clusters. */
const STATE: readonly Touch[] = ['private-data'];
/** It reads what others wrote, and has no way out: the sandbox has no network, our clone is not pushed. */
const READS: readonly Touch[] = ['untrusted-text', 'private-data'];
/** It shows words that were redacted when they were kept, to a target of the configuration. */
const TELLS: readonly Touch[] = ['untrusted-text', 'outside-effects'];
/** It acts on what is named by digests and by fields of ours. */
const ACTS: readonly Touch[] = ['private-data', 'outside-effects'];
/** It starts a node, whose start is seen in that node's log; artifacts are copied by digest and never read. */
const RUNS_NODES: readonly Touch[] = ['untrusted-text', 'outside-effects'];

export const TOUCHES = {
  // Agents. The model's server is told, by an address of the configuration and in redacted words; it is no target that a
  // text could choose, and nothing changes there (`store: false`). Clusters are asked how they stand, and not changed; a
  // ticket's thread is told in code's words what is done.
  prepareDiagnosis: READS,
  takeTurn: READS,
  useTool: READS,
  prepareRepair: READS,
  prepareReview: READS,
  prepareInvestigation: READS,
  preparePatch: READS,
  tellTrial: READS,

  repairPolicy: NOTHING,
  keepText: TEXT,
  foldRepair: READS,
  touchedPaths: READS,
  readConflict: READS,
  pickPatches: READS,
  resolvePatch: READS,
  readProposal: READS,
  readReview: READS,
  describeRepair: READS,
  closeRun: TEXT,
  diagnosisText: READS,

  openApproval: TEXT,
  recordDecision: TEXT,
  closeApproval: NOTHING,
  showApproval: TEXT,
  remindApproval: TEXT,
  endApprovalCard: TEXT,
  readWaivable: READS,
  waiveVerdicts: TEXT,

  // Its fetch step has a network, and is a program of the machine that the configuration names; the rest has none.
  buildSource: READS,
  checkPatches: READS,
  judgeReversibility: READS,
  differenceSinceApproved: READS,

  planRehearsals: STATE,
  rehearseDowngrade: RUNS_NODES,
  recordRehearsal: TEXT,

  publishes: NOTHING,
  lookToPublish: NOTHING,
  publishArtifact: ACTS,

  cutCandidate: READS,
  cutPart: READS,
  resolveBase: NOTHING,
  pushRef: ACTS,
  takeNameBack: ACTS,

  enterStep: NOTHING,
  recordCandidateCut: TEXT,
  recordBuilt: NOTHING,
  lastReleasedBuild: NOTHING,
  recordOutcome: TEXT,

  rebuildKnowledge: READS,
  refreshKnowledge: READS,
  searchKnowledge: READS,
  checkCitation: READS,

  beginTicket: NOTHING,
  // It asks Slack who somebody is, by an id.
  takeIn: READS,
  openTicket: TEXT,
  catchUp: READS,
  saveTicketState: TEXT,
  tellTicket: TEXT,
  answerTicket: READS,
  // It asks the address of the configuration who is on call.
  whomToCall: STATE,
  // The words go to the store; Slack opens the direct message, by an id of the configuration.
  writeTo: TELLS,
  handOffTicket: TEXT,
  learnFromTicket: TEXT,

  openFix: READS,
  readPlan: READS,
  groundOf: NOTHING,
  draftFix: READS,
  draftAgain: READS,
  proveFix: READS,
  proofSources: READS,
  keepEvidence: TEXT,
  describeFix: READS,
  // What was approved, by commit and by typed fields of a closed list.
  applyFix: ACTS,
  verifyFix: READS,
  undoFix: ACTS,
  openFixRelease: NOTHING,
  endFix: TEXT,
  // It asks Slack who reads along in the ticket's channel.
  rememberFix: READS,
  followsFix: NOTHING,
  isMerged: READS,
  tellFix: TEXT,
  showProof: TEXT,

  openThread: TEXT,
  tell: TEXT,
  drainThread: TELLS,
  openPage: NOTHING,
  sendPage: TELLS,
  acknowledgePage: TELLS,

  // Words between workflows of ours: the environment decides what happens to a node.
  askForRollout: NOTHING,
  abortRollout: NOTHING,
  stopElsewhere: NOTHING,
  freezeForWatch: NOTHING,
  unfreezeAfterWatch: NOTHING,
  needsInitialBuild: NOTHING,
  bringEnvironmentUp: RUNS_NODES,

  planRollout: STATE,
  planRollBack: STATE,
  planRestart: STATE,
  planAfterRestart: STATE,
  openTrafficWindow: ACTS,
  keepWindowBefore: STATE,
  preflightRollout: STATE,
  stageNode: ACTS,
  // It gives back leaders that others took.
  nextNode: ACTS,
  lookAround: STATE,
  changeNode: RUNS_NODES,
  awaitReturn: READS,
  awaitInSync: READS,
  giveLeadersBack: ACTS,
  readBackNode: STATE,
  lookBefore: ACTS,
  beginNextWave: STATE,
  lookOnceMore: STATE,
  watchWave: ACTS,
  watchAfter: ACTS,
  overruleOutcome: NOTHING,
  soakEnvironment: STATE,
  accountTraffic: STATE,
  quietTraffic: ACTS,
  endRollout: TEXT,

  prepareSuite: READS,
  watchHosts: NOTHING,
  setHostAside: NOTHING,
  runBatch: READS,
  judgeFailures: READS,
  lackedByBase: TEXT,
  judgeAgainst: TEXT,
  writeDifferences: READS,
  addSuiteArm: NOTHING,
  culpritState: TEXT,
  planArmProbe: TEXT,
  markArm: TEXT,
  saveCulprits: TEXT,
  freezeToFinalise: NOTHING,
  unfreezeAfterFinalise: NOTHING,
  lookToFinalise: STATE,
  finaliseLevel: ACTS,

  finishSuite: READS,
  prepareProof: NOTHING,
  readProof: READS,
  endRunners: NOTHING,
} satisfies Record<ActivityName, readonly Touch[]>;

/**
 * Lets a worker serve these activities, or ends it before it takes work.
 *
 * @throws with every problem at once.
 */
export function requireRuleOfTwo<T extends object>(activities: T): T {
  const problems = ruleOfTwoProblems(Object.keys(activities), TOUCHES);
  if (problems.length > 0) throw new Error(`this worker does not start: ${problems.join('; ')}`);
  return activities;
}
