import type { RuleFinding } from '../workflows/types.ts';
import type { WaveKind } from './gate/profile.ts';
import { few } from './kafka-rules/snapshot.ts';

/** What a plan needs to know of a node. Roles as its system has them; a rack of `undefined` is none. */
export type WaveNode = { name: string; roles: readonly string[]; rack?: string | undefined };

/**
 * `share`: how much of the serving nodes one wave may hold, 0 to 1; a single node is always allowed.
 * `activeController`: who leads the quorum while the plan is made; its rack comes last, and it never goes first (K3).
 */
export type WaveRules = { firstOne: boolean; share: number; activeController?: string | undefined };

/** Targets that are judged together, though they go one after another; `why` is shown before the roll-out starts. */
export type PlannedWave = { targets: string[]; why: string };

/** G2's third. */
export const MOST_OF_CAPACITY = 1 / 3;

const ALONE = 'one node alone';

const isControlOnly = ({ roles }: WaveNode) => roles.includes('controller') && !roles.includes('broker');

/**
 * Waves of a roll-out (G2, K3, K14): nodes that only control go first, one alone and then the others, since they
 * serve nobody and a quorum guards them one by one (K4). Of those that serve: one alone, then rack after rack, the
 * first one's first, none of them more than the share. Nodes without a rack are cut by share alone. Order within
 * a wave is K3's, read again at every step.
 */
export function planWaves(nodes: readonly WaveNode[], { firstOne, share, activeController }: WaveRules): PlannedWave[] {
  const last = ({ name }: WaveNode) => (name === activeController ? 1 : 0);
  const ordered = nodes.toSorted((a, b) => last(a) - last(b));
  const control = ordered.filter(isControlOnly);
  const serving = ordered.filter((node) => !isControlOnly(node));
  return [
    ...first(control, firstOne, 'the first controller'),
    ...some(rest(control, firstOne), 'the other controllers, one by one'),
    ...first(serving, firstOne, ALONE),
    ...byRack(serving, { firstOne, share, activeController }),
  ];
}

const rest = (nodes: readonly WaveNode[], firstOne: boolean) => (firstOne ? nodes.slice(1) : [...nodes]);

function first([one]: readonly WaveNode[], firstOne: boolean, why: string): PlannedWave[] {
  return firstOne && one ? [{ targets: [one.name], why }] : [];
}

const some = (nodes: readonly WaveNode[], why: string): PlannedWave[] =>
  nodes.length > 0 ? [{ targets: nodes.map(({ name }) => name), why }] : [];

function byRack(serving: readonly WaveNode[], { firstOne, share, activeController: active }: WaveRules): PlannedWave[] {
  const most = Math.max(1, Math.floor(serving.length * share + 1e-9));
  const own = serving[0]?.rack;
  const racks = [...Map.groupBy(rest(serving, firstOne), ({ rack }) => rack)].sort(([a, ofA], [b, ofB]) => {
    const leads = Number(ofA.some(({ name }) => name === active)) - Number(ofB.some(({ name }) => name === active));
    if (leads !== 0) return leads;
    if (a === own || b === own) return a === own ? -1 : 1;
    return (a ?? '\uffff') < (b ?? '\uffff') ? -1 : 1;
  });
  return racks.flatMap(([rack, members]) => {
    const parts = Math.ceil(members.length / most);
    // Even parts, so that the last wave is not a remainder of one.
    const size = Math.ceil(members.length / parts);
    return Array.from({ length: parts }, (_, part) => ({
      targets: members.slice(part * size, (part + 1) * size).map(({ name }) => name),
      why: `${rack === undefined ? 'nodes without a rack' : `rack ${rack}`}${parts > 1 ? `, part ${part + 1} of ${parts}` : ''}`,
    })).filter(({ targets }) => targets.length > 0);
  });
}

