import { describeExit, type JvmOptions, startJvm } from './jvm.ts';
import { BrokenRunner } from './protocol.ts';

export type FoundUnit = { unit: string; methods: number; problem?: string };

/** The test classes of some jars as JUnit finds them, in one JVM run. Sorted by name. */
export async function discoverUnits(options: JvmOptions, jars: readonly string[]): Promise<FoundUnit[]> {
  const jvm = await startJvm(options);
  const units = new Map<string, FoundUnit>();
  const problems: string[] = [];
  try {
    const exit = await jvm.command(['discover', ...jars], {
      onEvent: (event) => {
        if (event.e === 'unit')
          units.set(event.c, {
            unit: event.c,
            methods: event.methods,
            ...(event.m === undefined ? {} : { problem: event.m }),
          });
        if (event.e === 'broken') problems.push(event.m);
      },
      onOutput: () => {},
    });
    if (exit) problems.push(`the JVM ended (${describeExit(exit)})`);
  } finally {
    await jvm.kill();
  }
  if (problems.length > 0) throw new BrokenRunner(`the test classes cannot be listed: ${problems.join('; ')}`);
  return [...units.values()].sort((a, b) => (a.unit < b.unit ? -1 : 1));
}
