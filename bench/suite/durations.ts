import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * What every method of all of kafka-clients 3.6.2 took in a real run (2 GB heaps, two JVMs on two cores), and what a
 * class took beside its methods. Seconds, by class and by `method(params)`.
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

export type Method = { id: string; seconds: number };
export type Class = { unit: string; overhead: number; methods: Method[]; seconds: number };

export function classesOf({ classes }: Durations): Class[] {
  return Object.entries(classes).map(([unit, { overhead, methods }]) => {
    const list = Object.entries(methods).map(([name, seconds]) => ({ id: `${unit}#${name}`, seconds }));
    return { unit, overhead, methods: list, seconds: list.reduce((sum, one) => sum + one.seconds, overhead) };
  });
}
