import { setTimeout as sleep } from 'node:timers/promises';
import type { Patchwright } from '../../test/patchwright.ts';

/** Of the newest release; undefined while it runs. */
export async function outcomeOf(patchwright: Patchwright): Promise<string | undefined> {
  return (await patchwright.json<{ outcome: { kind: string } | null }>('report', 'latest')).outcome?.kind;
}

export async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 180_000;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(250);
  }
}
