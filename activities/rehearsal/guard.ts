// Ends a throw-away cluster whose worker died, or whose time is over: node guard.ts FOLDER
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isInUse, ownedBy, purge } from './leftovers.ts';

const LOOK_MS = 500;
/** A launcher that was under way when its worker died writes into the folder once more. */
const LAUNCH_MS = 2_000;

const dir = process.argv[2] ?? '';
for (let owned = ownedBy(dir); owned !== undefined; owned = ownedBy(dir)) {
  if (!isInUse(owned)) {
    await purge(dir);
    await sleep(LAUNCH_MS);
    if (existsSync(dir)) await purge(dir);
  }
  await sleep(LOOK_MS);
}
