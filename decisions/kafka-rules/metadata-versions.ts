/**
 * Levels of `metadata.version`, and whether a level changed the records of the metadata log. Source: Kafka's
 * MetadataVersion.java of 3.6, 3.8 and 4.1; the next one's levels are added here.
 */
const LEVELS: readonly [level: number, name: string, changesMetadata: boolean][] = [
  [1, '3.0-IV1', true],
  [2, '3.1-IV0', false],
  [3, '3.2-IV0', true],
  [4, '3.3-IV0', false],
  [5, '3.3-IV1', true],
  [6, '3.3-IV2', true],
  [7, '3.3-IV3', true],
  [8, '3.4-IV0', true],
  [9, '3.5-IV0', false],
  [10, '3.5-IV1', false],
  [11, '3.5-IV2', true],
  [12, '3.6-IV0', false],
  [13, '3.6-IV1', true],
  [14, '3.6-IV2', true],
  [15, '3.7-IV0', true],
  [16, '3.7-IV1', false],
  [17, '3.7-IV2', true],
  [18, '3.7-IV3', false],
  [19, '3.7-IV4', false],
  [20, '3.8-IV0', false],
  [21, '3.9-IV0', false],
  [22, '4.0-IV0', false],
  [23, '4.0-IV1', true],
  [24, '4.0-IV2', false],
  [25, '4.0-IV3', false],
  [26, '4.1-IV0', false],
  [27, '4.1-IV1', false],
];

/** The first of a release that finalised it: 3.3 became fit for production, and 4.x starts from it. */
export const FIRST_3_3 = 7;

/** By its name, as configured; undefined for a level that is not known here. */
export const metadataLevel = (name: string): number | undefined => LEVELS.find(([, known]) => known === name)?.[0];

export const metadataNames: readonly string[] = LEVELS.map(([, name]) => name);

export const metadataName = (level: number): string =>
  LEVELS.find(([known]) => known === level)?.[1] ?? `level ${level}`;

/** The first version of Kafka that knows a level, as 3.6; undefined for a level that is not known here. */
export const leastKafkaOf = (level: number): string | undefined =>
  LEVELS.find(([known]) => known === level)?.[1].split('-')[0];

/**
 * The levels in (from, to] that change metadata, by name. Undefined where a level in between is not in the table:
 * what is not known is not safe.
 */
export function metadataChangesBetween(from: number, to: number): string[] | undefined {
  const between = LEVELS.filter(([level]) => level > from && level <= to);
  if (between.length !== to - from) return undefined;
  return between.filter(([, , changes]) => changes).map(([, name]) => name);
}
