import type { RuleFinding } from '../workflows/types.ts';

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
    ...first(serving, firstOne, 'one node alone'),
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

/** G1: what one wave changes. An image and a configuration at once leave two suspects for one harm. */
export type ChangeKind = 'artifact' | 'configuration' | 'jvm' | 'metadata-version';

/** G1: one kind of change per wave. (Confluent CFK, "avoid simultaneous changes".) */
export function g1OneKindOfChange(changes: readonly { target: string; kind: ChangeKind }[]): RuleFinding[] {
  const kinds = [...Map.groupBy(changes, ({ kind }) => kind)];
  if (kinds.length < 2) return [];
  const described = kinds.map(([kind, of]) => `${kind} on ${[...new Set(of.map(({ target }) => target))].join(', ')}`);
  return [{ rule: 'G1', reason: `one wave would change ${described.join(' and ')}: roll them one after the other` }];
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
