import { describeEnd } from './home.ts';
import { type JvmEvent, type JvmOptions, startJvm } from './jvm.ts';
import { BrokenRunner } from './protocol.ts';

export type FoundUnit = { unit: string; methods: number; problem?: string };

/** The test classes of some jars as JUnit finds them, in one JVM run. Sorted by name. */
export async function discoverUnits(options: JvmOptions, jars: readonly string[]): Promise<FoundUnit[]> {
  const units = new Map<string, FoundUnit>();
  await ask(options, ['discover', ...jars], (event) => {
    if (event.e !== 'unit') return;
    const { c: unit, methods, m: problem } = event;
    units.set(unit, { unit, methods, ...(problem === undefined ? {} : { problem }) });
  });
  return [...units.values()].sort((a, b) => (a.unit < b.unit ? -1 : 1));
}

/** `methods`: `class#method(params)`, sorted. `whole`: why the class must not be divided (`@TestMethodOrder`). */
export type FoundMethods = { methods: string[]; whole?: string };

/** The methods of some classes, in one JVM run. A class that cannot be loaded has none. */
export async function discoverMethods(
  options: JvmOptions,
  classes: readonly string[],
): Promise<Map<string, FoundMethods>> {
  const found = new Map<string, FoundMethods>(classes.map((name) => [name, { methods: [] }]));
  await ask(options, ['methods', ...classes], (event) => {
    const known = 'c' in event ? found.get(event.c) : undefined;
    if (event.e === 'method') known?.methods.push(event.t);
    if (event.e === 'whole' && known) known.whole = event.m;
  });
  for (const { methods } of found.values()) methods.sort();
  return found;
}

async function ask(options: JvmOptions, words: string[], onEvent: (event: JvmEvent) => void): Promise<void> {
  const jvm = await startJvm(options);
  const problems: string[] = [];
  try {
    const end = await jvm.command(words, {
      onEvent: (event) => {
        if (event.e === 'broken') problems.push(event.m);
        onEvent(event);
      },
      onOutput: () => {},
    });
    if (end) problems.push(`the JVM ended (${describeEnd(end)})`);
  } finally {
    await jvm.close();
  }
  if (problems.length > 0) throw new BrokenRunner(`the test classes cannot be listed: ${problems.join('; ')}`);
}
