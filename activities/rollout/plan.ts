import { g5HoldsArtifact } from '../../decisions/artifact-hold.ts';
import { profileWords } from '../../decisions/gate-words.ts';
import type { Reversibility } from '../../decisions/kafka-rules/one-way.ts';
import { reasonsOf } from '../../decisions/kafka-rules/waivers.ts';
import { holds, isSameProcess } from '../../decisions/node-change.ts';
import { oneWayBinds } from '../../decisions/one-way-approval.ts';
import { planWaves, shapesOf } from '../../decisions/wave-plan.ts';
import { planWavesOf } from '../../store/gates.ts';
import { pastRolloutsOf } from '../../store/holds.ts';
import { forgetRollBack, ledgerOf, markDone, planTarget, takeBackPlan } from '../../store/rollout-ledger.ts';
import { buildOf, keepRunning, nameBuild } from '../../store/rollout-report.ts';
import type { Installed, LedgerEntry } from '../../store/rollout-tables.ts';
import { isVerifiedIn, openRollout } from '../../store/rollouts.ts';
import type { Build, Digest, RolloutOrder, RolloutOutcome } from '../../workflows/types.ts';
import { whyNotApproved } from '../approvals.ts';
import type { TargetFacts, TargetInfo } from '../deploy/driver.ts';
import { allFacts } from '../health/system.ts';
import { openContext, placedNames, type RolloutContext, type RolloutDeps, seenProcess } from './context.ts';
import { gateSettingsOf, profileFor } from './gate-settings.ts';
import { changesAtOnce, installedBy, type Need, needOf, restartsOf } from './one-change.ts';

/**
 * `refused`: nothing was touched, and why. `ended`: this very roll-out ended before. `already` run what is to
 * be installed and are not touched.
 */
export type RolloutPlan =
  | { kind: 'refused'; reasons: string[] }
  | { kind: 'ended'; outcome: RolloutOutcome }
  | {
      kind: 'planned';
      attempt: number;
      targets: { name: string; from: string; to: string }[];
      already: string[];
      /** Waived as dead, and not touched: they keep what they have. Absent where there are none. */
      leftOut?: string[];
      blockedSeconds: number;
      /** Absent in histories from before there were gates: then one soak follows all nodes. */
      waves?: PlanOfWave[];
      /** How each wave is judged, in words. */
      gates?: string;
      reversibility?: Reversibility;
      /** One node is restarted unchanged before the first is changed. */
      restartFirst?: true;
      /** After the last wave: which record it is, and how long. */
      watch?: { n: number; seconds: number };
    };

const WATCH = { kind: 'watch', firstServing: false } as const;
type WaveToPlan = Parameters<typeof planWavesOf>[2][number];

export type PlanOfWave = { n: number; targets: string[]; why: string };

export type RollBackPlan = { attempt: number; targets: string[]; blockedSeconds: number };

type Order = RolloutOrder & { settings: Digest };

/**
 * Plans a roll-out from what lies on the nodes now, and refuses it before anything is touched where a file was
 * changed by hand, upstream has not verified the candidate, or an artifact is missing. Safe to repeat.
 */
