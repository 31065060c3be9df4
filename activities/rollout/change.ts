import { firstOfEachWaiver, type Judgement, type Waived, waivedAs } from '../../decisions/kafka-rules/waivers.ts';
import { holds, k13OthersInTheWay, type NextStep, nextStep } from '../../decisions/node-change.ts';
import { logger } from '../../lib/log.ts';
import { runEffect } from '../../store/journal.ts';
import { metadataBeforeOf } from '../../store/metadata-before.ts';
import {
  intendTarget,
  ledgerEntry,
  ledgerOf,
  markChanged,
  markFailed,
  type TargetKey,
  withdrawIntent,
} from '../../store/rollout-ledger.ts';
import type { Direction, LedgerEntry, SeenProcess } from '../../store/rollout-tables.ts';
import type { Artifact, RuleFinding } from '../../workflows/types.ts';
import {
  nodeFacts,
  openContext,
  pause,
  type RolloutContext,
  type RolloutDeps,
  type RolloutStep,
  seconds,
  seenProcess,
} from './context.ts';
import { changesAtOnce } from './one-change.ts';
import { noteWaiver } from './waivers.ts';

/**
 * `changed`: the new process was started (whether it lives is the next question). `blocked`: a rule did not
 * let it be stopped; nothing was done. `not-stopped`: it does not end. `foreign`: somebody else's hands.
 * `lost`: it is stopped, and cannot be given its files or be started (disk full, port taken).
 */
export type ChangeOutcome =
  | { kind: 'changed'; waived?: Waived[] }
  | { kind: 'blocked'; findings: RuleFinding[] }
  | { kind: 'not-stopped' | 'foreign' | 'lost'; reason: string };

/** Ends the effect without its result, for good: the journal keeps the reason. */
class NotChanged extends Error {
  readonly nonRetryable = true;
  readonly outcome: Exclude<ChangeOutcome, { kind: 'changed' }>;
  constructor(outcome: Exclude<ChangeOutcome, { kind: 'changed' }>, message: string) {
    super(message);
    this.outcome = outcome;
  }
}

type Changed = {
  seen: SeenProcess;
  seconds: { stop: number; install: number; start: number };
  /** What would have kept the node from being stopped, but for somebody's words. */
  waived?: Waived[];
};

export type NodeStep = RolloutStep & { target: string; direction: Direction };

const LOOK_MS = 500;
const DRIVER_TRIES = 4;
const DRIVER_PAUSE_MS = 2_000;
/** Then the workflow looks at its brakes, and asks again until its own patience ends. */
const PATIENCE_MS = 5_000;

/**
 * Changes one node: intent, checks right before the stop, graceful stop, install, start; one journaled
 * effect a node and direction. What to do next is read from disk and process (decisions/node-change.ts),
 * so that any number of crashes in between end in the same: the node is restarted once for its intent.
 */
export async function changeNode(deps: RolloutDeps, step: NodeStep): Promise<ChangeOutcome> {
  const context = await openContext(deps, step);
  const key: TargetKey = { rollout: step.rollout, target: step.target, direction: step.direction };
  const planned = await ledgerEntry(deps.db, key);
  if (planned.state === 'changed' || planned.state === 'done') return { kind: 'changed' };
  if (planned.state === 'failed') return { kind: 'lost', reason: planned.failure ?? 'it failed before' };
  const entry = await intend(context, step, planned);
  try {
    const changed = await runEffect<Changed>(
      deps.db,
      {
        key: entry.key,
        kind: step.direction === 'forward' ? 'node-change' : 'node-put-back',
        release: step.release,
        intent: { environment: step.environment, target: step.target, to: entry.to },
      },
      { readBack: () => found(context, entry), perform: () => carryOut(context, step, entry) },
    );
    await markChanged(deps.db, key, changed.seen, changed.seconds);
    const { waived = [] } = changed;
    return { kind: 'changed', ...(waived.length > 0 && { waived }) };
  } catch (error) {
    if (!(error instanceof NotChanged)) throw error;
    if (error.outcome.kind === 'blocked') await withdrawIntent(deps.db, key, error.message);
    else await markFailed(deps.db, key, error.message);
    return error.outcome;
  }
}

