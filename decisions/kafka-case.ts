import type { ConfigCase } from '../workflows/fix-types.ts';
import { configKeys } from './kafka-config.ts';

/** What is wrong with a typed failing case, whatever cluster it is for. */
export function caseProblems(found: ConfigCase): string[] {
  if (found.is !== 'value') return [];
  const { resource, key } = found;
  return configKeys(resource.type).includes(key)
    ? []
    : [
        `the failing case reads ${key} of a ${resource.type}, which is none of: ${configKeys(resource.type).join(', ')}`,
      ];
}

export function caseWords(found: ConfigCase): string {
  switch (found.is) {
    case 'value':
      return `${found.key}=${found.value} holds for the ${found.resource.type} ${found.resource.name}`;
    case 'lag':
      return `the group ${found.group} lags by fewer than ${found.below} records${found.topic === undefined ? '' : ` on ${found.topic}`} within ${found.withinSeconds} s`;
    case 'takes-writes':
      return `every partition of ${found.topic} has a leader and enough replicas in sync for acks=all`;
  }
}

/** For the agent that may give one. */
export const CASES_TEXT = `failingCase: what fails now and should hold with the change; it is looked at before and after, and reads only:
{is: value, resource, key, value}: this value holds there (of a topic also where a broker's value decides)
{is: lag, group, topic?, below, withinSeconds}: the group's records to read come below a number in that time
{is: takes-writes, topic}: each partition has a leader and min.insync.replicas in sync`;
