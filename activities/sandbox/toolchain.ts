import { existsSync, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import type { ReadOnlyBind } from './types.ts';

export interface Toolchain {
  shown: ReadOnlyBind[];
  /** To stand behind the PATH inside: where a program is that the PATH finds through a link. */
  path: string[];
}

// Shown to everybody already.
const SYSTEM = /^\/(usr|bin|sbin|lib|lib32|lib64|libx32)(\/|$)/;

/**
 * Where these programs of the PATH live, as far as that is not the system: a JDK below /opt, a Maven in a
 * home folder. A tool is shown whole (`bin` and what lies beside it), and by the name that the PATH has for it.
 */
export function toolchainOf(
  programs: readonly string[],
  env: Readonly<Record<string, string>>,
  home: string,
): Toolchain {
  const found = [...new Set(programs)].flatMap((program) => onPath(program, env) ?? []);
  const shown = new Map<string, string>();
  const path = new Set<string>();
  for (const file of found) {
    const real = realpathSync(file);
    if (SYSTEM.test(real)) continue;
    const whole = homeOf(real, home);
    shown.set(whole, whole);
    path.add(dirname(real));
    // The folder of the PATH may itself be a link (`current`, `default`).
    if (realpathSync(dirname(file)) === dirname(real) && !SYSTEM.test(file)) {
      shown.set(whole === dirname(real) ? dirname(file) : dirname(dirname(file)), whole);
    }
  }
  const javaHome = env.JAVA_HOME;
  if (javaHome !== undefined && existsSync(javaHome) && !SYSTEM.test(realpathSync(javaHome))) {
    shown.set(javaHome, realpathSync(javaHome));
  }
  return { shown: [...shown].map(([target, source]) => ({ source, target })), path: [...path] };
}

/** `bin` with a `lib` beside it is one thing; a folder of the user's with programs of all kinds is not. */
function homeOf(program: string, home: string): string {
  const folder = dirname(program);
  const whole = dirname(folder);
  const isTool = basename(folder) === 'bin' && existsSync(join(whole, 'lib'));
  return isTool && ![home, join(home, '.local'), '/', '/opt'].includes(whole) ? whole : folder;
}

function onPath(program: string, env: Readonly<Record<string, string>>): string | undefined {
  if (isAbsolute(program)) return existsSync(program) ? program : undefined;
  if (program.includes('/')) return undefined;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file));
}
