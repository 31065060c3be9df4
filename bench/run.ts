/**
 * `npm run bench -- NAME [options]`: runs `bench/NAME.ts`, which exports `bench`, and ends with one line of JSON:
 * `{"bench": NAME, "figures": {…}, "goals": {…}, "met": true}`. What happens meanwhile is told on stderr.
 * Exit status: 0 every goal is met · 1 one is not · 2 wrong usage · 4 it could not be measured.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** `figures`: what was measured, units in the names. `goals`: what is wanted of them. `met`: of all that were measured. */
export type Measured = { figures: Record<string, unknown>; goals: Record<string, unknown>; met: boolean };
export type Bench = (args: string[]) => Promise<Measured>;

/** The files of this folder that export a bench. */
function benches(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .filter((file) => /^export (async function|const) bench\b/m.test(readFileSync(join(FOLDER, file), 'utf8')))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || !benches().includes(name)) {
    process.stderr.write(`usage: npm run bench -- NAME; there are: ${benches().join(', ') || 'none'}\n`);
    return 2;
  }
  const { bench } = (await import(join(FOLDER, `${name}.ts`))) as { bench: Bench };
  try {
    const { figures, goals, met } = await bench(args);
    process.stdout.write(`${JSON.stringify({ bench: name, figures, goals, met })}\n`);
    return met ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 4;
  }
}

process.exit(await main(process.argv.slice(2)));
