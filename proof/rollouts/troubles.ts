import { setTimeout as sleep } from 'node:timers/promises';
import type { RolloutOutcome } from '../../workflows/types.ts';
import type { Ground } from './cluster.ts';
import type { EnvironmentName } from './environments.ts';
import type { Case } from './faults.ts';
import { NODE_TROUBLES } from './node-troubles.ts';
import { TOPIC_TROUBLES } from './topic-troubles.ts';
import { VERSION_TROUBLES } from './version-troubles.ts';

type Kind = RolloutOutcome['kind'];

/** Something that happens to the cluster, and is not the candidate's fault; the candidate is harmless. */
export type Trouble = Case & {
  kind: 'trouble';
  environment?: EnvironmentName;
  /** What the roll-out may end with, and what one of its reasons says then. */
  expected: Kind[];
  because?: RegExp;
  /** Nodes that the candidate may reach, at most. */
  reaches?: number;
  before?: (ground: Ground) => Promise<void>;
  /** While its first wave bakes. */
  meanwhile?: (ground: Ground) => Promise<void>;
  /** After it was promoted, while it is still watched: then what the watch makes of it is the outcome. */
  inTheWatch?: (ground: Ground) => Promise<void>;
  /** Puts the cluster right. */
  after?: (ground: Ground) => Promise<unknown>;
  /** What every node is to hold by then, where that is not the candidate. */
  holds?: () => string[];
  /** The same release asked for once more after that, and what it has to end with. */
  again?: Kind;
};

const WORKER: Trouble[] = [
  away('worker-away', 60_000),
  // As long as the requirement says.
  away('worker-away-ten-minutes', 600_000),
];

function away(id: string, ms: number): Trouble {
  return {
    ...{ id, kind: 'trouble', expected: ['promoted'] },
    async meanwhile({ fixture }) {
      await fixture.worker.kill();
      await sleep(ms);
      await fixture.worker.start();
    },
  };
}

export const TROUBLES: Trouble[] = [...TOPIC_TROUBLES, ...NODE_TROUBLES, ...VERSION_TROUBLES, ...WORKER];
