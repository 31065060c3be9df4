import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `figures`: what was measured, units in the names. `goals`: what is wanted of them. `met`: of all that were measured. */
export type Measured = { figures: Record<string, unknown>; goals: Record<string, unknown>; met: boolean };
export type Measurement = (args: string[]) => Promise<Measured>;

/**
 * Runs `FOLDER/NAME.ts`, which exports a function named `kind`, and ends with one line of JSON on standard output:
 * `{KIND: NAME, "figures": {…}, "goals": {…}, "met": true}`. What happens meanwhile is told on stderr.
 * Returns the exit status: 0 every goal is met · 1 one is not · 2 wrong usage · 4 it could not be measured.
 */
export async function runMeasured(kind: string, folder: string, [name, ...args]: string[]): Promise<number> {
  const known = measurements(kind, folder);
  if (name === undefined || !known.includes(name)) {
    process.stderr.write(`usage: npm run ${kind} -- NAME; there are: ${known.join(', ') || 'none'}\n`);
    return 2;
  }
  const found = (await import(join(folder, `${name}.ts`))) as Record<string, Measurement>;
  try {
    const measured = await found[kind]?.(args);
    if (measured === undefined) throw new Error(`${name} measured nothing`);
    const { figures, goals, met } = measured;
    process.stdout.write(`${JSON.stringify({ [kind]: name, figures, goals, met })}\n`);
    return met ? 0 : 1;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')) {
      process.stderr.write(`${(error as Error).message}\n`);
      return 2;
    }
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 4;
  }
}

/** The files of the folder that export one. */
function measurements(kind: string, folder: string): string[] {
  const exported = new RegExp(`^export (async function|const) ${kind}\\b`, 'm');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .filter((file) => exported.test(readFileSync(join(folder, file), 'utf8')))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}