/** K20: written before anything is done. The leaders that a stop will move are noted while it still leads them. */
async function intend(context: RolloutContext, step: NodeStep, planned: LedgerEntry): Promise<LedgerEntry> {
  if (planned.state === 'intent') return planned;
  const facts = await context.driver.facts(step.target);
  const leaders = (await context.system.ledAsPreferred([step.target]))[step.target] ?? [];
  // One that is planned anew, since its host was replaced, may not have been given back what it led.
  const before = step.direction === 'back' ? await ledgerEntry(context.db, { ...step, direction: 'forward' }) : planned;
  const known = new Set(leaders.map(({ topic, partition }) => `${topic}-${partition}`));
  leaders.push(...before.leaders.filter(({ topic, partition }) => !known.has(`${topic}-${partition}`)));
  return intendTarget(context.db, planned, { before: seenProcess(facts), leaders });
}

/** What an attempt that died left: only a node that was started for this intent, and holds it, is changed. */
async function found({ driver }: RolloutContext, entry: LedgerEntry): Promise<Changed | undefined> {
  const facts = await driver.facts(entry.target);
  const next = nextStep(nodeFacts(facts), intentOf(entry));
  if (next.do !== 'done' && next.do !== 'give-up') return undefined;
  return { seen: seenProcess(facts), seconds: { stop: 0, install: 0, start: 0 } };
}

const intentOf = (entry: LedgerEntry) => ({
  key: entry.key,
  before: entry.before ?? { state: 'unknown' },
  to: entry.to.artifacts,
});

async function carryOut(context: RolloutContext, step: NodeStep, entry: LedgerEntry): Promise<Changed> {
  const { driver, rules } = context;
  const log = logger('rollout', { release: step.release, key: entry.key });
  const took = { stop: 0, install: 0, start: 0 };
  const waived: Waived[] = [];
  let toldAt = Date.now();
  const wanted: Artifact[] = entry.to.artifacts.map((artifact) => ({ ...artifact, bytes: 0 }));
  for (;;) {
    const facts = await driver.facts(step.target);
    const next: NextStep = nextStep(nodeFacts(facts), intentOf(entry));
    log.info({ target: step.target, next: next.do }, 'next step of a node');
    if (next.do !== 'look-again') toldAt = Date.now();
    const began = Date.now();
    switch (next.do) {
      case 'stop':
        waived.push(...(await waitUntilAllowed(context, step)));
        took.stop += await stop(context, step);
        break;
      case 'install':
        // One that is down was not asked about when it was stopped: it ended by itself, or a worker died since.
        if (step.direction === 'back') await waitUntilAllowed(context, step, () => putBackBlocks(context, step));
        await tries(step.target, 'install', () => driver.install(step.target, wanted, entry.to));
        took.install += seconds(began);
        break;
      case 'start':
        await tries(step.target, 'start', () => driver.start(step.target, { ledger: entry.key }));
        took.start += seconds(began);
        break;
      case 'done':
      case 'give-up':
        // One that ended at once was changed all the same: that it does not return is found next.
        return { seen: seenProcess(facts), seconds: took, ...(waived.length > 0 && { waived }) };
      case 'hold': {
        const reason = `${step.target}: ${next.why}, while ${entry.key} is open`;
        throw new NotChanged({ kind: 'foreign', reason }, reason);
      }
      case 'look-again': {
        const silent = seconds(toldAt);
        const reason = `${step.target}: ${next.why}, for ${Math.round(silent)} s: ${facts.strangers.join('; ')}`;
        if (silent > rules.returnSeconds) throw new NotChanged({ kind: 'lost', reason }, reason);
        await pause(LOOK_MS);
        break;
      }
    }
  }
}

/** The node is down meanwhile: what does not work after a few tries is undone, and told, not tried for ever. */
async function tries(target: string, what: string, work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const reason = `${target}: cannot ${what}: ${(error as Error).message}`;
      logger('rollout').warn({ target, err: error, attempt }, `cannot ${what}`);
      if (attempt === DRIVER_TRIES) throw new NotChanged({ kind: 'lost', reason }, reason);
    }
    await pause(DRIVER_PAUSE_MS);
  }
}

/**
 * The rules, read again right before the stop, and waited for a moment: a block that lasts ends the step with
 * nothing done. Between the last look and the stop lies nothing: what is waived is noted, and looked at once more.
 */
