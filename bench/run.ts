/** `npm run bench -- NAME [options]`: runs `bench/NAME.ts`, which exports `bench` (lib/measured-run.ts). */
import { fileURLToPath } from 'node:url';
import { type Measurement, runMeasured } from '../lib/measured-run.ts';

export type { Measured } from '../lib/measured-run.ts';
export type Bench = Measurement;

process.exit(await runMeasured('bench', fileURLToPath(new URL('.', import.meta.url)), process.argv.slice(2)));
