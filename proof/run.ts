/** `npm run proof -- NAME [options]`: runs `proof/NAME.ts`, which exports `proof` (lib/measured-run.ts). */
import { fileURLToPath } from 'node:url';
import { type Measurement, runMeasured } from '../lib/measured-run.ts';

export type { Measured } from '../lib/measured-run.ts';
export type Proof = Measurement;

process.exit(await runMeasured('proof', fileURLToPath(new URL('.', import.meta.url)), process.argv.slice(2)));