export async function planRollout(deps: RolloutDeps, order: Order): Promise<RolloutPlan> {
  const opened = await openRollout(deps.db, order, order.settings);
  if (opened.outcome) return { kind: 'ended', outcome: opened.outcome };
  // Asked first: an environment that may not take it need not even be up.
  const notAllowed = await whyNotAllowed(deps, order);
  if (notAllowed.length > 0) return { kind: 'refused', reasons: notAllowed };
  const opening = await openOrWhyNot(deps, order);
  if (typeof opening === 'string') return { kind: 'refused', reasons: [opening] };
  const context = opening;
  const before = await ledgerOf(deps.db, order.rollout);
  const leftOut = await leaveOut(context, before);
  const facts = (await allFacts(context.driver)).filter(({ name }) => !leftOut.includes(name));
  const reasons = [
    ...facts.flatMap((fact) => unfit(fact)),
    ...facts.flatMap((fact) => missingArtifacts(context, fact, order.candidate)),
  ];
  if (reasons.length > 0) return { kind: 'refused', reasons: [...new Set(reasons)] };
  if (isDown(facts, before)) {
    const down = `${order.environment} is down: none of its nodes runs. Bring it up (patchwright env up ${order.environment}), then: patchwright release retry ${order.release}`;
    return { kind: 'refused', reasons: [down] };
  }
  const nodes = await nodesOf(context, order.candidate, { facts, before });
  const mixed = await changesAtOnce(context, order, restartsOf(nodes));
  if (mixed.length > 0) return { kind: 'refused', reasons: reasonsOf(mixed) };
  await forgetRollBack(deps.db, order.rollout);
  const already: string[] = [];
  const targets: { name: string; from: string; to: string }[] = [];
  const led = await context.system.ledAsPreferred(facts.map(({ name }) => name));
  for (const [position, node] of nodes.entries()) {
    const leaders = led[node.name] ?? [];
    const planned = await planOne(context, { ...node, order, attempt: opened.attempt, position, leaders });
    if (planned.already) already.push(node.name);
    else targets.push({ name: node.name, from: nameBuild(planned.from), to: nameBuild(planned.to) });
  }
  const gated = await planGates(context, order, opened.attempt, { targets, already, leftOut });
  const { blockedSeconds, restartFirst } = context.rules;
  const more = {
    ...reversibilityOf(order),
    ...(restartFirst && targets.length > 0 && { restartFirst: true as const }),
    ...(leftOut.length > 0 && { leftOut }),
  };
  return { kind: 'planned', attempt: opened.attempt, targets, already, blockedSeconds, ...gated, ...more };
}

/**
 * The nodes that somebody waived as dead. What this roll-out has touched is none of them: it is answered for. An entry
 * that an earlier attempt planned is taken back, or the node would be waited for.
 */
export async function leaveOut(
  { db, system }: { db: RolloutContext['db']; system: Pick<RolloutContext['system'], 'leftOut'> },
  ledger: readonly LedgerEntry[],
): Promise<string[]> {
  const touched = ledger.filter(({ state }) => state !== 'planned').map(({ target }) => target);
  const leftOut = (await system.leftOut()).filter((name) => !touched.includes(name));
  for (const { rollout, target } of ledger.filter((entry) => leftOut.includes(entry.target)))
    await takeBackPlan(db, { rollout, target });
  return leftOut;
}

async function whyNotAllowed(deps: RolloutDeps, order: Order): Promise<string[]> {
  const unverified = await notVerifiedUpstream(deps, order);
  if (unverified.length > 0) return unverified;
  const held = await heldAnywhere(deps, order);
  if (held.length > 0) return held;
  const unapproved = await notApproved(deps, order);
  return unapproved === undefined ? [] : [unapproved];
}

function reversibilityOf({ oneWay }: Order): { reversibility?: Reversibility } {
  if (!oneWay) return {};
  return { reversibility: { kind: 'one-way', rule: 'K18', reasons: oneWay.reasons } };
}

/** A one-way candidate is approved by people; asked once more, now that it is about to happen. */
async function notApproved(deps: RolloutDeps, { oneWay, settings, ...order }: Order): Promise<string | undefined> {
  if (oneWay?.approval === undefined) return undefined;
  const binds = oneWayBinds({ ...order, reasons: oneWay.reasons });
  const use = { id: oneWay.approval, binds, settings: await deps.settings(settings), use: order.rollout };
  return whyNotApproved(deps.db, use);
}

