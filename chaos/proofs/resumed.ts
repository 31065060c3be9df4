import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readCluster } from '../../activities/deploy/layout.ts';
import type { Report } from '../../report/report.ts';
import { parseEvents } from '../../runner/event-log.ts';
import type { World } from '../world.ts';

/**
 * What was interrupted was resumed, by the process table: every build, every test runner and the traffic were
 * launched once; every node once at its beginning, once for each release, and once for each time that we
 * brought it back.
 */
export function proveLaunches(world: World, releases: number): string[] {
  const problems: string[] = [];
  for (const dir of world.witness.folders()) {
    const times = world.witness.launches(dir).length;
    const wanted = nodeOf(world, dir) === undefined ? 1 : 1 + releases + broughtBack(world, dir);
    if (times !== wanted)
      problems.push(`${dir.slice(world.data.length + 1)} was launched ${times} times, not ${wanted}`);
  }
  for (const environment of world.ground.environments) {
    for (const { name } of readCluster(world.data, environment)?.targets ?? []) {
      if (world.witness.launches(join(world.data, 'env', environment, 'nodes', name)).length === 0)
        problems.push(`${environment}/${name} was never seen being launched`);
    }
  }
  return problems;
}

function nodeOf(world: World, dir: string): string | undefined {
  const match = /^env\/([^/]+)\/nodes\/([^/]+)$/.exec(dir.slice(world.data.length + 1));
  return match ? `${match[1]}/${match[2]}` : undefined;
}

const broughtBack = (world: World, dir: string) => world.broughtBack.get(nodeOf(world, dir) ?? '') ?? 0;

/** Each unit of each suite ran once to its end, by the event logs on disk; and the report says the same. */
export function proveSuites(world: World, report: Report): string[] {
  const problems: string[] = [];
  for (const suite of report.candidates[0]?.suites ?? []) {
    const { name, units, executions, repeated, slots } = suite;
    const folder = join(world.data, 'runs', report.release, '1', name);
    const ended = endedUnits(folder);
    const twice = [...ended].filter(([, times]) => times > 1).map(([unit]) => unit);
    if (twice.length > 0) problems.push(`${name}: ran again after they had ended: ${twice.slice(0, 10).join(', ')}`);
    if (ended.size !== units) problems.push(`${name}: ${ended.size} units have ended on disk, ${units} were planned`);
    if (repeated !== 0) problems.push(`${name}: the report says ${repeated} repeated units`);
    if (executions !== units) problems.push(`${name}: the report says ${executions} executions of ${units} units`);
    const runners = world.witness.folders().filter((dir) => dir.startsWith(`${folder}/slot-`)).length;
    if (runners > slots) problems.push(`${name}: ${runners} runners for ${slots} slots`);
  }
  return problems;
}

/** Units of the suite proper (no single test, the candidate's side), by how often their end was written down. */
function endedUnits(folder: string): Map<string, number> {
  const ended = new Map<string, number>();
  const slots = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('slot-')) : [];
  for (const slot of slots) {
    const file = join(folder, basename(slot), 'events.jsonl');
    const events = parseEvents(existsSync(file) ? readFileSync(file, 'utf8') : '');
    const begun = new Map(events.flatMap((event) => (event.type === 'unit' ? [[event.exec, event] as const] : [])));
    for (const event of events) {
      const unit = event.type === 'end' ? begun.get(event.exec) : undefined;
      if (unit && unit.test === undefined && unit.arm === 'candidate')
        ended.set(unit.unit, (ended.get(unit.unit) ?? 0) + 1);
    }
  }
  return ended;
}

/** Every effect is done, under one intent: one change a node, three references, one post a message. */
export function proveEffects(world: World, report: Report): string[] {
  const problems = report.effects
    .filter(({ state }) => state !== 'done')
    .map(({ key, state, reason }) => `effect ${key} is ${state}${reason ? `: ${reason}` : ''}`);
  const nodes = world.ground.environments.flatMap((name) => readCluster(world.data, name)?.targets ?? []).length;
  const wanted = { 'node-change': nodes, 'slack-post': report.thread.length, 'node-put-back': 0 };
  for (const [kind, count] of Object.entries(wanted)) {
    const found = report.effects.filter((effect) => effect.kind === kind).length;
    if (found !== count) problems.push(`${found} effects of the kind ${kind}, not ${count}`);
  }
  return problems;
}
