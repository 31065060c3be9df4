import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Report } from '../../report/report.ts';
import { parseEvents } from '../../runner/event-log.ts';
import type { Kill } from '../kill.ts';
import { secondData, type World } from '../world.ts';

export type SharedSuite = { problems: string[]; executions: number; repeated: number; units: number; byHost: number[] };

/**
 * A suite on two hosts, seen from outside: by the event logs on both disks each unit has ended once; the store has
 * every result; a runner was launched once and once more for each time that it was killed itself, so that it went on
 * through everything else (one that is killed near the end may be left, when the rest goes elsewhere); what ran twice is
 * what such a kill has cut off.
 */
export function proveSharedSuite(world: World, report: Report, kills: readonly Kill[]): SharedSuite {
  const problems: string[] = [];
  const suite = report.candidates[0]?.suites[0];
  if (!suite) return { problems: ['the report has no suite'], executions: 0, repeated: 0, units: 0, byHost: [] };
  const { units, executions, repeated, tests } = suite;
  const folders = [world.data, secondData(world)].map((data) => join(data, 'runs', report.release, '1', suite.name));
  const ended = folders.map(endedUnits);
  const all = ended.flat();
  const twice = [...new Set(all.filter((unit, at) => all.indexOf(unit) !== at))];
  if (twice.length > 0) problems.push(`ran again after they had ended: ${twice.slice(0, 10).join(', ')}`);
  if (new Set(all).size !== units) problems.push(`${new Set(all).size} units have ended on the disks, of ${units}`);
  if (tests.passed !== units || tests.failed > 0)
    problems.push(`the store has ${JSON.stringify(tests)} of ${units} results`);
  if (repeated !== 0) problems.push(`the report says ${repeated} repeated units`);
  const runnerKills = kills.filter(({ target }) => target === 'runner');
  if (executions < units || executions > units + runnerKills.length)
    problems.push(`${executions} executions of ${units} units with ${runnerKills.length} runners killed`);
  if (ended.some((host) => host.length === 0)) problems.push('one of the hosts has run nothing');
  problems.push(...folders.flatMap((folder) => launchedAnew(world, folder, runnerKills, Date.now())));
  return { problems, executions, repeated, units, byHost: ended.map((host) => host.length) };
}

/** A killed worker is back, and its host's lease is taken up or given away, well within this time. */
const TAKEN_UP_MS = 150_000;

function launchedAnew({ witness }: World, folder: string, runnerKills: readonly Kill[], endedMs: number): string[] {
  return witness
    .folders()
    .filter((dir) => dirname(dir) === folder)
    .flatMap((dir) => {
      const times = witness.launches(dir).length;
      const killed = runnerKills.filter(({ what }) => what === dir);
      const late = killed.filter(({ atMs }) => endedMs - atMs < TAKEN_UP_MS);
      const most = 1 + killed.length;
      const fewest = most - late.length;
      if (times >= fewest && times <= most) return [];
      return [`${dir} was launched ${times} times, not ${fewest === most ? most : `${fewest} to ${most}`}`];
    });
}

function endedUnits(folder: string): string[] {
  const logs = existsSync(folder) ? globSync(join(folder, 'slot-*', 'events.jsonl')) : [];
  return logs.flatMap((file) => {
    const events = parseEvents(readFileSync(file, 'utf8'));
    const unitOf = new Map(
      events.flatMap((event) => (event.type === 'unit' ? [[event.exec, event.unit] as const] : [])),
    );
    return events.flatMap((event) => (event.type === 'end' ? [unitOf.get(event.exec) ?? event.exec] : []));
  });
}
