import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { textsOf } from '../scripts/histories/neutral.ts';
import * as workflows from '../workflows/index.ts';

/**
 * Histories of real runs (scripts/record-histories.ts), replayed with the workflows as they are now. One that asks for
 * another step than the history holds would break what runs on somebody's machine at this moment: `patched()` keeps
 * the old path. A recording of a newer shape lies in a folder of its own day beside the older ones, which stay.
 */
const FOLDER = fileURLToPath(new URL('./histories/', import.meta.url));

type Event = { eventType: string; [attributes: string]: unknown };
type Recorded = { workflowId: string; history: { events: Event[] } };

const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'))
  .sort();

/** Workflows of which no version has landed yet: their shape may still change, and none runs on anybody's machine. */
const NOT_LANDED: string[] = [];
const read = (name: string) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Recorded;

let workflowBundle: { code: string };
const quiet = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
function nothing(): void {}

beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'temporal_sdk_core=ERROR' } },
  });
  const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: quiet });
});

async function replay({ workflowId, history }: Recorded): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle }, history, workflowId);
}

describe('what was begun with an older version', () => {
  test.each(names)('%s goes on with this one', async (name) => {
    await replay(read(name));
  });

  test('is recorded of every workflow', () => {
    const types = names.map((name) => startedOf(read(name)).workflowType.name);
    expect([...new Set([...types, ...NOT_LANDED])].sort()).toEqual(Object.keys(workflows).sort());
  });

  test.each([
    ['another activity', 'recordBuilt', 'recordBuilds'],
    ['another child', '"suite"', '"suites"'],
  ])('does not go on where a workflow asks for %s', async (_what, was, is) => {
    const name = 'release-released.json';
    const text = readFileSync(join(FOLDER, name), 'utf8');
    expect(text).toContain(was);
    await expect(replay(JSON.parse(text.replaceAll(was, is)))).rejects.toThrow(/nondeterminism|TMPRL1100/i);
  });

  test('does not go on where a step was dropped', async () => {
    const recorded = read('release-released.json');
    await expect(replay(withoutLastActivity(recorded))).rejects.toThrow(/nondeterminism|TMPRL1100/i);
  });

  test('names no machine', () => {
    const suspicious = /\/(work|root|home)\//;
    const found = names.flatMap((name) =>
      textsOf(read(name) as never)
        .filter((text) => suspicious.test(text))
        .map((text) => `${name}: ${text.slice(0, 200)}`),
    );
    expect(found).toEqual([]);
  });
});

function startedOf({ history }: Recorded) {
  return history.events[0]?.workflowExecutionStartedEventAttributes as { workflowType: { name: string } };
}

/** As if the workflow had one step more than when it was recorded. */
function withoutLastActivity({ workflowId, history }: Recorded): Recorded {
  const { events } = history;
  const last = events.findLastIndex(({ eventType }) => eventType === 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED');
  const ended = events.at(-1);
  if (last < 0 || ended === undefined) throw new Error(`${workflowId} has no activity`);
  // Everything up to the decision before it, then the end.
  return { workflowId, history: { events: [...events.slice(0, last), { ...ended, eventId: String(last + 1) }] } };
}
