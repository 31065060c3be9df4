import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';

// Real servers on a machine that does other things too: a time limit only ends a test that hangs.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** A folder of the test's own, gone when it has finished. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pw-services-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Waits for a fact of the outside world; the test's own time limit ends a wait in vain. */
export async function until(fact: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await fact())) await sleep(20);
}
