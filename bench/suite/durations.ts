import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * What every method of all of kafka-clients 3.6.2 took in a real run, and what a class took beside its methods.
 * Seconds, by class and by `method(params)`. `npm run bench -- suite --real --record` makes it anew.
 *
 * The file that is here was recorded by two slot runners on two busy cores (2 GB heaps, serial collector), before the
 * time that a method needs to make its arguments was counted with the method: `SslTransportLayerTest` has 56 s of it
 * beside its methods. `jvmStartSeconds` is what a new JVM costs a small class here (kafka.md).
 */
export type Durations = {
  jvmStartSeconds: number;
  classes: Record<string, { overhead: number; methods: Record<string, number> }>;
};

export const DURATIONS_FILE = fileURLToPath(
  new URL('../data/kafka-clients-3.6.2-method-seconds.json', import.meta.url),
);

export function readDurations(file = DURATIONS_FILE): Durations {
  return JSON.parse(readFileSync(file, 'utf8')) as Durations;
}

/** One class a line: a new recording shows what changed. */
export function writeDurations({ jvmStartSeconds, classes }: Durations, file = DURATIONS_FILE): void {
  const lines = Object.entries(classes).map(([unit, one]) => `${JSON.stringify(unit)}:${JSON.stringify(one)}`);
  writeFileSync(file, `{"jvmStartSeconds":${jvmStartSeconds},"classes":{\n${lines.join(',\n')}\n}}\n`);
}

export type Method = { id: string; seconds: number };
export type Class = { unit: string; overhead: number; methods: Method[]; seconds: number };

export function classesOf({ classes }: Durations): Class[] {
  return Object.entries(classes).map(([unit, { overhead, methods }]) => {
    // A method of a nested class has its whole name.
    const id = (name: string) => (name.includes('#') ? name : `${unit}#${name}`);
    const list = Object.entries(methods).map(([name, seconds]) => ({ id: id(name), seconds }));
    return { unit, overhead, methods: list, seconds: list.reduce((sum, one) => sum + one.seconds, overhead) };
  });
}
