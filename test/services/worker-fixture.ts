// A worker: says that it serves, notes what it was given, and ends when it is told to.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { announceReady } from '../../lib/ready-file.ts';

const { PATCHWRIGHT_DATA = '', PATCHWRIGHT_ROLE = '', PATCHWRIGHT_READY_FILE = '' } = process.env;
if (PATCHWRIGHT_ROLE === 'broken') throw new Error('this worker is broken');
writeFileSync(
  join(PATCHWRIGHT_DATA, `${PATCHWRIGHT_ROLE}.given`),
  JSON.stringify({
    args: process.argv.slice(2),
    databaseUrl: process.env.PATCHWRIGHT_DATABASE_URL,
    temporalAddress: process.env.PATCHWRIGHT_TEMPORAL_ADDRESS,
  }),
);
if (PATCHWRIGHT_ROLE === 'deaf') process.on('SIGTERM', () => undefined);
else process.on('SIGTERM', () => process.exit(0));
setInterval(() => undefined, 60_000);
announceReady(PATCHWRIGHT_READY_FILE);