/** The waves of what is to be changed, written down. Where every node runs it already they are judged as they stand. */
async function planGates(
  context: RolloutContext,
  { rollout, release }: Order,
  attempt: number,
  { targets, already, leftOut }: { targets: { name: string }[]; already: string[]; leftOut: string[] },
): Promise<{ waves: PlanOfWave[]; gates: string; watch?: { n: number; seconds: number } }> {
  const settings = gateSettingsOf(context.settings);
  const { outside } = context.system;
  const racks = (await outside?.racks()) ?? {};
  const nodes = (await context.driver.targets())
    .filter(({ name }) => !leftOut.includes(name))
    .map((node) => ({ ...(racks[node.name] !== undefined && { rack: racks[node.name]! }), ...node }));
  const changed = nodes.filter(({ name }) => targets.some((target) => target.name === name));
  const active = await context.system.goesLast();
  const planned =
    changed.length > 0
      ? planWaves(changed, {
          firstOne: settings.firstOne,
          share: shareOf(settings.share, nodes, changed),
          activeController: active,
        })
      : [{ targets: already, why: 'every node runs it already' }];
  const shapes = shapesOf(nodes, planned);
  const seconds = changed.length > 0 ? settings.watchSeconds : 0;
  const waves = planned.map((wave, index): WaveToPlan => ({ ...wave, shape: shapes[index]! }));
  const all = nodes.map(({ name }) => name);
  const watch: WaveToPlan = { targets: all, why: 'the watch after the last wave', shape: WATCH };
  await planWavesOf(context.db, { rollout, release, attempt }, seconds > 0 ? [...waves, watch] : waves);
  return {
    ...(seconds > 0 && { watch: { n: waves.length + 1, seconds } }),
    waves: planned.map((wave, index) => ({ n: index + 1, ...wave })),
    gates: [profileWords(profileFor(settings, { kind: 'one node', firstServing: true })), outside?.figures]
      .filter((words) => words !== undefined)
      .join('; '),
  };
}

/** A share of all that serve, though some of them run it already. */
function shareOf(share: number, all: readonly TargetInfo[], changed: readonly TargetInfo[]): number {
  const serving = (nodes: readonly TargetInfo[]) => nodes.filter(({ roles }) => roles.join() !== 'controller').length;
  return Math.min(1, (share * serving(all)) / Math.max(1, serving(changed)));
}

/** G5: what was rolled back or froze anywhere is held everywhere, until a person lets it go. */
async function heldAnywhere(deps: RolloutDeps, { candidate }: Order): Promise<string[]> {
  const past = await pastRolloutsOf(deps.db, candidate.digest);
  return g5HoldsArtifact(candidate.digest, past).map(({ rule, reason }) => `${rule}: ${reason}`);
}

