import { type Fault, type Nature, QUIET } from './world.ts';

/** `clean`: nothing is wrong, and whatever fails is a false alarm. `faulty`: it should. `blind`: it may not pass. */
export type Scenario = { name: string; kind: 'clean' | 'faulty' | 'blind'; nature: Nature; fault: Fault };

const nature = (over: Partial<Nature>): Nature => ({ ...QUIET, ...over });
const SPARSE = nature({ errorShare: 1e-6 });
const ZERO = nature({ errorShare: 0 });
/** What the shifts happen in: all that real nodes do at once. */
const REAL = nature({ autocorrelation: 0.5, levelOffset: 0.05, errorOffset: 0.05, swing: 0.1, ownDrift: 0.005 });

const clean = (name: string, of: Nature): Scenario => ({ name, kind: 'clean', nature: of, fault: {} });
const faulty = (name: string, fault: Fault, of: Nature = QUIET): Scenario => ({
  name,
  kind: 'faulty',
  nature: of,
  fault,
});
const blind = (name: string, missing: Fault['missing']): Scenario => ({
  name,
  kind: 'blind',
  nature: QUIET,
  fault: missing ? { missing } : {},
});

export const SCENARIOS: Scenario[] = [
  clean('clean', QUIET),
  clean('autocorrelated', nature({ autocorrelation: 0.8, errorNoise: 0.3 })),
  clean('offset', nature({ levelOffset: 0.1, errorOffset: 0.1 })),
  clean('drifting', nature({ swing: 0.3, ownDrift: 0.01 })),
  clean('sparse errors', SPARSE),
  clean('zero errors', ZERO),
  clean('many errors in bursts', nature({ errorShare: 5e-3, errorNoise: 0.5, autocorrelation: 0.8 })),
  clean('all of it', REAL),
  faulty('errors 1.5 x', { errors: 1.5 }),
  faulty('errors 2 x', { errors: 2 }),
  faulty('errors 3 x', { errors: 3 }),
  faulty('errors 3 x, all of it', { errors: 3 }, REAL),
  faulty('errors where there were none', { errorShareMore: 2e-5 }, ZERO),
  faulty('level 1.5 x', { level: 1.5 }),
  faulty('level 2 x', { level: 2 }),
  faulty('level 3 x', { level: 3 }),
  faulty('level 1.5 x, all of it', { level: 1.5 }, REAL),
  faulty('variance 3 x', { noise: 3 }),
  blind('figures missing', 'figures'),
  blind('one metric missing', 'errors-and-work'),
  blind('most looks missing', 'looks'),
];
