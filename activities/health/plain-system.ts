import type { CommandEnvironmentSettings, ProcessEnvironmentSettings } from '../../config/environment.ts';
import type { Driver } from '../deploy/driver.ts';
import { allFacts, type System } from './system.ts';

const NOTHING = { blocks: [], waived: [] };

/** Plain processes: no rules but that they run. In the order in which they are configured. */
export function plainSystem(settings: ProcessEnvironmentSettings | CommandEnvironmentSettings, driver: Driver): System {
  const notRunning = async () => {
    const facts = await allFacts(driver);
    return facts.filter(({ state }) => state !== 'running');
  };
  return {
    async preflight() {
      const blocks = (await notRunning()).map(({ name, state }) => ({
        rule: 'start',
        reason: `${name} is ${state}; a roll-out starts with every target running`,
      }));
      return { blocks, waived: [] };
    },
    async next(remaining) {
      const [first] = settings.targets.filter(({ name }) => remaining.includes(name));
      if (!first) throw new Error(`none of ${remaining.join(', ')} is configured`);
      return { next: first.name };
    },
    goesLast: async () => undefined,
    canRoll: async () => NOTHING,
    canRollBack: async () => NOTHING,
    mayPutBack: async () => NOTHING,
    ledAsPreferred: async () => ({}),
    keepsFromKilling: async () => undefined,
    async waitsFor(target) {
      const { state } = await driver.facts(target);
      return { waitingFor: state === 'running' ? [] : [`${target} is ${state}`] };
    },
    giveBackLeaders: async () => ({ left: [] }),
    look: async () => ({ unread: [], offline: [], underMinIsr: [], underReplicated: [] }),
    async status() {
      const facts = await allFacts(driver);
      const lines = facts.map(({ name, state, startedAt }) =>
        startedAt === undefined ? `${name}: ${state}` : `${name}: ${state} since ${startedAt}`,
      );
      return { lines, more: [], whole: facts.every(({ state }) => state !== 'unknown') };
    },
    gateMetrics: [],
    gateFigures: async () => ({}),
    leftOut: async () => [],
    readsCommit(target) {
      // A readBack command always tells it.
      if (settings.system === 'command') return true;
      return settings.targets.find(({ name }) => name === target)?.commit !== undefined;
    },
  };
}