/** An environment that was never brought up is no failure to retry: a person has to do it. */
async function openOrWhyNot(deps: RolloutDeps, order: Order): Promise<RolloutContext | string> {
  // Read first: a store that is away is worth a retry.
  await deps.settings(order.settings);
  try {
    return await openContext(deps, order);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Production takes only what its upstream environment verified: the store must say so, now. */
async function notVerifiedUpstream({ db, settings }: RolloutDeps, order: Order): Promise<string[]> {
  const { candidate, environment } = order;
  const path = (await settings(order.settings)).forks[candidate.fork]?.release.environments ?? [];
  const upstream = path[path.indexOf(environment) - 1];
  if (upstream === undefined || (await isVerifiedIn(db, upstream, candidate.digest))) return [];
  return [
    `${environment} takes only what ${upstream} has verified, and ${upstream} has promoted no roll-out of ${candidate.version} (${candidate.digest.slice(0, 12)})`,
  ];
}

function unfit({ name, state, strangers }: TargetFacts): string[] {
  if (state === 'unknown' && strangers.length === 0) return [`${name} was never laid out; run: patchwright env up`];
  return strangers;
}

/** Taken down as a whole, and not by this roll-out: only a person brings it up, so there is nothing to wait for. */
function isDown(facts: readonly TargetFacts[], ledger: readonly LedgerEntry[]): boolean {
  const ours = ledger.some(({ state }) => state === 'intent' || state === 'changed');
  return !ours && facts.every(({ state }) => state !== 'running');
}

function missingArtifacts({ settings }: RolloutContext, { name }: TargetFacts, candidate: Build): string[] {
  return placedNames(settings, name)
    .filter((wanted) => !candidate.artifacts.some((artifact) => artifact.name === wanted))
    .map((wanted) => `the candidate has no artifact ${wanted}, which ${name} takes`);
}

type NodeToPlan = { name: string; fact: TargetFacts; to: Installed; need: Need };

/** All are asked what they run before the first is planned. */
function nodesOf(
  context: RolloutContext,
  candidate: Build,
  { facts, before }: { facts: readonly TargetFacts[]; before: readonly LedgerEntry[] },
): Promise<NodeToPlan[]> {
  return Promise.all(
    facts.map(async (fact) => {
      const to = installedBy(context, candidate, fact.name);
      const entry = before.find(({ target }) => target === fact.name);
      return { name: fact.name, fact, to, need: await needOf(context, { fact, to, entry }) };
    }),
  );
}

type One = NodeToPlan & { order: Order; attempt: number; position: number; leaders: LedgerEntry['leaders'] };

async function planOne(context: RolloutContext, { order, attempt, position, fact, to, need, leaders }: One) {
  const { rollout } = order;
  // Of an attempt that was cut off: its intent stands, and is carried on.
  if (need.kind === 'open') return { already: false, from: need.entry.from, to: need.entry.to };
  if (need.kind === 'done') return { already: true, from: need.entry.from, to };
  const from: Installed = { artifacts: fact.artifacts, ...(await buildOf(context.db, fact.artifacts)) };
  const key = { rollout, target: fact.name, direction: 'forward' as const };
  const effect = `${rollout}${attempt > 1 ? `@${attempt}` : ''}/${fact.name}/change`;
  const seen = seenProcess(fact);
  await planTarget(context.db, { ...key, position, key: effect, from, to, seen, leaders }, { anew: true });
  if (need.kind === 'restart') return { already: false, from, to };
  await markDone(context.db, key, need.readBack);
  await keepRunning(context.db, order.environment, fact.name, { ...to, rollout });
  return { already: true, from, to };
}

/**
 * Plans to put back what this roll-out changed or began to change: the artifact from before, on each node
 * that it has touched. Returns the nodes. Safe to repeat: a plan that is there stays.
 */
export async function planRollBack(deps: RolloutDeps, order: Order): Promise<RollBackPlan> {
  const context = await openContext(deps, order);
  const ledger = await ledgerOf(deps.db, order.rollout);
  const facts = await allFacts(context.driver);
  const attempt = (await openRollout(deps.db, order, order.settings)).attempt;
  const targets: string[] = [];
  for (const entry of ledger.filter(({ direction }) => direction === 'forward')) {
    const fact = facts.find(({ name }) => name === entry.target);
    const touched = entry.state !== 'planned' && !holds(entry.from, entry.to.artifacts);
    if (!fact || !touched) continue;
    // Refused to stop, and still runs what it ran: there is nothing to put back.
    const same = entry.before !== undefined && isSameProcess(fact, entry.before);
    const untouched = same && holds(fact, entry.from.artifacts);
    if (untouched) continue;
    const effect = `${order.rollout}${attempt > 1 ? `@${attempt}` : ''}/${entry.target}/put-back`;
    const plan = { rollout: order.rollout, target: entry.target, direction: 'back' as const, position: entry.position };
    await planTarget(
      deps.db,
      { ...plan, key: effect, from: entry.to, to: entry.from, seen: seenProcess(fact) },
      { anew: false },
    );
    targets.push(entry.target);
  }
  return { attempt, targets, blockedSeconds: context.rules.blockedSeconds };
}
