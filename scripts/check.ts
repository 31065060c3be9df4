/** `npm run check`: types, lint, format; the schema that editors read is the one that the code checks. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { settingsJsonSchema } from '../config/json-schema.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const fix = process.argv.includes('--fix');

function step(name: string, command: string, args: string[]): boolean {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  process.stdout.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}\n`);
  return status === 0;
}

function schema(): boolean {
  const file = `${ROOT}/patchwright.schema.json`;
  const wanted = `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`;
  if (fix) writeFileSync(file, wanted);
  const same = readFileSync(file, 'utf8') === wanted;
  process.stdout.write(
    `${same ? 'ok  ' : 'FAIL'} patchwright.schema.json${same ? '' : ' is not what config/schema.ts says: npm run check -- --fix'}\n`,
  );
  return same;
}

const results = [
  step('types', 'tsc', ['-p', '.']),
  step('lint and format', 'biome', fix ? ['check', '--write', '.'] : ['check', '.']),
  schema(),
];
process.exit(results.every(Boolean) ? 0 : 1);
