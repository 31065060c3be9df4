import { greeterFork } from './small-fork.ts';

/** The small fork with more nodes and next to no suite: of its releases nearly everything is roll-out. */
export const rolloutFork = greeterFork({
  staging: ['one', 'two', 'three'],
  production: ['a', 'b', 'c', 'd'],
  units: ['north'],
  meanGapMs: 2_500,
});
