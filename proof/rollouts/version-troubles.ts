import { raiseMetadata, signal } from './cluster.ts';
import type { Trouble } from './troubles.ts';

/** An exit code that no signal of others gives: the node ended by itself. No handler of the JVM catches it. */
const BY_ITSELF = 'SIGALRM';

const NEWEST = '3.6-IV2';

/** K2 before the first node, and K17 before a node is put back. */
export const VERSION_TROUBLES: Trouble[] = [
  {
    // Nobody looked which clients connect.
    ...{ id: 'major-version', kind: 'trouble', version: '4.0.0', expected: ['held'], because: /^K2: .*clients/ },
    reaches: 0,
  },
  {
    ...{ id: 'major-version-looked-at', kind: 'trouble', version: '4.0.0', expected: ['promoted'] },
    environment: 'levels',
  },
  {
    ...{ id: 'watch-takes-back', kind: 'trouble', expected: ['rolled-back'], because: /^in the watch/ },
    environment: 'levels',
    inTheWatch: (ground) => signal(ground, 'node-1', BY_ITSELF),
  },
  {
    // What the nodes ran before knows no such level, and would not start: nothing is put back, and a person is called.
    ...{ id: 'level-raised-in-the-watch', kind: 'trouble', expected: ['frozen'], because: /^node-\d, put back: K17: / },
    environment: 'levels',
    async inTheWatch(ground) {
      await raiseMetadata(ground, NEWEST);
      await signal(ground, 'node-1', BY_ITSELF);
    },
    // As the reason says: forward. What lies on the node is what it ran.
    async after({ fixture, environment }) {
      await fixture.up(environment);
    },
  },
];
