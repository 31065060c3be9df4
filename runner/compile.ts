import { createHash, randomUUID } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../lib/run.ts';

const SOURCES = fileURLToPath(new URL('./java/', import.meta.url));
/** What the Java runner is compiled against, found among the suite's own jars: it must match what it runs with. */
const NEEDED = ['junit-platform-launcher', 'junit-platform-engine', 'junit-platform-commons'];
const ALSO = ['opentest4j', 'apiguardian-api'];

/** @throws a sentence that says which jar a suite's class path lacks. */
export function launcherJars(classpath: readonly string[]): string[] {
  const find = (name: string) => classpath.find((jar) => basename(jar).startsWith(`${name}-`));
  const missing = NEEDED.filter((name) => !find(name));
  const standalone = find('junit-platform-console-standalone');
  if (missing.length > 0 && !standalone) {
    throw new Error(
      `the class path lacks ${missing.join(', ')}: put org.junit.platform:junit-platform-launcher into one of its libraries`,
    );
  }
  return [...NEEDED, ...ALSO]
    .map(find)
    .concat(standalone)
    .filter((jar) => jar !== undefined);
}

/**
 * The folder with the compiled Java runner: compiled once per source and launcher version, then found in `cacheDir`
 * (`runner/<hash>`). Safe to call several times at once, by one process or by several.
 */
export async function compileRunner(options: {
  cacheDir: string;
  classpath: readonly string[];
  javac: string;
  env: Record<string, string>;
}): Promise<string> {
  const { cacheDir, classpath, javac, env } = options;
  const jars = launcherJars(classpath);
  const sources = globSync('**/*.java', { cwd: SOURCES })
    .sort()
    .map((file) => join(SOURCES, file));
  const hash = createHash('sha256');
  for (const file of sources) hash.update(readFileSync(file)).update('\0');
  for (const jar of jars) hash.update(basename(jar)).update('\0');
  const target = join(cacheDir, 'runner', hash.digest('hex').slice(0, 32));
  if (existsSync(target)) return target;

  const building = `${target}.${randomUUID()}.tmp`;
  mkdirSync(building, { recursive: true });
  try {
    const args = ['-encoding', 'UTF-8', '--release', '17', '-d', building, '-cp', jars.join(':'), ...sources];
    const { exitCode, stderr, stdout } = await run(javac, args, { cwd: SOURCES, env, timeoutMs: 300_000 });
    if (exitCode !== 0)
      throw new Error(`${javac} cannot compile the test runner: ${(stderr || stdout).slice(0, 2_000)}`);
    renameSync(building, target);
  } catch (error) {
    // Somebody else was faster with the same sources.
    if (!existsSync(target)) throw error;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return target;
}