async function waitUntilAllowed(
  context: RolloutContext,
  step: NodeStep,
  ask: () => Promise<Judgement> = () => judge(context, step),
): Promise<Waived[]> {
  const deadline = Date.now() + PATIENCE_MS;
  const noted: Judgement['waived'] = [];
  for (;;) {
    const { blocks: findings, waived } = await ask();
    if (findings.length === 0) {
      const others = firstOfEachWaiver([...noted, ...waived]).slice(noted.length);
      if (others.length === 0) return noted.map(waivedAs);
      for (const other of others) await noteWaiver(context.db, step, other);
      noted.push(...others);
      continue;
    }
    if (Date.now() > deadline) {
      const shown = findings.slice(0, 20);
      throw new NotChanged(
        { kind: 'blocked', findings: shown },
        shown.map(({ rule, reason }) => `${rule}: ${reason}`).join('\n'),
      );
    }
    await pause(LOOK_MS);
  }
}

export async function judge(context: Judging, step: NodeStep): Promise<Judgement> {
  const { db, system } = context;
  const ledger = await ledgerOf(db, step.rollout);
  const inTheWay = k13OthersInTheWay(ledger, step.target).map((reason) => ({ rule: 'K13', reason }));
  if (inTheWay.length > 0) return { blocks: inTheWay, waived: [] };
  if (step.direction === 'back')
    return system.canRollBack([step.target], suspectsIn(ledger), await metadataBeforeOf(db, step.rollout));
  const judged = await system.canRoll([step.target]);
  // Asked last: it is no harm of the candidate's, and must not hide one that is.
  return judged.blocks.length > 0 ? judged : { ...judged, blocks: await settingsAsWell(context, step, ledger) };
}

type Judging = Pick<RolloutContext, 'db'> & {
  settings: Pick<RolloutContext['settings'], 'system'>;
  driver: Pick<RolloutContext['driver'], 'changedSettings'>;
  system: Pick<RolloutContext['system'], 'canRoll' | 'canRollBack'>;
};

/** G1, again: since the plan somebody may have edited the node's files, or started it anew by other settings. */
function settingsAsWell(context: Judging, step: NodeStep, ledger: readonly LedgerEntry[]): Promise<RuleFinding[]> {
  const { target } = step;
  const entry = ledger.find((one) => one.target === target && one.direction === 'forward');
  // One that is restarted unchanged first, so that its settings are seen by themselves, gets what it has.
  const artifact = entry && !holds(entry.from, entry.to.artifacts) ? [target] : [];
  return changesAtOnce(context, step, { restarted: [target], artifact });
}

async function putBackBlocks({ db, system }: RolloutContext, { rollout }: NodeStep): Promise<Judgement> {
  return system.mayPutBack(await metadataBeforeOf(db, rollout));
}

/** The nodes that still carry what is rolled back. */
export function suspectsIn(ledger: readonly LedgerEntry[]): string[] {
  return ledger
    .filter(({ direction, state }) => direction === 'back' && (state === 'planned' || state === 'intent'))
    .map(({ target }) => target);
}

/**
 * K10: a graceful stop, given time. One that does not end stays as it is when going forward; in a roll-back
 * it is killed once it is fenced and leads nothing, so that a patch cannot block its own roll-back.
 */
async function stop(context: RolloutContext, { target, direction }: NodeStep): Promise<number> {
  const { driver, rules, system } = context;
  const began = Date.now();
  const graceful = await driver.stop(target, { graceMs: rules.stopGraceSeconds * 1000, kill: false });
  if (graceful.stopped) return seconds(began);
  const deadline = Date.now() + rules.returnSeconds * 1000;
  let why = graceful.detail ?? 'it does not end';
  while (Date.now() < deadline) {
    if ((await driver.facts(target)).state === 'stopped') return seconds(began);
    if (direction === 'back') {
      const keeps = await system.keepsFromKilling(target);
      if (keeps === undefined) {
        const killed = await driver.stop(target, { graceMs: 0, kill: true });
        if (killed.stopped) return seconds(began);
      } else why = keeps;
    }
    await pause(LOOK_MS);
  }
  const reason = `${target} did not stop within ${Math.round(seconds(began))} s: ${why}`;
  throw new NotChanged({ kind: 'not-stopped', reason }, reason);
}