/** Which kind of wave each is, which decides how long it bakes; the first serving node alone is where a fault shows first. */
export function shapesOf(
  nodes: readonly WaveNode[],
  waves: readonly { targets: readonly string[] }[],
): { kind: WaveKind; firstServing: boolean }[] {
  const controls = new Set(nodes.filter(isControlOnly).map(({ name }) => name));
  let serving = 0;
  return waves.map(({ targets }, index) => {
    if (targets.every((name) => controls.has(name))) {
      return { kind: index === 0 ? 'one node' : 'later rack', firstServing: false };
    }
    serving += 1;
    if (serving === 1) return { kind: targets.length === 1 ? 'one node' : 'first rack', firstServing: true };
    return { kind: serving === 2 ? 'first rack' : 'later rack', firstServing: false };
  });
}

/**
 * Which wave is next: as planned, but one that holds the active controller now waits for its fellows (K3, read again):
 * controllers for controllers, who serves for who serves, and the first one alone for another that is alone.
 */
export function pickWave<Wave extends { targets: readonly string[]; why: string }>(
  left: readonly Wave[],
  active: string | undefined,
): Wave | undefined {
  const [first] = left;
  if (!first || active === undefined || !first.targets.includes(active)) return first;
  const controls = ({ why }: Wave) => /controllers?\b/.test(why);
  const most = first.why === ALONE ? 1 : Number.POSITIVE_INFINITY;
  const fellow = left
    .slice(1)
    .find(
      (wave) => controls(wave) === controls(first) && !wave.targets.includes(active) && wave.targets.length <= most,
    );
  return fellow ?? first;
}

/** G1: what one wave changes. An image and a configuration at once leave two suspects for one harm. */
export type ChangeKind = 'artifact' | 'configuration' | 'jvm' | 'metadata-version';

/** `name`: of the setting that is another, where it is one. */
export type Change = { target: string; kind: ChangeKind; name?: string };

/**
 * G1: one kind of change per wave. (Confluent CFK, "avoid simultaneous changes".) A roll-out changes artifacts, and a
 * level is raised by a step of its own (`env finalise`); but a node that is restarted also takes what its settings say
 * by then of how it is started.
 */
export function g1OneKindOfChange(changes: readonly Change[]): RuleFinding[] {
  const kinds = [...Map.groupBy(changes, ({ kind }) => kind)];
  if (kinds.length < 2) return [];
  const described = kinds.map(([kind, of]) => {
    const names = [...new Set(of.flatMap(({ name }) => name ?? []))];
    const which = names.length > 0 ? ` (${few(names)})` : '';
    return `${kind}${which} on ${few([...new Set(of.map(({ target }) => target))])}`;
  });
  return [{ rule: 'G1', reason: `restarts would change ${described.join(' and ')}: roll them one after the other` }];
}

/**
 * G2: a wave stays in one rack and in its share of the serving nodes; the first wave that serves is one node.
 * (AWS, Liguori: one AZ or cell at a time, a third of the capacity, one box first.)
 */
export function g2OneCellAtATime(
  nodes: readonly WaveNode[],
  waves: readonly { targets: readonly string[] }[],
  share: number,
): RuleFinding[] {
  const serving = nodes.filter((node) => !isControlOnly(node));
  const members = waves
    .map(({ targets }) => serving.filter(({ name }) => targets.includes(name)))
    .filter((wave) => wave.length > 0);
  const findings: RuleFinding[] = [];
  const say = (reason: string) => findings.push({ rule: 'G2', reason });
  for (const [index, wave] of members.entries()) {
    const names = wave.map(({ name }) => name).join(', ');
    const racks = new Set(wave.map(({ rack }) => rack));
    if (racks.size > 1)
      say(`${names} lie in ${racks.size} racks: ${[...racks].map((rack) => rack ?? 'none').join(', ')}`);
    if (wave.length > 1 && wave.length > serving.length * share + 1e-9) {
      say(
        `${names} are ${wave.length} of ${serving.length} serving nodes; a wave may hold ${Math.round(share * 100)} %`,
      );
    }
    if (index === 0 && wave.length > 1) say(`${names} would go first together; the first wave is one node`);
  }
  return findings;
}
